"""What there is one of for each event loop: of a process, and in tests of each test."""

import asyncio
from collections.abc import Callable
from typing import TypeVar
from weakref import WeakKeyDictionary

T = TypeVar("T")


def one_each(make: Callable[[], T]) -> Callable[[], T]:
    """Return a function that gives the running loop its own, made at first."""
    known = WeakKeyDictionary[asyncio.AbstractEventLoop, T]()

    def get() -> T:
        loop = asyncio.get_running_loop()
        if loop not in known:
            known[loop] = make()
        return known[loop]

    return get
