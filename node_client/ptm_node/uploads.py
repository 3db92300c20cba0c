"""Sends a spooled result by the tus protocol, a chunk at a time.

A small one goes with the request that creates its upload. Every wait is bounded and
no more than a small piece of the result is in memory, so neither a dead link nor a
result of many gigabytes can hurt the daemon.
"""

import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from ptm_node.errors import OffsetConflict, Refused, TooLarge, Trouble
from ptm_node.journal import Output
from ptm_node.messages import Key
from ptm_node.transport import Answer, Transport

# A chunk at first, at most where the line is quick, and at least where it breaks: what
# a break may cost, and what other words wait for, against the cost of each request.
CHUNK = 4 << 20
LARGEST = 32 << 20
LEAST = 256 << 10
# Only where larger requests are refused for their size.
SMALLEST = 16 << 10
QUICK_SECONDS = 1.0
# A result of at most so many bytes needs no request of its own.
WITHIN = 64 << 10
_TUS = {"Tus-Resumable": "1.0.0"}
_OCTETS = {"Content-Type": "application/offset+octet-stream"}
_GONE = ("", "not_found")


class Upload:
    """One result on its way. Any step may fail with Trouble and be taken again."""

    def __init__(
        self,
        transport: Transport,
        key: Key,
        path: Path,
        output: Output,
        *,
        resumed: bool,
    ) -> None:
        self._transport = transport
        self._key = key
        self._path = path
        self._output = output
        self._location: str | None = None
        self._chunk = CHUNK
        self._most = LARGEST
        # What the server has of an upload that began in an earlier life is unknown.
        self._offset: int | None = None if resumed else 0

    def step(self) -> bool:
        """Sends at most one chunk; true as soon as the server has acknowledged all."""
        try:
            if self._location is None:
                self._location = self._create()
            if self._offset == self._output.size:
                return True
            if self._offset is None:
                self._offset = self._ask_offset(self._location)
            else:
                began = time.monotonic()
                self._offset = self._send_chunk(self._location, self._offset)
                self._fit_chunk(time.monotonic() - began)
        except TooLarge:
            self._offset = None
            self._chunk = self._most = max(self._chunk // 2, SMALLEST)
            raise
        except Trouble:
            self._offset = None
            self._chunk = max(min(self._chunk // 2, CHUNK), min(LEAST, self._most))
            raise
        except OffsetConflict as conflict:
            self._offset = None
            raise Trouble(str(conflict)) from None
        except Refused as refused:
            if refused.code not in _GONE:
                raise
            self.restart()
            raise Trouble("the server dropped the upload; beginning again") from None
        return self._offset == self._output.size

    @property
    def sent(self) -> int:
        """Bytes that the server is known to have."""
        return self._offset or 0

    def restart(self) -> None:
        self._location, self._offset = None, None

    def _fit_chunk(self, seconds: float) -> None:
        most = LARGEST if seconds < QUICK_SECONDS else CHUNK
        self._chunk = min(self._chunk * 2, most, self._most)

    def _create(self) -> str:
        output = self._output
        sha256, media_type = (
            b64encode(value.encode()).decode()
            for value in (output.sha256, output.media_type)
        )
        headers = {
            **_TUS,
            "Upload-Length": str(output.size),
            "Upload-Metadata": f"sha256 {sha256},media_type {media_type}",
        }
        path = f"runs/{self._key.run}/result/?attempt={self._key.attempt}"
        if output.size <= WITHIN:
            with self._part(0, output.size) as whole:
                answer = self._transport.send(
                    "POST", path, body=whole, headers={**headers, **_OCTETS}
                )
            # An older server takes none of it; a repetition may find all of it there.
            self._offset = self._checked(answer)
        else:
            answer = self._transport.send("POST", path, headers=headers)
        # Only the path: the key goes to no other host, whatever the answer says.
        location = urlsplit(answer.headers.get("Location", "")).path
        if not location.startswith("/"):
            raise Trouble("the server did not say where to upload")
        return location

    def _ask_offset(self, location: str) -> int:
        answer = self._transport.send("HEAD", location, headers=_TUS)
        return self._checked(answer)

    def _send_chunk(self, location: str, offset: int) -> int:
        length = min(self._chunk, self._output.size - offset)
        with self._part(offset, length) as part:
            answer = self._transport.send(
                "PATCH",
                location,
                body=part,
                headers={**_TUS, **_OCTETS, "Upload-Offset": str(offset)},
            )
        return self._checked(answer)

    @contextmanager
    def _part(self, offset: int, length: int) -> Iterator["_Window"]:
        with self._open_spooled() as spooled:
            spooled.seek(offset)
            yield _Window(spooled, length)

    def _open_spooled(self) -> IO[bytes]:
        try:
            return self._path.open("rb")
        except FileNotFoundError:
            raise Refused(0, "spool_lost", "the result is not in the spool") from None

    def _checked(self, answer: Answer) -> int:
        offset = answer.headers.get("Upload-Offset", "")
        if not offset.isdecimal() or int(offset) > self._output.size:
            raise Trouble("the server did not say how much it has")
        return int(offset)


class _Window:
    """A part of a file, read piece by piece while it is sent.

    Handed over as one block of bytes it would have to leave within a single
    time-out, which a slow line cannot do.
    """

    def __init__(self, file: IO[bytes], length: int) -> None:
        self._file = file
        self._left = length

    def __len__(self) -> int:
        return self._left

    def read(self, size: int = -1) -> bytes:
        wanted = self._left if size < 0 else min(size, self._left)
        data = self._file.read(wanted)
        self._left -= len(data)
        return data
