"""Files as answers: streamed at constant memory, with ranges, under ASGI and WSGI."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterable, Iterator
from contextvars import copy_context
from functools import partial
from typing import Any

from django.core.handlers.asgi import ASGIRequest
from django.http import (
    HttpRequest,
    HttpResponseBase,
    StreamingHttpResponse,
)

from apps.errors import Refusal

BLOCK = 1024 * 1024
RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


def streamed(request: HttpRequest, blocks: Iterable[bytes]) -> StreamingHttpResponse:
    """Stream `blocks`; under ASGI a synchronous iterator would be collected whole."""
    if request.method == "HEAD":
        return StreamingHttpResponse(())
    if isinstance(request, ASGIRequest):
        return StreamingHttpResponse(_in_threads(iter(blocks)))
    return StreamingHttpResponse(blocks)


async def _in_threads(blocks: Iterator[bytes]) -> AsyncIterator[bytes]:
    """Each block is made while the one before it is sent."""
    loop = asyncio.get_running_loop()
    # A block may be empty: that is not the end.
    make = partial(copy_context().run, next, blocks, None)
    coming = loop.run_in_executor(None, make)
    while (block := await coming) is not None:
        coming = loop.run_in_executor(None, make)
        yield block


def file_response(request: HttpRequest, file: Any, size: int) -> HttpResponseBase:
    """Answer with the file, or with the one range of it that was asked for."""
    wanted = byte_range(request.headers.get("Range", ""), size)
    start, stop = wanted or (0, size)
    if not file.storage.exists(file.name):
        raise FileNotFoundError(f"The stored bytes of {file.name} are gone")
    response = streamed(request, blocks_of(file, start, stop))
    response["Accept-Ranges"] = "bytes"
    response["Content-Length"] = str(stop - start)
    if wanted is not None:
        response.status_code = 206
        response["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
    return response


class RangeUnsatisfiable(Refusal):
    status = 416

    def __init__(self, size: int) -> None:
        super().__init__("range_unsatisfiable", f"There are {size} bytes.")
        self.headers = {"Content-Range": f"bytes */{size}"}


def byte_range(header: str, size: int) -> tuple[int, int] | None:
    """Return the half-open range of bytes; None means the whole.

    Anything but one plain range is answered with the whole, as RFC 9110 allows.
    """
    match = RANGE.fullmatch(header.replace(" ", ""))
    if match is None or match[0] == "bytes=-":
        return None
    first, last = match[1], match[2]
    if first and last and int(last) < int(first):
        return None
    start = int(first) if first else max(size - int(last), 0)
    stop = min(int(last) + 1, size) if first and last else size
    if start >= stop:
        raise RangeUnsatisfiable(size)
    return start, stop


def blocks_of(file: Any, start: int, stop: int) -> Iterator[bytes]:
    with file.open("rb") as opened:
        opened.seek(start)
        left = stop - start
        while left > 0 and (block := opened.read(min(BLOCK, left))):
            left -= len(block)
            yield block
