"""Very many nodes lose their server at once, and come back at once."""

import time

from tools.drills.crowd import Crowd
from tools.drills.recipe import Recipe
from tools.drills.stage import Stage
from tools.drills.verdict import Promise
from tools.rig.errors import RigError
from tools.rig.process import wait_until

TASKS = 3
FIRST_ONLINE_SECONDS = 300.0  # all of them are enrolled as well
ONLINE_SECONDS = 60.0


def crowd_loses_its_server(stage: Stage) -> Promise:
    """Some of them run something meanwhile."""
    crowd = stage.crowd
    faults = len(crowd.link.faults)
    try:
        began = time.time()
        crowd.process.start()
        await_heard(stage, crowd, began, FIRST_ONLINE_SECONDS)
        before = len(crowd.starts())
        for _ in range(TASKS):
            stage.sent.send(crowd.organizations, {"seconds": 2})
        stage.await_that(
            lambda: len(crowd.starts()) >= before + len(crowd.organizations),
            "Too few runs were started",
        )
        stage.server.kill()
        killed = time.time()
        stage.server.start()
        await_heard(stage, crowd, killed, ONLINE_SECONDS)
        stage.await_finished()
        stage.await_that(lambda: not crowd.left(), "The crowd kept something")
    finally:
        crowd.process.kill()
    for run, seen in crowd.seen()[before:]:
        stage.witness.hear(run, seen)
    if found := crowd.link.faults[faults:]:
        raise RigError(f"Nodes heard of a broken server: {', '.join(found)}.")
    return Promise()


def await_heard(stage: Stage, crowd: Crowd, moment: float, seconds: float) -> None:
    """Return when all nodes, the sites' own included, were heard since the moment."""
    nodes = crowd.size + len(stage.sites)
    if not wait_until(lambda: stage.ledger.heard_since(moment) >= nodes, seconds):
        heard = stage.ledger.heard_since(moment)
        raise RigError(f"{heard} of {nodes} nodes were heard after {seconds:g} s.")


CROWDS = (
    Recipe("200 nodes lose the server at once, and come back", crowd_loses_its_server),
)
