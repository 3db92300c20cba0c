"""How much memory processes take."""

from collections.abc import Iterator
from pathlib import Path


def tree(pid: int) -> Iterator[int]:
    """A process and all that it has started."""
    yield pid
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        yield from tree(int(child))


def resident(pid: int) -> int:
    """Bytes that it has in memory now."""
    return _bytes(pid, "VmRSS")


class Growth:
    """What a process and its children take at most, beyond what they have now."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._before = {each: resident(each) for each in tree(pid)}
        for each in self._before:
            # The kernel forgets the peaks that were: see proc(5).
            Path(f"/proc/{each}/clear_refs").write_text("5")

    @property
    def bytes(self) -> int:
        """The sum of what each had at most, less what all had when this began."""
        peaks = sum(_bytes(each, "VmHWM") for each in tree(self._pid))
        return peaks - sum(self._before.values())


def _bytes(pid: int, field: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024
    return 0
