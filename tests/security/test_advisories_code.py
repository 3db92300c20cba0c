"""Holes that a peer had to publish: what a stranger's bytes and wishes can do.

Each test is named after its kind; docs/security.md has the list. Those that are tried
on a site's node are in tests/node/test_advisories.py.
"""

import ast
import pickle  # noqa: S403, TID251 (to show that the attempt is a real one)
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.cache import caches

from apps.results.models import Result
from ptm_site.caching import JSONSerializer
from tests.pages import browser
from tests.stored import nothing_stored
from tests.worlds import World
from tools.rig.folders import ROOT

PRODUCT = ("apps", "ptm_site", "node_client", "algorithms", "tools")
# Modules that make code of bytes.
DESERIALISERS = {"pickle", "marshal", "shelve", "dill", "joblib", "cloudpickle", "yaml"}
MEDIA_TYPES = [
    "application/json",
    "application/octet-stream",
    "application/x-python-pickle",
]


def bomb(path: Path) -> bytes:
    """A pickle that writes a file when it is read."""
    return b"cbuiltins\nexec\n(Vopen(%r, 'w').close()\ntR." % str(path)


@pytest.mark.parametrize("media_type", MEDIA_TYPES)
def test_results_are_never_deserialised_with_pickle(
    world: World, tmp_path: Path, media_type: str
) -> None:
    burst = tmp_path / "burst"
    pickle.loads(bomb(burst))  # noqa: S301 (a real attempt)
    burst.unlink()
    task, node = world.send(), world.nodes[0]
    (run,) = node.claimed()
    upload = node.announce(run, bomb(burst), media_type=media_type)
    assert node.patch(upload["Location"], bomb(burst)).status_code == 204
    result = Result.objects.get()
    alice = browser(world, "alice")
    for path in (
        f"/tasks/{task['id']}/",
        f"/results/{result.pk}/",
        f"/api/v1/results/{result.pk}/",
        f"/api/v1/tasks/{task['id']}/results.zip",
        f"/admin/results/result/{result.pk}/change/",
    ):
        answer = alice.get(path)
        b"".join(answer)
        assert answer.status_code in (200, 404), path
    given = alice.get(f"/api/v1/results/{result.pk}/download/")
    assert b"".join(given) == bomb(burst)
    assert given["Content-Type"] == "application/octet-stream"
    assert not burst.exists()


def imported(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add((node.module or "").split(".")[0])
    return found


def test_nothing_of_ours_can_read_a_pickle() -> None:
    files = [path for name in PRODUCT for path in (ROOT / name).rglob("*.py")]
    assert len(files) > 200
    assert [str(path) for path in files if imported(path) & DESERIALISERS] == []
    assert settings.SESSION_SERIALIZER.endswith("JSONSerializer")


@pytest.mark.backends
def test_what_stands_in_redis_is_never_deserialised_with_pickle(tmp_path: Path) -> None:
    burst = tmp_path / "burst"
    serializer = JSONSerializer()
    with pytest.raises(ValueError, match="Expecting value"):
        serializer.loads(bomb(burst))
    for value in (0, -7, 1.5, None, "é", [1790000000.25, 2], {"a": [True]}):
        stored = serializer.dumps(value)
        sent = str(stored).encode() if isinstance(stored, int) else stored
        assert serializer.loads(sent) == value
    if settings.REDIS_URL:
        client: Any = caches["default"]
        client._cache.get_client("k", write=True).set(client.make_key("k"), bomb(burst))
        with pytest.raises(ValueError, match="Expecting value"):
            client.get("k")
        client.set("k", [1.5])
        assert client.get("k") == [1.5]
        client.set("n", 1)
        assert (client.incr("n"), client.get("n")) == (2, 2)
    assert not burst.exists()


@pytest.mark.parametrize(
    "wish", [{"parent": 1}, {"parent_run": 1}, {"parent_id": 1, "subtask_key": "a"}]
)
def test_no_image_is_accepted_because_the_task_named_a_parent(
    world: World, wish: dict[str, Any]
) -> None:
    parent = world.send(organizations=[world.sites[0].pk])["runs"][0]["id"]
    alice, other = world.person("alice"), world.version.image.replace("heart", "evil")
    named = {name: parent if value == 1 else value for name, value in wish.items()}
    for body in (world.task_body(image=other, **named), world.task_body(**named)):
        with nothing_stored():
            answer = alice.post("/api/v1/tasks/", body)
        assert answer.status_code == 422
        assert set(answer.json()["errors"]) == set(named)
    with nothing_stored():
        answer = alice.post("/api/v1/tasks/", world.task_body(image=other))
    assert answer.json()["code"] == "image_not_allowed"


@pytest.mark.parametrize(
    "changes",
    [
        {"databases": [{"label": "x=1\nLD_PRELOAD=/evil.so"}]},
        {"databases": [{"label": "default;id"}]},
        {"databases": [{"label": "LD_PRELOAD"}]},
        {"databases": [{"label": "default", "LD_PRELOAD": "/evil.so"}]},
        {"environment": {"LD_PRELOAD": "/evil.so"}},
        {"env": {"PYTHONSTARTUP": "/evil.py"}},
    ],
)
def test_no_environment_variable_travels_with_a_task(
    world: World, changes: dict[str, Any]
) -> None:
    alice = world.person("alice")
    with nothing_stored():
        answer = alice.post("/api/v1/tasks/", world.task_body(**changes))
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")


@pytest.mark.parametrize(
    "wish",
    [
        {"encrypted": True},
        {"encrypted": False},
        {"encryption": "age"},
        {"databases": [{"label": "default", "encrypted": True}]},
        {"input": "YWdlLWVuY3J5cHRpb24ub3JnL3Yx"},
    ],
)
def test_no_plain_input_is_accepted_by_who_asked_for_encryption(
    world: World, wish: dict[str, Any]
) -> None:
    """End-to-end encryption is not built: nobody is left to believe that it is."""
    alice = world.person("alice")
    with nothing_stored():
        answer = alice.post("/api/v1/tasks/", world.task_body(**wish))
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
    (told,) = answer.json()["errors"].values()
    assert told == ["There is no such field."]
    shown = alice.get(f"/api/v1/collaborations/{world.collaboration.pk}/").json()
    assert not [name for name in shown if "encr" in name]
