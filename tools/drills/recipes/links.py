"""The links between the nodes and the server are damaged, and mended."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from tools.drills.link import CLAIM, HELLO, Damage
from tools.drills.network import OwnNetwork
from tools.drills.recipe import Act, Recipe
from tools.drills.stage import Stage
from tools.drills.verdict import Promise
from tools.rig.errors import RigError

# Twice what a node waits for a claim that the server holds, if it has no socket.
GIVEN_UP_SECONDS = 240.0  # twice, and on a busy machine
NO_CONTACT = "no contact with the server"


@contextmanager
def damaged(stage: Stage, damage: Damage) -> Iterator[None]:
    for site in stage.sites:
        site.link.damage(damage)
    try:
        yield
    finally:
        for site in stage.sites:
            site.link.damage(Damage.NONE)


def damaged_from_the_start(damage: Damage) -> Act:
    """Everything about the tasks is said over the damaged link."""

    def act(stage: Stage) -> Promise:
        with damaged(stage, damage):
            stage.send(seconds=0.5, size=5 << 20)
            stage.await_finished()
        return Promise()

    return act


def damaged_while_containers_end(damage: Damage) -> Act:
    def act(stage: Stage) -> Promise:
        stage.send(seconds=2, times=2)
        stage.await_running()
        runs = stage.runs()
        with damaged(stage, damage):
            stage.await_gone(runs)
        return Promise()

    return act


def unanswered_claims(stage: Stage) -> Promise:
    """The claims' answers stay on their way until the nodes have given up on them."""
    asked = {site.name: site.link.asked[CLAIM] for site in stage.sites}
    with damaged(stage, Damage.UNANSWERED):
        stage.send()
        stage.await_that(
            lambda: all(s.link.asked[CLAIM] > asked[s.name] + 1 for s in stage.sites),
            "A node never claimed again",
            GIVEN_UP_SECONDS,
        )
    return Promise()


def packets_lost(stage: Stage) -> Promise:
    """200 ms of delay in each direction, and one packet in twenty lost."""
    with damaged(stage, Damage.LATE), losing(stage, 0.05) as lost:
        stage.send(size=5 << 20)
        stage.await_finished()
    if not lost():
        raise RigError("No packet was lost.")
    return Promise()


def packets_dropped(stage: Stage) -> Promise:
    """As by a firewall that says nothing, until each node has given up a request."""
    before = {site.name: site.said.count(NO_CONTACT) for site in stage.sites}
    stage.send(seconds=2, times=2)
    stage.await_running()
    runs = stage.runs()
    with losing(stage, 1):
        stage.await_gone(runs)
        stage.await_that(
            lambda: all(s.said.count(NO_CONTACT) > before[s.name] for s in stage.sites),
            "A node never noticed",
        )
    return Promise()


@contextmanager
def losing(stage: Stage, share: float) -> Iterator[Callable[[], int]]:
    """That share of the packets of every site; yields how many were lost."""
    networks = [site.link.network for site in stage.sites]
    own = [network for network in networks if isinstance(network, OwnNetwork)]
    before = sum(network.lost for network in own)
    with ExitStack() as stack:
        for network in own:
            stack.enter_context(network.losing(share))
        yield lambda: sum(network.lost for network in own) - before


def hello_of_a_new_start_first(stage: Stage) -> Promise:
    """The node dies while the answer to its claim is under way, and starts again."""
    site = stage.sites[0]
    with site.link.keeping_answers(CLAIM):
        stage.send(site)
        stage.await_status("claimed")
        site.process.kill()
        asked = site.link.asked[CLAIM]
        site.process.start()
        # It claims when its hello is answered, and not before.
        stage.await_that(
            lambda: site.link.asked[CLAIM] > asked, "The node never claimed again"
        )
    return Promise()


def hello_of_the_same_start_first(stage: Stage) -> Promise:
    """A node has other columns to announce while the answer to its claim is late."""
    site = stage.sites[0]
    link = site.link
    with link.keeping_answers(CLAIM):
        with link.keeping_requests(HELLO):
            asked, answered = link.asked[HELLO], link.answered[HELLO]
            site.add_column()
            stage.await_that(lambda: link.asked[HELLO] > asked, "No hello was said")
            stage.send(site)
            stage.await_status("claimed")
        stage.await_that(lambda: link.answered[HELLO] > answered, "No hello was heard")
    return Promise()


LINKS = (
    Recipe(
        "the first answer to every request lost",
        damaged_from_the_start(Damage.FORGETFUL),
    ),
    Recipe(
        "every request delivered again later, behind newer ones",
        damaged_from_the_start(Damage.ECHOING),
    ),
    Recipe("link cut while containers end", damaged_while_containers_end(Damage.CUT)),
    Recipe(
        "link one-directional while containers end",
        damaged_while_containers_end(Damage.DEAF),
    ),
    Recipe("claims unanswered until the nodes ask again", unanswered_claims),
    Recipe(
        "the hello of a new start overtakes the answer to a claim",
        hello_of_a_new_start_first,
    ),
    Recipe(
        "the hello of the same start overtakes the answer to a claim",
        hello_of_the_same_start_first,
    ),
    Recipe("200 ms of delay, one packet in twenty lost", packets_lost, of_root=True),
    Recipe("every packet dropped while containers end", packets_dropped, of_root=True),
)
