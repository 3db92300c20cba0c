"""How an attempt ended, in the words of the node: whose fault it was.

What a container wrote is never part of them.
"""

import errno
import logging
import sqlite3
from pathlib import Path

from ptm_node.errors import Refused, RunFailure
from ptm_node.messages import Code
from ptm_node.runtimes.base import Exit
from ptm_node.sections import Limits

log = logging.getLogger(__name__)

_FILE_TOO_LARGE = 128 + 25  # ended by SIGXFSZ
_ENDED_FROM_OUTSIDE = (128 + 9, 128 + 15)


def judge(ending: Exit, limits: Limits, output: Path) -> None:
    """Raises RunFailure unless the container's end was good."""
    match ending:
        case Exit(code=0):
            return
        case Exit(code=None):
            raise _infrastructure("the container has vanished")
        case Exit(out_of_memory=True):
            detail = f"out of memory at {limits.memory.in_words}"
            raise RunFailure(Code.OUT_OF_MEMORY, detail)
        case Exit(code=code) if code in _ENDED_FROM_OUTSIDE:
            raise _infrastructure("the container was ended from outside")
        case Exit(code=255, witnessed=False):  # what an engine's crash leaves
            raise _infrastructure("the container engine went down")
        case Exit(code=code):
            if code == _FILE_TOO_LARGE or output.stat().st_size > limits.output:
                detail = f"the output is larger than {limits.output.in_words}"
                raise RunFailure(Code.OUTPUT_TOO_LARGE, detail)
            raise RunFailure(Code.EXIT_NONZERO, f"exit status {code}")


def _infrastructure(detail: str) -> RunFailure:
    return RunFailure(Code.RUNTIME_UNAVAILABLE, detail, retry=True)


def failure_of(error: Exception) -> RunFailure:
    """Any error as what the server is told of it."""
    if isinstance(error, RunFailure):
        return error
    full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
    if full or isinstance(error, sqlite3.OperationalError):
        detail = "the disk of this site is full"
        return RunFailure(Code.DISK_FULL, detail, retry=True)
    log.error("this ends the run: %s", error, exc_info=not isinstance(error, Refused))
    return RunFailure(Code.INTERNAL, "the node met an error; its log says more")
