"""The OWASP API Security Top 10 of 2023, each item tried.

docs/security.md has the list. What is tried at length elsewhere is tried once here,
from end to end.
"""

import base64
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from django.conf import LazySettings, settings
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from rest_framework.test import APIClient

from apps.accounts.choices import TokenScope
from apps.algorithms.images import ImageReference
from apps.algorithms.models import AlgorithmVersion
from apps.algorithms.registry import resolve_digest
from apps.algorithms.services import register_version
from apps.audit.actors import SYSTEM
from apps.errors import Refusal
from apps.nodes.keys import Key
from apps.nodes.services import issue_enrolment_code
from apps.organizations.models import Organization
from apps.tasks.models import Run
from tests.pages import browser_of
from tests.stored import nothing_stored
from tests.worlds import MANIFEST, World
from tools.rig.folders import ROOT

API = "/api/v1/"
OBJECTS = [
    "tasks/{task}/",
    "tasks/{task}/results.zip",
    "runs/{run}/",
    "runs/{run}/log/",
    "results/{result}/",
    "results/{result}/download/",
    "collaborations/{collaboration}/",
    "organizations/{organization}/",
    "nodes/{node}/",
    "algorithms/{algorithm}/",
]


def ids(world: World) -> dict[str, int]:
    """One of everything of the world, with a finished run."""
    task = world.send(organizations=[world.sites[0].pk])
    (run,) = world.nodes[0].claimed()
    world.nodes[0].complete(run)
    return {
        "task": task["id"],
        "run": run["run"],
        "result": Run.objects.get(pk=run["run"]).result.pk,
        "collaboration": world.collaboration.pk,
        "organization": world.sites[0].pk,
        "node": world.nodes[0].node.pk,
        "algorithm": world.version.algorithm_id,
    }


def test_api1_no_object_of_others_is_reached_by_its_id(
    world: World, rival: World
) -> None:
    here = ids(world)
    nowhere = dict.fromkeys(here, 10**9)
    owner, stranger = world.person("alice"), rival.person("alice")
    for path in OBJECTS:
        assert owner.get(API + path.format(**here)).status_code == 200, path
        foreign = stranger.get(API + path.format(**here))
        missing = stranger.get(API + path.format(**nowhere))
        assert foreign.status_code == missing.status_code == 404, path
        assert foreign.content == missing.content, path
    with nothing_stored():
        for path in ("tasks/{task}/cancel/", "runs/{run}/again/"):
            assert stranger.post(API + path.format(**here)).status_code == 404


def test_api2_authentication_has_no_back_door(world: World) -> None:
    alice: Any = world.client("alice")
    text = alice._credentials["HTTP_AUTHORIZATION"].removeprefix("Bearer ")
    basic = base64.b64encode(b"heart-alice:correct horse").decode()
    node = world.nodes[0]
    for header in (
        f"Basic {basic}",
        f"Token {text}",
        f"Node {text}",
        f"Bearer {node.key.text}",
        f"Node {node.key.text}",
        f"Bearer {text[:-1]}",
        "Bearer",
    ):
        answer = APIClient().get(f"{API}me/", headers={"Authorization": header})
        assert answer.status_code == 401, header
    for query in (f"?token={text}", f"?access_token={text}", f"?key={text}"):
        assert APIClient().get(f"{API}me/{query}").status_code == 401
    cookies = APIClient()
    cookies.cookies["sessionid"] = text
    assert cookies.get(f"{API}me/").status_code == 401


def test_api3_no_property_is_written_or_read_beyond_ones_right(world: World) -> None:
    alice, rival = world.person("alice"), world.people["dave"]
    wishes = {
        "initiator": rival.pk,
        "visibility": "collaboration",
        "status": "finished",
        "deadline_at": "2099-01-01T00:00:00Z",
        "version": world.version.pk,
        "id": 1,
    }
    for name, value in wishes.items():
        with nothing_stored():
            answer = alice.post(f"{API}tasks/", world.task_body(**{name: value}))
        assert answer.status_code == 422
        assert list(answer.json()["errors"]) == [name]
    other = world.task_body(organization=world.sites[1].pk)
    assert alice.post(f"{API}tasks/", other).json()["code"] == "organization_unknown"
    me, (node, *_) = alice.get(f"{API}me/"), alice.get(f"{API}nodes/").json()["results"]
    assert set(me.json()) == {
        *("id", "username", "first_name", "last_name", "email", "memberships")
    }
    told = json.dumps([me.json(), node, alice.get(f"{API}tasks/").json()])
    assert not re.search(r"passw|key_|sha256|secret|superuser|is_staff|instance", told)


