"""Work in forks of this process: each begins with all that it has loaded and built."""

from collections import deque
from collections.abc import Callable, Iterator
from enum import Enum
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkProcess
from time import monotonic
from typing import TypeVar

Job = TypeVar("Job")
Result = TypeVar("Result")
FORK = get_context("fork")


class Gone(Enum):
    """Why there is no result."""

    LATE = "took too long"
    DEAD = "died"


def in_children(
    work: Callable[[Job], Result],
    jobs: deque[Job],
    at_once: int,
    seconds: float,
) -> Iterator[tuple[Job, Result | Gone]]:
    """`work(job)` of each job, as they are done. Who reads them may add jobs."""
    running: dict[Connection, tuple[Job, ForkProcess, float]] = {}
    while jobs or running:
        while jobs and len(running) < at_once:
            job = jobs.popleft()
            reader, child = _start(work, job)
            running[reader] = job, child, monotonic() + seconds
        ready = set(wait(list(running), timeout=1))
        for reader, (job, child, end) in list(running.items()):
            if reader in ready or monotonic() > end:
                del running[reader]
                yield job, _result(reader, child, reader in ready)


def _start(work: Callable[[Job], Result], job: Job) -> tuple[Connection, ForkProcess]:
    reader, writer = FORK.Pipe(duplex=False)
    child = FORK.Process(target=lambda: writer.send(work(job)))
    child.start()
    writer.close()
    return reader, child


def _result(reader: Connection, child: ForkProcess, ready: bool) -> Result | Gone:
    try:
        result: Result | Gone = reader.recv() if ready else Gone.LATE
    except EOFError:
        result = Gone.DEAD
    child.kill()
    child.join()
    return result
