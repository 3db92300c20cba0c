"""Machines that are copied or full, and a tag that is moved."""

from tools.drills.recipe import Act, Recipe
from tools.drills.site import Site
from tools.drills.stage import Stage
from tools.drills.verdict import Promise
from tools.rig.images import ensure_base_image
from tools.rig.platform import NAMESPACE, TAG

SUPERSEDED_SECONDS = 60.0
OUTPUT = 4 << 20
HOUR = 3600
NO_ROOM_AT_SITE = "the disk of this site is full"
NO_ROOM_AT_SERVER = "server_disk_full"


def node_cloned(stage: Stage) -> Promise:
    """A copy of yesterday's machine takes over; then the original is used again.

    The copy knows nothing of what runs, and starts it anew: the one case in which an
    attempt starts twice. What the older machine made of it counts no more; but if it is
    quick, it can still tell that its container was ended, and there is a new attempt.
    """
    site = stage.sites[-1]
    clone = site.clone()
    stage.send(site, seconds=2)
    stage.await_running()
    taken_over(stage, site, clone)
    return Promise(attempts=2, starts_of_one=2)


def node_copied_while_it_runs(stage: Stage) -> Promise:
    """The copy knows of the container, but would look for its result in vain."""
    site = stage.sites[-1]
    stage.send(site, seconds=4)
    stage.await_status("running")  # which the node says once its journal has the start
    taken_over(stage, site, site.clone())
    return Promise(attempts=2)


def taken_over(stage: Stage, site: Site, clone: Site) -> None:
    stage.clones.append(clone)
    with clone.process:
        site.process.wait(SUPERSEDED_SECONDS)
        stage.await_finished()
        stage.send(site)
        stage.await_finished()
        stage.await_that(lambda: not clone.left(), "The clone kept something")
    site.process.start()
    stage.send(site)


def tag_moved(stage: Stage) -> Promise:
    """Another image has the approved one's tag, and no node has pulled before."""
    stage.forget_image()
    repository = f"{NAMESPACE}/nonce"
    other = ensure_base_image(stage.engine)
    stage.registry.push(stage.engine, other, repository, TAG)
    stage.send()
    return Promise()


def node_disk_full(stage: Stage) -> Promise:
    """Room for the container's output, and none for its copy in the spool."""
    site = stage.sites[1]
    before = site.said.count(NO_ROOM_AT_SITE)
    stage.send(site, seconds=1, size=OUTPUT)
    stage.await_running()
    with site.disk.with_only(OUTPUT + OUTPUT // 2):
        stage.await_that(
            lambda: site.said.count(NO_ROOM_AT_SITE) > before, "The disk was not full"
        )
    return Promise(attempts=2)


def server_disk_full(stage: Stage) -> Promise:
    """The server takes no result while it has less room than it keeps in reserve."""
    before = {site.name: site.said.count(NO_ROOM_AT_SERVER) for site in stage.sites}
    stage.send(seconds=4)
    stage.await_running()
    with stage.disk.with_only(OUTPUT):
        stage.await_that(
            lambda: all(
                site.said.count(NO_ROOM_AT_SERVER) > before[site.name]
                for site in stage.sites
            ),
            "The disk was not full",
        )
    return Promise()


def clock_is_wrong(ahead: int) -> Act:
    """From before the claim until after the end, a kill included."""

    def act(stage: Stage) -> Promise:
        site = stage.sites[0]
        site.set_clock(ahead)
        stage.send(site, seconds=1)
        stage.await_running()
        site.process.kill()
        site.process.start()
        stage.await_finished()
        site.set_clock(0)
        stage.send(site)
        return Promise()

    return act


MACHINES = (
    Recipe("node cloned, the copy started while a container runs", node_cloned),
    Recipe("node copied while a container runs", node_copied_while_it_runs),
    Recipe("tag moved to another image after approval", tag_moved),
    Recipe("clock of a node an hour ahead", clock_is_wrong(HOUR)),
    Recipe("clock of a node an hour behind", clock_is_wrong(-HOUR)),
    Recipe("disk full at a node", node_disk_full, of_root=True),
    Recipe("disk full at the server", server_disk_full, of_root=True),
)
