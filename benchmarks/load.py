"""Cheap clients that keep their connection: what they cost is hardly the server's."""

import http.client
import threading
from collections.abc import Callable, Mapping
from time import perf_counter
from typing import Self

from tools.rig.errors import RigError

TIMEOUT = 60


class Connection:
    """One connection of one reader."""

    def __init__(self, port: int, headers: Mapping[str, str]) -> None:
        self.link = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT)
        self.headers = dict(headers)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.link.close()

    def get(self, path: str) -> bytes:
        return self._ask("GET", path, b"", {})

    def post(self, path: str, body: bytes, headers: Mapping[str, str]) -> bytes:
        json = {"Content-Type": "application/json"}
        return self._ask("POST", path, body, {**json, **headers})

    def milliseconds(self, path: str, count: int) -> list[float]:
        """How long each of so many requests took, one after the other."""
        found = []
        for _ in range(count):
            start = perf_counter()
            self.get(path)
            found.append((perf_counter() - start) * 1000)
        return found

    def _ask(
        self, method: str, path: str, body: bytes, headers: Mapping[str, str]
    ) -> bytes:
        self.link.request(method, path, body or None, {**self.headers, **headers})
        answer = self.link.getresponse()
        data = answer.read()
        if answer.status not in (200, 201, 204):
            raise RigError(f"{method} {path} answered {answer.status}.")
        return data


Ask = Callable[[Connection], object]


def requests_per_second(connections: list[Connection], ask: Ask, time: float) -> float:
    """Let every connection ask again and again for so many seconds."""
    counts = [0] * len(connections)
    failures: list[Exception] = []
    start = perf_counter()

    def keep_asking(number: int) -> None:
        try:
            while perf_counter() - start < time:
                ask(connections[number])
                counts[number] += 1
        except (RigError, OSError, http.client.HTTPException) as error:
            failures.append(error)

    threads = [
        threading.Thread(target=keep_asking, args=(number,))
        for number in range(len(connections))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise RigError(f"The load could not be kept up: {failures[0]}")
    return sum(counts) / (perf_counter() - start)
