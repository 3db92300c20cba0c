"""The real server process, on the database of the tests and whatever layer is set.

A test that uses it takes `transactional_db`: the process sees committed rows only.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import requests
from django.conf import settings
from django.db import connection

from tests.worlds import World
from tools.rig.process import free_port
from tools.rig.server import Server


@contextmanager
def running_server(data_folder: Path, **environment: str) -> Iterator[Server]:
    """Run gunicorn on the tests' database; ended by its process id.

    `data_folder` is the fixture of that name: SQLite's file lies in it.
    """
    env = {
        "SECRET_KEY": settings.SECRET_KEY,
        "PTM_EMBEDDED_WORKER": "off",
        **database(),
        **environment,
    }
    with Server(data_folder, free_port(), env) as server:
        yield server


def database() -> dict[str, str]:
    """DATABASE_URL, if one is set, with the name of the test database."""
    url = os.environ.get("DATABASE_URL", "")
    if not url:
        return {}
    name = connection.settings_dict["NAME"]
    return {"DATABASE_URL": urlunsplit(urlsplit(url)._replace(path=f"/{name}"))}


class Answer:
    """A response of the live server, read as Django's test client's are."""

    def __init__(self, response: requests.Response) -> None:
        self.response = response
        self.status_code = response.status_code
        self.content = response.content

    def __getitem__(self, name: str) -> str:
        return self.response.headers[name]

    def json(self) -> Any:
        return self.response.json()


class LiveClient:
    """Stands in for APIClient: the same calls, over HTTP to the live server."""

    def __init__(self, server: Server, authorization: str = "") -> None:
        self.server = server
        self.common = {"Authorization": authorization} if authorization else {}

    def request(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] | None = None,
        **body: Any,
    ) -> Answer:
        sent = {**self.common, **(headers or {})}
        url = f"{self.server.url}{path}"
        return Answer(requests.request(method, url, headers=sent, timeout=60, **body))

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> Answer:
        return self.request("GET", path, headers)

    def head(self, path: str, headers: Mapping[str, str] | None = None) -> Answer:
        return self.request("HEAD", path, headers)

    def post(
        self,
        path: str,
        body: Any = None,
        format: str = "json",  # noqa: A002 (the test client's name)
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        return self.request("POST", path, headers, json=body)

    def patch(
        self,
        path: str,
        data: bytes,
        content_type: str,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        sent = {"Content-Type": content_type, **(headers or {})}
        return self.request("PATCH", path, sent, data=data)


def go_live(world: World, server: Server) -> None:
    """Let everybody of the world speak to the live server."""
    clients: Any = world._clients
    for person in world.people:
        known: Any = world.client(person)
        token = known._credentials["HTTP_AUTHORIZATION"]
        clients[person] = LiveClient(server, token)
    for node in world.nodes:
        node.client = LiveClient(server)  # type: ignore[assignment]
