"""Takes measures in turns, so that all of them meet the same moments of a machine
that does more than this."""

from collections.abc import Callable, Sequence

from benchmarks.figures import percentile

Measure = Callable[[], list[float]]


def medians(measures: Sequence[Measure], turns: int) -> list[float]:
    """Return the median of each, after so many turns."""
    found: list[list[float]] = [[] for _ in measures]
    for _ in range(turns):
        for measure, values in zip(measures, found, strict=True):
            values += measure()
    return [percentile(values, 0.5) for values in found]
