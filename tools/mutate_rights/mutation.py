"""One check, and what stands in its place when it is removed."""

from dataclasses import dataclass

# A function of a module: its name and its first line, as its code object has them.
Place = tuple[str, int]


@dataclass(frozen=True)
class Mutation:
    path: str
    line: int
    function: str
    # The functions in whose bodies it is, outermost first. None: it acts at import.
    bodies: tuple[Place, ...]
    # Where its statement begins: line and column.
    statement: tuple[int, int]
    start: int
    end: int
    before: str
    after: str

    def applied(self, source: bytes) -> bytes:
        return source[: self.start] + self.after.encode() + source[self.end :]

    @property
    def name(self) -> str:
        """Stays the same when lines above it come and go."""
        before = " ".join(self.before.split())
        return f"{self.path} {self.function}: {before} → {self.after}"

    def __str__(self) -> str:
        before = " ".join(self.before.split())
        return f"{self.path}:{self.line} {self.function}: {before} → {self.after}"
