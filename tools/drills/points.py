"""Places at which a process of the product kills itself, as a power cut would.

The product has no word of this in its code: the drills start it through a module that
puts a wrapper around some of its functions. A wrapper does nothing until a file with
the point's name lies in the folder that PTM_DRILL_POINTS names; the process that takes
the file away dies.
"""

import os
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any

FOLDER = "PTM_DRILL_POINTS"
# So many seconds a node's clock is ahead of ours.
AHEAD = "PTM_DRILL_AHEAD"


Work = Callable[[], None]


def always(_: Any) -> bool:
    return True


def at_once(work: Work) -> None:
    work()


@dataclass(frozen=True)
class Point:
    """`owner.function`, before it is entered or after it has returned."""

    name: str
    owner: Any
    function: str
    after: bool = True
    # Looked at with what the function returned.
    wanted: Callable[[Any], object] = always
    # When to die there; `transaction.on_commit` puts it off.
    when: Callable[[Work], None] = at_once


def install(points: Sequence[Point]) -> None:
    folder = Path(os.environ[FOLDER])
    for point in points:
        # One that the product has no more is an error at the start of its process.
        inner = getattr(point.owner, point.function)
        setattr(point.owner, point.function, _deadly(inner, point, folder))


def _deadly(inner: Callable[..., Any], point: Point, folder: Path) -> Any:
    def die() -> None:
        _die_if_armed(folder / point.name)

    @wraps(inner)
    def outer(*args: Any, **kwargs: Any) -> Any:
        if not point.after:
            point.when(die)
        result = inner(*args, **kwargs)
        if point.after and point.wanted(result):
            point.when(die)
        return result

    return outer


def _die_if_armed(file: Path) -> None:
    try:
        file.unlink()  # one process and one thread alone can do this
    except FileNotFoundError:
        return
    os.kill(os.getpid(), signal.SIGKILL)
