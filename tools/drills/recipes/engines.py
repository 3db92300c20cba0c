"""The container engine goes away under a running container, and comes back.

It is an engine of the drills' own, which one site uses meanwhile.
"""

from collections.abc import Callable

from tools.drills.engine import Engine
from tools.drills.recipe import Act, Recipe
from tools.drills.stage import Stage
from tools.drills.verdict import Promise

NO_ENGINE = "Docker does not answer"


def engine_goes(
    end: Callable[[Engine], None], promise: Promise, *, containers_outlive_it: bool
) -> Act:
    """A container runs; another task is sent while nobody could run it."""

    def act(stage: Stage) -> Promise:
        site, engine = stage.sites[0], stage.own_engine
        site.use_engine(engine.client(), engine.address)
        before = site.said.count(NO_ENGINE)
        stage.send(site, seconds=8)
        stage.await_status("running")  # the node knows that it was started
        end(engine)
        stage.await_that(
            lambda: site.said.count(NO_ENGINE) > before, "The node never noticed"
        )
        stage.send(site)
        engine.start(containers_outlive_it=containers_outlive_it)
        return promise

    return act


TWO_STARTS = Promise(attempts=2)
ENGINES = tuple(
    Recipe(
        f"Docker {what}",
        engine_goes(end, promise, containers_outlive_it=promise.attempts == 1),
        of_root=True,
    )
    for what, end, promise in (
        ("restarted under a container", Engine.stop, TWO_STARTS),
        ("killed under a container, and started again", Engine.kill, TWO_STARTS),
        ("killed together with its containers", Engine.lose_power, TWO_STARTS),
        ("killed, and back beside the container that ran on", Engine.kill, Promise()),
    )
)
