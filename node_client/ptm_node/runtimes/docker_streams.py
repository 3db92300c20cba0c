"""The engine's two endless answers: its events, and what a container writes.

Asked for by hand, because the SDK's own calls first inspect the container and leave
the connection open when nobody reads on.
"""

import json
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import docker
import requests
from docker.errors import create_api_error_from_http_exception
from docker.types import CancellableStream

from ptm_node.errors import RunFailure
from ptm_node.messages import Code

_CONNECT_SECONDS = 10
_HEADER = struct.Struct(">BxxxL")  # which stream, and how many bytes follow
_COMPLAINT = 3  # the stream in which the engine says why it reads no further


@contextmanager
def events(
    client: docker.APIClient, filters: dict[str, list[str]]
) -> Iterator["CancellableStream[dict[str, Any]]"]:
    """What happens to containers from now on. `close` ends it from any thread."""
    params = {"filters": json.dumps(filters)}
    with _answer(client, "/events", params) as response:
        lines = response.iter_lines(chunk_size=None)
        yield CancellableStream((json.loads(line) for line in lines), response)


@contextmanager
def logs(client: docker.APIClient, container: str) -> Iterator[Iterator[bytes]]:
    """What a container writes, from its beginning to its end.

    Raises RunFailure, in the engine's words, where the engine cannot read on.
    """
    params = {"stdout": "1", "stderr": "1", "follow": "1"}
    with _answer(client, f"/containers/{container}/logs", params) as response:
        yield CancellableStream(_frames(response), response)


def _frames(response: requests.Response) -> Iterator[bytes]:
    while len(header := response.raw.read(_HEADER.size)) == _HEADER.size:
        stream, length = _HEADER.unpack(header)
        piece = response.raw.read(length)
        if stream == _COMPLAINT:
            said = piece.decode(errors="replace").strip()
            raise RunFailure(Code.INTERNAL, said)
        yield piece


@contextmanager
def _answer(
    client: docker.APIClient, path: str, params: dict[str, str]
) -> Iterator[requests.Response]:
    # What is followed may be silent for days: only the beginning has a time limit.
    with client.get(
        f"{client.base_url}/v{client.api_version}{path}",
        params=params,
        stream=True,
        timeout=(_CONNECT_SECONDS, None),
    ) as response:
        try:
            response.raise_for_status()
        except requests.HTTPError as error:
            create_api_error_from_http_exception(error)
        yield response