def test_api4_no_request_takes_more_than_its_share(world: World) -> None:
    Organization.objects.bulk_create(Organization(name=f"n{n}") for n in range(120))
    root = browser_of(world.platform_admin)
    for size in ("100000", "101"):
        page = root.get(f"{API}organizations/?page_size={size}").json()
        assert len(page["results"]) == 100
    alice = world.person("alice")
    large = world.task_body(purpose="x" * (settings.MAX_INPUT_BYTES + 70_000))
    many = world.task_body(organizations=list(range(1, 1002)))
    deep = '{"arguments": ' + "[" * 500 + "]" * 500 + "}"
    with nothing_stored():
        assert alice.post(f"{API}tasks/", large).status_code == 413
        assert alice.post(f"{API}tasks/", many).status_code == 422
        answer = alice.post(f"{API}tasks/", deep, content_type="application/json")
    assert answer.status_code == 400
    for _ in range(10):
        APIClient().get(f"{API}me/", headers={"Authorization": "Bearer ptm_guess"})
    slowed = APIClient().get(f"{API}me/", headers={"Authorization": "Bearer ptm_g"})
    assert (slowed.status_code, int(slowed["Retry-After"]) > 0) == (429, True)


def test_api5_no_function_of_another_role_is_open(world: World) -> None:
    task = world.send()
    reading = world.client("alice", TokenScope.READ)
    viewer, person, node = world.person("bob"), world.person("alice"), world.nodes[0]
    with nothing_stored():
        for client in (reading, viewer):
            assert client.post(f"{API}tasks/", world.task_body()).status_code == 403
            cancel = client.post(f"{API}tasks/{task['id']}/cancel/")
            assert cancel.status_code == 403
        for path in ("hello/", "heartbeat/", "claim/", "goodbye/"):
            assert person.post(f"{API}node/{path}", {}).status_code in (401, 403)
        for path in ("me/", "tasks/", "nodes/", "results/"):
            answer = node.client.get(API + path, headers=node.headers)
            assert answer.status_code == 401
    assert browser_of(world.people["alice"]).get("/admin/").status_code == 404


def test_api6_a_business_flow_is_not_to_be_had_in_bulk(world: World) -> None:
    """A code lets one node in; a repeated request sends one task."""
    code = issue_enrolment_code(
        organization=world.sites[0], issued_by=world.people["admin0"]
    )

    def enrol() -> int:
        key = Key.generate("ptmn")
        body = {"code": code, "name": key.prefix, "key_prefix": key.prefix}
        answer = APIClient().post(
            f"{API}node/enrol/", {**body, "key_sha256": key.sha256}
        )
        return int(answer.status_code)

    assert [enrol() for _ in range(12)] == [201, *[403] * 10, 429]
    alice = world.person("alice")
    sent = [
        alice.post(
            f"{API}tasks/", world.task_body(), headers={"Idempotency-Key": "one"}
        )
        for _ in range(3)
    ]
    assert [answer.status_code for answer in sent] == [201, 200, 200]
    assert len({answer.json()["id"] for answer in sent}) == 1


