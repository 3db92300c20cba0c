"""Files as answers: streamed at constant memory, with ranges, under ASGI and WSGI."""

import re
from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Any

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    StreamingHttpResponse,
)

BLOCK = 1024 * 1024
RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


def streamed(request: HttpRequest, blocks: Iterable[bytes]) -> StreamingHttpResponse:
    """Stream `blocks`; under ASGI a synchronous iterator would be collected whole."""
    if isinstance(request, ASGIRequest):
        return StreamingHttpResponse(_in_threads(iter(blocks)))
    return StreamingHttpResponse(blocks)


async def _in_threads(blocks: Iterator[bytes]) -> AsyncIterator[bytes]:
    def read() -> bytes | None:
        return next(blocks, None)  # a block may be empty: that is not the end

    while (block := await sync_to_async(read, thread_sensitive=False)()) is not None:
        yield block


def file_response(request: HttpRequest, file: Any, size: int) -> HttpResponseBase:
    """Answer with the file, or with the one range of it that was asked for."""
    header = request.headers.get("Range", "")
    wanted = byte_range(header, size)
    if wanted is None:
        response: HttpResponseBase = HttpResponse(status=416)
        response["Content-Range"] = f"bytes */{size}"
        return response
    start, stop = wanted
    response = streamed(request, blocks_of(file, start, stop))
    response["Accept-Ranges"] = "bytes"
    response["Content-Length"] = str(stop - start)
    if (start, stop) != (0, size):
        response.status_code = 206
        response["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
    return response


def byte_range(header: str, size: int) -> tuple[int, int] | None:
    """Return the half-open range of bytes, or None where it cannot be satisfied.

    Anything but one plain range is answered with the whole, as RFC 9110 allows.
    """
    match = RANGE.fullmatch(header.replace(" ", ""))
    if match is None or match[0] == "bytes=-":
        return 0, size
    first, last = match[1], match[2]
    if not first:
        return max(size - int(last), 0), size
    start = int(first)
    stop = min(int(last) + 1, size) if last else size
    return (start, stop) if start < stop else None


def blocks_of(file: Any, start: int, stop: int) -> Iterator[bytes]:
    with file.open("rb") as opened:
        opened.seek(start)
        left = stop - start
        while left > 0 and (block := opened.read(min(BLOCK, left))):
            left -= len(block)
            yield block
