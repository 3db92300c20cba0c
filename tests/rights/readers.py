"""Who tries the doors, with which credentials; and one request by one of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.db import connection, transaction
from django.test import RequestFactory
from django.test.client import ClientHandler
from django.urls import resolve
from django.utils import timezone

from apps.accounts.models import AccessToken, User
from tests.daemon import NodeClient
from tests.rights.requests import Sent
from tests.rights.stage import Scene, session_of, token_of

# A column of the tables: whose world, and who there.
PEOPLE = {
    "mgr": (0, "manager"),
    "view": (0, "bob"),
    "send": (0, "alice"),
    "coll": (0, "colleague"),
    "stew": (0, "carol"),
    "adm": (0, "admin0"),
    "part": (0, "dave"),
    "padm": (0, "admin1"),
    "byst": (0, "admin2"),
    "inv": (0, "invited"),
    "riv": (1, "alice"),
    "radm": (1, "admin0"),
    "lone": (0, "loner"),
}
MACHINES = {
    "node": (0, "node"),
    "node2": (0, "node2"),
    "pnode": (0, "pnode"),
    "rnode": (1, "node"),
    "rev": (0, "rev"),
}


@dataclass(frozen=True)
class Reader:
    """Somebody, or some machine, with what it shows at the door."""

    name: str
    session: str = ""
    token: str = ""
    machine: NodeClient | None = None

    @property
    def is_rival(self) -> bool:
        return (PEOPLE | MACHINES).get(self.name, (0, ""))[0] == 1

    @property
    def sees_all(self) -> bool:
        return self.name == "plat"

    def headers(self, path: str) -> dict[str, str]:
        if self.machine is not None:
            return self.machine.headers
        if self.token and path.startswith("/api/"):
            return {"Authorization": f"Bearer {self.token}"}
        return {}

    def facts(self) -> dict[str, Any]:
        """What a node's own messages say."""
        if self.machine is None:
            return {"instance": None, "boot": 1, "last_claim": 0}
        machine = self.machine
        return {
            "instance": machine.instance,
            "boot": machine.boot,
            "last_claim": machine.last_claim,
        }


def build_readers(scenes: tuple[Scene, Scene]) -> dict[str, Reader]:
    readers = {"anon": Reader("anon")}
    readers["plat"] = _person("plat", scenes[0].world.platform_admin)
    for name, (number, person) in PEOPLE.items():
        readers[name] = _person(name, scenes[number].world.people[person])
    for name, (number, machine) in MACHINES.items():
        readers[name] = Reader(name, machine=scenes[number].machines[machine])
    return readers


def _person(name: str, user: User) -> Reader:
    token, text = token_of(user)
    # Its use is noted already: no request has to write that down.
    tomorrow = timezone.now() + timedelta(days=1)
    AccessToken.objects.filter(pk=token.pk).update(last_used_at=tomorrow)
    return Reader(name, session_of(user), text)


class Door(RequestFactory):
    """Requests as Django's test client makes them, without its notes on templates."""

    handler = ClientHandler(enforce_csrf_checks=False)

    def request(self, **request: Any) -> Any:
        environ: Any = self._base_environ  # type: ignore[attr-defined]
        return self.handler(environ(**request))


def ask(reader: Reader, method: str, path: str, sent: Sent) -> "Answer":
    """One request, of which nothing stays: no row, no cookie, no counted failure."""
    cache.clear()
    door = Door()
    if reader.session:
        door.cookies[settings.SESSION_COOKIE_NAME] = reader.session
    headers = {**sent.headers, **reader.headers(path)}
    before = connection.connection.total_changes
    with transaction.atomic():
        response: Any = door.generic(
            method, path, sent.data, sent.content_type, headers=headers
        )
        content = b"".join(response) if response.streaming else response.content
        after = connection.connection.total_changes
        transaction.set_rollback(True)
    return Answer.of(response, content, before != after)


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    text: str
    changed: bool  # whether a row was written, which was undone

    @classmethod
    def of(cls, response: Any, content: bytes, changed: bool) -> "Answer":
        return cls(
            response.status_code,
            dict(response.items()),
            content.decode(errors="replace"),
            changed,
        )

    @property
    def to_sign_in(self) -> bool:
        if self.status == 401:
            return True
        where = self.headers.get("Location", "")
        if not 300 <= self.status < 400 or "next=" not in where:
            return False
        return resolve(where.partition("?")[0]).url_name in ("account_login", "login")

    @property
    def well(self) -> bool:
        return 200 <= self.status < 400
