"""How far pulls and uploads are, for somebody who watches the daemon on a terminal."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from ptm_node.terminal import printable

if TYPE_CHECKING:
    from rich.progress import Progress as Drawn
    from rich.progress import TaskID


class Progress(Protocol):
    def tell(self, what: str, done: int, total: int) -> None:
        """Something has come further, in bytes."""

    def end(self, what: str) -> None:
        """It is done, or was given up."""


class Silent:
    """For a daemon that nobody watches: its log says what begins and ends."""

    def tell(self, what: str, done: int, total: int) -> None:
        pass

    def end(self, what: str) -> None:
        pass


@contextmanager
def bars() -> Iterator[Progress]:
    """Bars below the log, which goes on above them."""
    # Only here: the library costs a daemon without a terminal more than it gives.
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, TextColumn
    from rich.progress import Progress as Drawn

    columns = (TextColumn("{task.description}", markup=False), BarColumn())
    console = Console(stderr=True)
    with Drawn(*columns, DownloadColumn(), console=console) as drawn:
        yield _Bars(drawn)


class _Bars:
    def __init__(self, drawn: "Drawn") -> None:
        self._drawn = drawn
        self._tasks: dict[str, TaskID] = {}

    def tell(self, what: str, done: int, total: int) -> None:
        if what not in self._tasks:
            self._tasks[what] = self._drawn.add_task(printable(what), total=total)
        self._drawn.update(self._tasks[what], completed=done, total=total)

    def end(self, what: str) -> None:
        task = self._tasks.pop(what, None)
        if task is not None:
            self._drawn.remove_task(task)
