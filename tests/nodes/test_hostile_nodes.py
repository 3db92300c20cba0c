"""A node that sends nonsense harms nobody, and is never our fault."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from apps.tasks.models import Run
from tests.daemon import OCTETS
from tests.stored import nothing_stored
from tests.worlds import World

NUMBERS = st.sampled_from([-1, 0, 1, 2, 2**31, 2**63 - 1, 2**63, 10**400])
VALUES = st.recursive(
    NUMBERS | st.none() | st.booleans() | st.text(max_size=10) | st.floats(0, 9),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["run", "attempt", "id", "databases", "label", "type", "contracts"]
                + ["columns", "name"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=10,
)
GOOD: dict[str, dict[str, Any]] = {
    "hello/": {
        "instance": "",
        "boot": 1,
        "version": "1",
        "last_claim": 0,
        "held": [],
        "announce": {"collaborations": [], "contracts": ["ptm"]},
    },
    "heartbeat/": {"last_claim": 0, "held": [], "stopping": []},
    "claim/": {"claim": 1, "capacity": 1, "held": [], "stopping": []},
    "runs/{run}/report/": {
        "attempt": 1,
        "status": "failed",
        "code": "internal",
        "detail": "",
    },
    "enrol/": {
        "code": "x",
        "name": "n",
        "key_prefix": "0" * 12,
        "key_sha256": "0" * 64,
    },
}


@given(data=st.data())
@pytest.mark.parametrize("path", GOOD)
@hypothesis_settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_no_body_is_our_fault(world: World, path: str, data: st.DataObject) -> None:
    if not Run.objects.exists():
        world.send(organizations=[world.sites[0].pk])
    node = world.nodes[0]
    good = {**GOOD[path]}
    if "instance" in good:
        good["instance"] = node.instance
    names = st.sampled_from(sorted(good))
    changes = data.draw(st.dictionaries(names, VALUES, max_size=3))
    run = Run.objects.get().pk
    answer = node.client.post(
        f"/api/v1/node/{path.format(run=run)}",
        json.dumps({**good, **changes}),
        content_type="application/json",
        headers=node.headers,
    )
    assert answer.status_code in (200, 201, 400, 403, 409, 422, 429)


@pytest.mark.parametrize("body", [b"", b"{", b"[" * 10_000, b"\xff", b"null", b"[1]"])
@pytest.mark.parametrize("path", ["hello/", "heartbeat/", "claim/", "runs/1/report/"])
def test_what_is_no_object_is_refused(world: World, path: str, body: bytes) -> None:
    node = world.nodes[0]
    with nothing_stored():
        answer = node.client.post(
            f"/api/v1/node/{path}",
            body,
            content_type="application/json",
            headers=node.headers,
        )
    assert answer.status_code in (400, 422)


def test_ten_thousand_held_runs_are_answered(world: World) -> None:
    node = world.nodes[0]
    held = [{"run": number, "attempt": 1} for number in range(2500)]
    answer = node.heartbeat(held)
    assert answer.status_code == 200
    assert len(answer.json()["stop"]) == 2500


@pytest.mark.parametrize("header", ["PTM-Instance", "PTM-Protocol", "Authorization"])
@pytest.mark.parametrize("value", ["\xff", "x" * 8000, "\x85", "{}", "0x1"])
def test_strange_headers_are_refused(world: World, header: str, value: str) -> None:
    node = world.nodes[0]
    with nothing_stored():
        answer = node.client.post(
            "/api/v1/node/heartbeat/",
            {"last_claim": 0, "held": []},
            headers={**node.headers, header: value},
        )
    assert answer.status_code in (401, 409, 426)


@pytest.mark.parametrize("kind", ["application/json", "text/html", "x" * 300, "\x85"])
def test_a_piece_of_another_kind_is_refused(world: World, kind: str) -> None:
    world.send(organizations=[world.sites[0].pk])
    node = world.nodes[0]
    (run,) = node.claimed()
    location = node.announce(run, b"12")["Location"]
    headers = {**node.tus_headers, "Upload-Offset": "0"}
    with nothing_stored():
        answer = node.client.patch(location, b"12", content_type=kind, headers=headers)
    assert answer.status_code == 415
    assert kind != OCTETS
