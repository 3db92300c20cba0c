"""The links between the nodes and the server are damaged, and mended."""

from collections.abc import Iterator
from contextlib import contextmanager

from tools.drills.link import Damage
from tools.drills.recipe import Act, Recipe
from tools.drills.stage import Stage
from tools.drills.verdict import Promise

CLAIM = "POST /api/v1/node/claim/"


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
        )
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
)
