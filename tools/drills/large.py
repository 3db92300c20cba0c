"""How large the large result is, and how bad its line."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Large:
    """A result, and how often the line breaks while it is sent."""

    size: int = 2_000_000_000
    breaks: int = 10

    @property
    def breaks_at(self) -> list[int]:
        """At which numbers of bytes, evenly over the whole."""
        parts = self.breaks + 1
        return [self.size * part // parts for part in range(1, parts)]


SMALL = Large(64_000_000, breaks=3)
