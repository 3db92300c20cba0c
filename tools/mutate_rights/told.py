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
    """What became of a mutation: caught, timed out, alive or error; `by` a test."""

    number: int
    word: str
    by: str = ""
    why: str = ""
