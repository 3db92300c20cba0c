"""What is kept of one column in one group while the rows stream by."""

from collections import Counter
from fractions import Fraction
from typing import Any

from .combine import mean, variance
from .table import parse_number

MAX_NUMBER = 1e150  # its square is still a double
MAX_LEVELS = 1000
MAX_LEVEL_LENGTH = 200


class Unsuitable(Exception):
    """A column cannot be summarized, for the reason given."""


class Numbers:
    """Count, sum and sum of squares of doubles, without any rounding.

    A double is a fraction whose denominator is a power of two, so integers over one
    common denominator hold the sums exactly; they stay under 5,000 bits.
    """

    def __init__(self) -> None:
        self.n = 0
        self.missing = 0
        self.minimum: float | None = None
        self.maximum: float | None = None
        self._denominator = 1
        self._sum = 0
        self._squares = 0

    def add(self, text: str) -> None:
        value = parse_number(text)
        if value is None or abs(value) > MAX_NUMBER:
            raise Unsuitable(f"a number is infinite or beyond {MAX_NUMBER:g}")
        self.n += 1
        self.minimum = value if self.minimum is None else min(self.minimum, value)
        self.maximum = value if self.maximum is None else max(self.maximum, value)
        numerator, denominator = value.as_integer_ratio()
        if denominator > self._denominator:
            factor = denominator // self._denominator
            self._sum *= factor
            self._squares *= factor * factor
            self._denominator = denominator
        numerator *= self._denominator // denominator
        self._sum += numerator
        self._squares += numerator * numerator

    def result(self, *, extremes: bool) -> dict[str, Any]:
        """Return the exact sums as "numerator/denominator", and the site's own mean."""
        total = Fraction(self._sum, self._denominator)
        squares = Fraction(self._squares, self._denominator**2)
        cell = {
            "n": self.n,
            "missing": self.missing,
            "mean": mean(self.n, total),
            "variance": variance(self.n, total, squares),
            "sum": str(total),
            "sum_of_squares": str(squares),
        }
        if extremes:
            cell |= {"minimum": self.minimum, "maximum": self.maximum}
        return cell


class Levels:
    """Rows per level of a categorical column."""

    def __init__(self) -> None:
        self.missing = 0
        self.counts: Counter[str] = Counter()

    @property
    def n(self) -> int:
        return self.counts.total()

    def add(self, text: str) -> None:
        self.counts[text] += 1
        if len(self.counts) > MAX_LEVELS or len(text) > MAX_LEVEL_LENGTH:
            raise Unsuitable("it holds free text or more than 1,000 different values")

    def result(self, *, shown: set[str]) -> dict[str, Any]:
        """Return the counts of the levels that may be shown, the rest as `other`."""
        levels = {
            level: self.counts[level] for level in sorted(shown & set(self.counts))
        }
        return {
            "n": self.n,
            "missing": self.missing,
            "levels": levels,
            "other": self.n - sum(levels.values()),
        }
