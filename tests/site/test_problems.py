"""Every error of the API is problem+json with a stable code, and tells no secrets."""

import os
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.management import call_command
from django.test import Client
from rest_framework.test import APIClient

from apps.tasks import api
from tests.worlds import World

MEMBERS = {"type", "title", "status", "detail", "code"}


def is_problem(answer: Any, status: int, code: str) -> None:
    assert answer.status_code == status
    assert answer["Content-Type"] == "application/problem+json"
    body = answer.json()
    assert set(body) >= MEMBERS
    assert (body["status"], body["code"]) == (status, code)
    assert body["title"]


def test_each_kind_of_error_has_its_code(world: World) -> None:
    alice = world.person("alice")
    task = world.send()["id"]
    path = "/api/v1/tasks/"
    is_problem(APIClient().get(path), 401, "not_authenticated")
    is_problem(alice.get(f"{path}{10**9}/"), 404, "not_found")
    is_problem(alice.get(f"{path}x/"), 404, "not_found")
    is_problem(alice.get("/api/v1/no/such/address/"), 404, "not_found")
    is_problem(alice.get("/api/v1/"), 404, "not_found")
    is_problem(alice.delete(f"{path}{task}/"), 405, "method_not_allowed")
    is_problem(alice.put(path, {}), 405, "method_not_allowed")
    is_problem(
        alice.post(path, "{", content_type="application/json"), 400, "parse_error"
    )
    is_problem(
        alice.post(path, "a=1", content_type="application/x-www-form-urlencoded"),
        415,
        "unsupported_media_type",
    )
    is_problem(alice.get(path, headers={"Accept": "image/png"}), 406, "not_acceptable")
    is_problem(alice.post(path, {}), 422, "invalid")
    is_problem(
        world.person("bob").post(f"{path}{task}/cancel/"), 403, "permission_denied"
    )


def test_a_wrong_field_is_named(world: World) -> None:
    answer = world.person("alice").post("/api/v1/tasks/", {"databases": [{}]})
    assert answer.json()["errors"] == {
        "collaboration": ["This field is required."],
        "organizations": ["This field is required."],
        "image": ["This field is required."],
        "function": ["This field is required."],
        "databases/0/label": ["This field is required."],
        "name": ["This field is required."],
    }


def test_our_own_fault_shows_an_incident_and_nothing_else(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("patient 4711 in /srv/secret/path")

    monkeypatch.setattr(api, "has_news", broken)
    alice = world.person("alice")
    alice.raise_request_exception = False
    answer = alice.get("/api/v1/tasks/1/")
    is_problem(answer, 500, "internal")
    text = answer.content.decode()
    assert not any(word in text for word in ("4711", "secret", "Traceback", "Runtime"))
    incident = answer.json()["incident"]
    assert len(incident) >= 8
    assert any(incident in record.getMessage() for record in caplog.records)
    assert "patient 4711" in caplog.text  # the operator finds all of it


NOWHERE = {
    "BACKEND": "django.core.cache.backends.redis.RedisCache",
    "LOCATION": "redis://127.0.0.1:1",
}


def test_without_redis_one_is_asked_to_come_again_and_nobody_gets_in(
    world: World, settings: LazySettings
) -> None:
    alice = world.person("alice")
    alice.raise_request_exception = False
    settings.CACHES = {"default": NOWHERE}  # failures to sign in are counted there
    answer = alice.get("/api/v1/me/")
    is_problem(answer, 503, "unavailable")
    assert answer["Retry-After"] == "5"


@pytest.fixture
def outside_views(monkeypatch: pytest.MonkeyPatch) -> Client:
    """A server whose middleware fails: no view of the API is reached."""

    def broken(*_: object) -> None:
        raise RuntimeError("secret of the middleware")

    name = "django.middleware.common.CommonMiddleware.process_request"
    monkeypatch.setattr(name, broken)
    return Client(raise_request_exception=False)


def test_a_fault_before_the_view_tells_nothing_either(outside_views: Client) -> None:
    answer = outside_views.get("/api/v1/tasks/")
    is_problem(answer, 500, "internal")
    assert b"secret" not in answer.content
    page = outside_views.get("/accounts/login/")
    assert (page.status_code, b"secret" in page.content) == (500, False)


def test_a_request_for_another_host_is_refused(db: None) -> None:
    answer = Client().get("/api/v1/tasks/", headers={"Host": "evil.example"})
    is_problem(answer, 400, "bad_request")
    assert b"evil.example" not in answer.content


# The server's own generator may have looked through the views before.
ANEW = ["--generator-class", "drf_spectacular.generators.SchemaGenerator"]


@pytest.mark.parametrize(
    "command",
    [
        ["spectacular", "--fail-on-warn", "--validate", "--file", os.devnull, *ANEW],
        ["makemigrations", "--check", "--dry-run"],
        ["check", "--fail-level", "WARNING"],
    ],
    ids=lambda command: command[0],
)
def test_the_project_is_whole(db: None, command: list[str]) -> None:
    call_command(*command)


def test_the_schema_describes_the_people_and_not_the_nodes(db: None) -> None:
    answer = APIClient().get("/api/v1/schema/?format=json")
    assert answer.status_code == 200
    paths = answer.json()["paths"]
    assert "/api/v1/tasks/" in paths
    assert not [path for path in paths if path.startswith("/api/v1/node/")]
    assert APIClient().get("/api/v1/docs/").status_code == 200