def test_api7_the_server_asks_no_address_that_a_user_names(
    world: World, settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def head(url: str, **options: Any) -> requests.Response:
        asked.append(url)
        raise requests.ConnectionError

    monkeypatch.setattr(requests, "head", head)
    settings.REGISTRY_URL = "http://server:secret@registry.test"
    alice = world.person("alice")
    for image in (
        "169.254.169.254/latest/meta-data:1",
        "127.0.0.1:6379/heart/summary:1",
        "registry.test@evil.example/heart/summary:1",
        "registry.test.evil.example/heart/summary:1",
        "http://evil.example/heart/summary:1",
        "registry.test/heart/../summary:1",
        "registry.test/heart/summary:../../../catalog",
        "registry.test/heart/summary:1?x=http://evil.example",
        "registry.test/other/summary:1",
    ):
        with nothing_stored():
            answer = alice.post(f"{API}tasks/", world.task_body(image=image))
        assert answer.status_code == 422, image
    assert asked == []
    with nothing_stored():
        tagged = world.task_body(image="registry.test/heart/summary:1")
        assert alice.post(f"{API}tasks/", tagged).status_code == 503
    assert asked == ["http://registry.test/v2/heart/summary/manifests/1"]


def test_api8_nothing_is_configured_to_tell_or_allow_more(world: World) -> None:
    client = Client()
    assert settings.DEBUG is False
    assert (settings.SESSION_COOKIE_HTTPONLY, settings.SESSION_COOKIE_SAMESITE) == (
        True,
        "Lax",
    )
    for method in ("TRACE", "CONNECT", "DEBUG"):
        answer = client.generic(method, f"{API}tasks/")
        assert answer.status_code in (401, 405), method
    for path in ("/.env", "/.git/config", "/db.sqlite3", "/secret_key", "/__debug__/"):
        assert client.get(path).status_code in (302, 404), path
    for path in ("../settings.py", "..%2fsettings.py", "%2e%2e/manage.py"):
        assert client.get(f"/static/{path}").status_code in (302, 404), path
    for path in ("/", f"{API}me/", "/accounts/login/"):
        told = {name.lower() for name in client.get(path).headers}
        assert not told & {"server", "x-powered-by", "x-django-version"}


def routes(resolver: URLResolver, before: str = "") -> Iterator[str]:
    """Every address of the API, with a * for what stands in it."""
    for entry in resolver.url_patterns:
        route = before + str(entry.pattern)
        if isinstance(entry, URLPattern):
            plain = re.sub(r"\(\?P<\w+>[^)]*\)|<[^>]*>", "*", route)
            yield plain.replace("^", "").replace("$", "").replace("\\", "")
        else:
            yield from routes(entry, route)


def test_api9_no_endpoint_is_forgotten_and_no_old_one_goes_on() -> None:
    schema = APIClient().get(f"{API}schema/?format=json").json()
    described = {re.sub(r"{\w+}", "*", path)[1:] for path in schema["paths"]}
    protocol = (ROOT / "docs" / "node-protocol.md").read_text()
    written = re.findall(r"/(api/v1/node/[a-z{}/]*)", protocol)
    written = [re.sub(r"{\w+}", "*", path) for path in written]
    found = {path for path in routes(get_resolver()) if path.startswith("api/")}
    nodes = {path for path in found if path.startswith("api/v1/node/")}
    assert found - nodes == described | {"api/v1/schema/", "api/v1/docs/"}
    # tus names the address of an upload in its answers.
    assert nodes - set(written) == {"api/v1/node/uploads/*/"}
    for path in ("/api/", "/api/v0/tasks/", "/api/v2/tasks/", "/api/tasks/", "/v1/me/"):
        assert Client().get(path).status_code in (302, 404)


class Said:
    """What a hostile registry answers."""

    def __init__(self, status: int, digest: str) -> None:
        self.status_code, self.ok = status, status < 400
        self.headers = {
            "Docker-Content-Digest": digest,
            "Location": "http://169.254.169.254/",
        }


@pytest.mark.parametrize(
    "digest", ["sha256:../../etc/passwd", "sha256:" + "A" * 64, "sha256:", "<script>"]
)
def test_api10_what_the_registry_says_is_not_believed(
    world: World, settings: LazySettings, monkeypatch: pytest.MonkeyPatch, digest: str
) -> None:
    settings.REGISTRY_URL = "http://registry.test"
    asked: list[dict[str, Any]] = []

    def head(url: str, **options: Any) -> Any:
        asked.append(options)
        return Said(200, digest)

    monkeypatch.setattr(requests, "head", head)
    alice, body = world.person("alice"), world.task_body()
    with nothing_stored():
        body["image"] = "registry.test/heart/summary:1.0"
        assert alice.post(f"{API}tasks/", body).status_code in (422, 503)
    before = AlgorithmVersion.objects.count()
    with pytest.raises((ValidationError, Refusal)), nothing_stored():
        register_version(image=body["image"], manifest=MANIFEST, actor=SYSTEM)
    assert AlgorithmVersion.objects.count() == before
    assert all(options["timeout"] for options in asked)
    assert not any(options.get("allow_redirects") for options in asked)


def test_api10_a_registry_that_leads_elsewhere_is_not_followed(
    settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`requests.head` follows nobody: the real one, with a wire that is not there."""
    sent: list[str] = []

    def wire(self: object, request: requests.PreparedRequest, **_: Any) -> Any:
        sent.append(str(request.url))
        answer = requests.Response()
        answer.status_code, answer.request, answer.url = 302, request, sent[-1]
        answer.headers["Location"] = "http://169.254.169.254/latest/"
        return answer

    monkeypatch.setattr(requests.adapters.HTTPAdapter, "send", wire)
    settings.REGISTRY_URL = "http://registry.test"
    with pytest.raises(Refusal):
        resolve_digest(ImageReference.parse("registry.test/ptm/summary:1"))
    assert sent == ["http://registry.test/v2/ptm/summary/manifests/1"]
