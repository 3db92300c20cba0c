"""What chance may do in a play, and how often it looks whether all is well."""

import sys
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import TypeVar

from django.db.models import QuerySet
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)
from hypothesis.strategies._internal.featureflags import FeatureFlags
from ptm_node.messages import Key

from apps.tasks.choices import TERMINAL
from apps.tasks.models import Run, Task
from tests.machine.hosts import Host
from tests.machine.play import playing
from tests.worlds import World

# Which of those that there are; the same number means the same one again.
WHICH = st.integers(0, 5)
SITES = st.sampled_from([(0, 1), (0,), (1,)])
MOST_TASKS, MOST_HOSTS, MOST_GONE = 6, 4, 1

T = TypeVar("T")


class Machine(RuleBasedStateMachine):
    def __init__(self, world: World, folder: Path) -> None:
        super().__init__()
        # Every rule in every play: with half of them left out, hardly a run gets far.
        self._rules_strategy.enabled_rules_strategy = st.just(FeatureFlags())
        self._stack = ExitStack()
        self.play = self._stack.enter_context(playing(world, folder))
        self.network = self.play.network

    @invariant()
    def all_is_well(self) -> None:
        self.play.checks.hold()

    def teardown(self) -> None:
        with self._stack:
            if sys.exception() is None:
                self.play.heal()
                self.play.checks.hold()

    # People, and the server by itself.

    @initialize(sites=SITES)
    def begin(self, sites: tuple[int, ...]) -> None:
        self.play.send(*sites)
        self.play.flow(*self.play.hosts)

    @precondition(lambda self: Task.objects.count() < MOST_TASKS)
    @rule(sites=SITES)
    def send(self, sites: tuple[int, ...]) -> None:
        self.play.send(*sites)

    @precondition(lambda self: _ended().exists())
    @rule(run=WHICH)
    def run_again(self, run: int) -> None:
        self.play.run_again(_one_of(_ended(), run))

    @rule(act=st.sampled_from(["cancel", "cancel", "expire"]), task=WHICH)
    def stop(self, act: str, task: int) -> None:
        getattr(self.play, act)(_one_of(Task.objects.order_by("pk"), task))

    @precondition(lambda self: len(self.play.gone) < MOST_GONE)
    @rule(host=WHICH)
    def revoke(self, host: int) -> None:
        self.play.revoke(_one_of(self.play.hosts, host))

    # The network.

    @rule()
    def flow(self) -> None:
        """For a while nothing is lost and nothing late."""
        self.play.flow(*self.play.hosts)

    @rule(host=WHICH)
    def flow_of_one(self, host: int) -> None:
        self.play.flow(_one_of(self.play.hosts, host))

    @precondition(lambda self: self.network.pending)
    @rule(message=WHICH)
    def exchange(self, message: int) -> None:
        self.play.exchange(_one_of(self.network.pending, message))

    @precondition(lambda self: self.network.pending)
    @rule(message=WHICH)
    def deliver_without_answer(self, message: int) -> None:
        """The answer is on its way, for as long as its sender waits."""
        self.network.deliver(_one_of(self.network.pending, message))

    @precondition(lambda self: self.network.pending)
    @rule(message=WHICH)
    def lose(self, message: int) -> None:
        """The request, which may yet arrive, or the answer if it has."""
        self.play.lose(_one_of(self.network.pending, message))

    @precondition(lambda self: self.network.pending)
    @rule()
    def restart_server(self) -> None:
        self.play.restart_server()

    @precondition(lambda self: self.play.copy is None)
    @rule()
    def copy_server(self) -> None:
        self.play.copy_server()

    @precondition(lambda self: self.play.copy and not self.play.checks.is_put_back)
    @rule()
    def put_server_back(self) -> None:
        self.play.put_server_back()

    @precondition(lambda self: self.network.sent)
    @rule(message=st.integers(0, 30))
    def deliver_late_or_again(self, message: int) -> None:
        self.network.deliver(_one_of(self.network.sent[::-1], message))

    # Nodes and their machines.

    @rule(seconds=st.sampled_from([1.0, 15.0, 40.0, 400.0]))
    def pass_time(self, seconds: float) -> None:
        self.play.pass_time(seconds)

    @precondition(lambda self: self._running())
    @rule(container=WHICH, code=st.sampled_from([0, 0, 0, 1, 137]))
    def end_container(self, container: int, code: int) -> None:
        host, key = _one_of(self._running(), container)
        host.end_container(key, code)

    @precondition(lambda self: self._up())
    @rule(host=WHICH, points=st.integers(0, 12))
    def crash(self, host: int, points: int) -> None:
        self.play.crash(_one_of(self._up(), host), points)

    @precondition(lambda self: self._up())
    @rule(host=WHICH, patiently=st.booleans())
    def leave(self, host: int, patiently: bool) -> None:
        self.play.leave(_one_of(self._up(), host), patiently=patiently)

    @precondition(lambda self: len(self._up()) < len(self.play.hosts))
    @rule(host=WHICH)
    def start(self, host: int) -> None:
        down = [host for host in self.play.hosts if host.start_now is None]
        self.play.start(_one_of(down, host))

    @precondition(lambda self: len(self.play.hosts) < MOST_HOSTS)
    @rule(host=WHICH)
    def clone(self, host: int) -> None:
        twin = self.play.clone(_one_of(self.play.hosts, host))
        self.play.start(twin)

    def _up(self) -> list[Host]:
        return [host for host in self.play.hosts if host.start_now is not None]

    def _running(self) -> list[tuple[Host, Key]]:
        return [(host, key) for host in self.play.hosts for key in host.running]


def _ended() -> QuerySet[Run]:
    """The last run of each task and organization, if it has ended."""
    ended = Run.objects.filter(status__in=TERMINAL, is_current=True)
    return ended.order_by("pk")


def _one_of(found: Iterable[T], which: int) -> T:
    several = list(found)
    return several[which % len(several)]
