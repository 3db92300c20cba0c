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

    If it is alive, `asked` are the tests of this round, and those that have `passed`
    need not be asked again.
    """

    number: int
    word: str
    by: str = ""
    why: str = ""
    asked: frozenset[str] = frozenset()
    passed: frozenset[str] = frozenset()
