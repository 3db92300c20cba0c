"""The daemon's threads: they go on through everything but the end."""

import threading
from collections.abc import Callable

import pytest
from ptm_node.errors import DaemonLeaving, Refused, Terminal, Trouble
from ptm_node.life import Life

from tests.node.harness import HurriedClock


@pytest.fixture
def life() -> Life:
    return Life(HurriedClock())


def steps(life: Life, *errors: Exception) -> Callable[[], None]:
    """A step that fails in these ways, one after the other, and then ends the life."""
    left = list(errors)

    def step() -> None:
        if not left:
            return life.leave()
        raise left.pop(0)

    return step


def test_a_thread_goes_on_whatever_happens_in_a_step(life: Life) -> None:
    trouble = [Trouble("no answer"), Refused(400, "x", "y"), ValueError("a mistake")]
    thread = life.repeat("test", steps(life, *trouble))
    thread.join(10)
    assert life.leaving.is_set()
    assert life.error is None


def test_a_terminal_error_ends_every_thread_and_the_first_one_counts(
    life: Life,
) -> None:
    woken = threading.Event()
    life.on_leaving(woken.set)
    first, second = Terminal("first"), Terminal("second")
    life.repeat("test", steps(life, first)).join(10)
    life.fail(second)
    assert woken.is_set()
    assert life.leaving.is_set()
    assert life.draining.is_set()
    assert life.error is first


def test_waits_end_with_the_daemon(life: Life) -> None:
    waiting = threading.Thread(target=lambda: life.pause(3600))
    waiting.start()
    life.leave()
    waiting.join(5)
    assert not waiting.is_alive()


def test_trouble_that_names_a_time_is_waited_for(
    life: Life, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    monkeypatch.setattr(life, "pause", waits.append)
    life.repeat("test", steps(life, Trouble("busy", retry_after=77.0))).join(10)
    assert waits == [77.0]


def test_what_must_be_done_is_tried_until_it_is_done(life: Life) -> None:
    tries = iter([OSError(28, "full"), OSError(28, "full"), None])
    done: list[int] = []

    def act() -> None:
        error = next(tries)
        if error is not None:
            raise error
        done.append(1)

    life.insist(act)
    assert done == [1]


def test_what_must_be_done_is_left_to_the_next_life_if_this_one_ends(
    life: Life,
) -> None:
    life.leave()

    def never() -> None:
        raise OSError(28, "full")

    with pytest.raises(DaemonLeaving):
        life.insist(never)
