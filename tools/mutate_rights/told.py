"""What the parts of a run tell each other."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Reach:
    """What a test runs through while every check is in place."""

    test: str
    passes: bool
    seconds: float
    numbers: frozenset[int]  # of mutations
    paths: frozenset[str]


@dataclass(frozen=True)
class Told:
    """What became of a mutation: caught, timed out, alive or error; `by` a test.

    If it is alive, `passed` are the tests that were asked: they need not be again.
    """

    number: int
    word: str
    by: str = ""
    why: str = ""
    passed: frozenset[str] = frozenset()
