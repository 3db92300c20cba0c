"""Delays: doubled, capped, spread."""

import statistics

import pytest
from ptm_node.clock import Backoff, Clock


class Longest(Clock):
    """Chance always takes the upper end."""

    def spread(self, seconds: float, share: float = 0.2) -> float:
        return seconds * (1 + share)


def test_delays_double_up_to_a_cap_and_begin_again() -> None:
    backoff = Backoff(Longest(), first=0.5, cap=30.0)
    delays = [backoff.delay() for _ in range(9)]
    assert delays == pytest.approx([0.5, 1, 2, 4, 8, 16, 30, 30, 30])
    backoff.reset()
    assert backoff.delay() == pytest.approx(0.5)


def test_a_delay_is_never_shorter_than_asked_for() -> None:
    backoff = Backoff(Longest())
    assert backoff.delay(at_least=17.0) == 17.0
    assert backoff.delay() == pytest.approx(1.0)


def test_delays_of_many_nodes_are_spread() -> None:
    clock = Clock()
    delays = [Backoff(clock, first=10.0).delay() for _ in range(500)]
    assert 5.0 <= min(delays) < 5.5
    assert 9.5 < max(delays) <= 10.0
    assert statistics.stdev(delays) > 1.0


def test_regular_waits_are_spread_a_little() -> None:
    waits = [Clock().spread(30.0) for _ in range(500)]
    assert 24.0 <= min(waits) < 25.5
    assert 34.5 < max(waits) <= 36.0
