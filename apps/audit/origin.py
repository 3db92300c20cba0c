"""Which request is being handled: set once at the door, read by `record`."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True)
class Origin:
    """Both are empty outside a request: the worker and commands act for nobody."""

    request_id: str = ""
    address: str = ""


NOWHERE = Origin()
_present: ContextVar[Origin] = ContextVar("origin")


def present_origin() -> Origin:
    return _present.get(NOWHERE)


@contextmanager
def coming_from(origin: Origin) -> Iterator[None]:
    token = _present.set(origin)
    try:
        yield
    finally:
        _present.reset(token)
