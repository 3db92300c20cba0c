"""Threads of the node that take turns in one thread of ours, in an order that repeats.

What waits gives its turn away, and time passes only when it is told to. `Turns` stands
in for what the node's modules know as `threading`.
"""

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, Self

from greenlet import GreenletExit, getcurrent, greenlet

TURNS_AT_MOST = 100_000


@dataclass(eq=False)
class Turn:
    """One thread, and what it waits for."""

    thread: Any
    owner: Any
    ready: Callable[[], object] = lambda: True
    until: float = math.inf

    def may_go(self, now: float) -> bool:
        return self.until <= now or bool(self.ready())


class Turns:
    def __init__(self) -> None:
        self.now = 0.0
        self._stage = getcurrent()
        self._waiting: list[Turn] = []
        self._gone: list[Turn] = []
        self._current: Turn | None = None
        self._over = False

    @property
    def owner(self) -> Any:
        """Whose thread has its turn; none if it is the test's own."""
        return self._current.owner if self._current else None

    def begin(self, action: Callable[[], object], owner: Any) -> Turn:
        turn = Turn(greenlet(action, self._stage), owner)
        if not self._over:
            self._waiting.append(turn)
        return turn

    def wait(self, ready: Callable[[], object], seconds: float | None = None) -> bool:
        """Let others go until it is ready, or so much time has passed."""
        turn = self._current
        if self._over or turn is None:
            raise GreenletExit
        turn.ready = ready
        turn.until = math.inf if seconds is None else self.now + seconds
        if not turn.may_go(self.now):
            self._stage.switch()
        return bool(ready())

    def settle(self) -> None:
        """Return when nobody can go on."""
        for _ in range(TURNS_AT_MOST):
            ready = (turn for turn in self._waiting if turn.may_go(self.now))
            turn = next(ready, None)
            if turn is None:
                return
            self._waiting.remove(turn)
            self._waiting.append(turn)
            self._go(turn)
        raise AssertionError("the threads do not come to rest")

    def pass_time(self, seconds: float) -> None:
        end = self.now + seconds
        self.settle()
        while (due := min((t.until for t in self._waiting), default=end)) < end:
            self.now = due
            self.settle()
        self.now = end
        self.settle()

    def kill(self, owner: Any) -> None:
        """None of its threads has another turn, not even this one."""
        dead = [turn for turn in self._waiting if turn.owner is owner]
        self._waiting = [turn for turn in self._waiting if turn.owner is not owner]
        self._gone += dead
        if self._current is not None and self._current.owner is owner:
            self._stage.switch()

    def is_alive(self, turn: Turn) -> bool:
        return turn in self._waiting

    def end(self) -> None:
        """Let go of every thread."""
        self._over = True
        for turn in (*self._waiting, *self._gone):
            self._current = turn
            turn.thread.throw(GreenletExit)
        self._current = None

    def threading(self, owner: Any = None) -> SimpleNamespace:
        """In place of the module; threads belong to `owner`, or to who begins them."""

        def thread(
            target: Callable[..., object],
            args: tuple[Any, ...] = (),
            **_: object,
        ) -> "Thread":
            return Thread(self, target, args, owner)

        return SimpleNamespace(
            Thread=thread,
            Event=lambda: Event(self),
            Condition=lambda: Condition(self),
        )

    def _go(self, turn: Turn) -> None:
        self._current = turn
        try:
            turn.thread.switch()
        finally:
            self._current = None
            if turn.thread.dead and turn in self._waiting:
                self._waiting.remove(turn)


class Thread:
    def __init__(
        self,
        turns: Turns,
        target: Callable[..., object],
        args: tuple[Any, ...],
        owner: Any,
    ) -> None:
        self._turns = turns
        self._target = target
        self._args = args
        self._owner = owner
        self._turn: Turn | None = None

    def start(self) -> None:
        owner = self._owner or self._turns.owner
        self._turn = self._turns.begin(lambda: self._target(*self._args), owner)

    def join(self, timeout: float | None = None) -> None:
        self._turns.wait(lambda: not self.is_alive(), timeout)

    def is_alive(self) -> bool:
        return self._turn is not None and self._turns.is_alive(self._turn)


class Event:
    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self._set = False

    def set(self) -> None:
        self._set = True

    def clear(self) -> None:
        self._set = False

    def is_set(self) -> bool:
        return self._set

    def wait(self, timeout: float | None = None) -> bool:
        return self._turns.wait(self.is_set, timeout)


class Condition:
    """Nobody else has a turn inside its block, unless somebody waits there."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self._calls = itertools.count()
        self._called = next(self._calls)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def wait(self, timeout: float | None = None) -> bool:
        before = self._called
        return self._turns.wait(lambda: self._called != before, timeout)

    def wait_for(
        self, predicate: Callable[[], object], timeout: float | None = None
    ) -> bool:
        return self._turns.wait(predicate, timeout)

    def notify_all(self) -> None:
        self._called = next(self._calls)


class Future:
    """As much of a future as the node uses."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self._done = False
        self._error: Exception | None = None

    def set_result(self, _: None) -> None:
        self._done = True

    def set_exception(self, error: Exception) -> None:
        self._done, self._error = True, error

    def result(self) -> None:
        self._turns.wait(lambda: self._done)
        if self._error is not None:
            raise self._error
