"""Who is a node: key, protocol and instance, on every address below /node/."""

import uuid
from typing import Any

import pytest
from django.http import HttpRequest
from rest_framework.exceptions import NotAuthenticated
from rest_framework.request import Request
from rest_framework.test import APIClient

from apps.audit.actors import SYSTEM
from apps.nodes import authentication
from apps.nodes.keys import Key
from apps.nodes.models import Node
from apps.nodes.node_api import NodeView
from apps.nodes.services import revoke_node
from apps.results.models import Upload
from tests.daemon import OCTETS, NodeClient
from tests.stored import nothing_stored
from tests.worlds import World, add_node

STRANGER = "5b0e7a5e-8a3c-4f0e-9d7b-0c1a2b3c4d5e"


def everything(node: NodeClient, run: int) -> dict[str, Any]:
    """One request to each address of a node; the answers by name."""
    send, headers = node.client, node.tus_headers
    path = "/api/v1/node/"
    journal = {"last_claim": 0, "held": []}
    announced = {
        "instance": node.instance,
        "boot": node.boot,
        "version": "0",
        **journal,
        "announce": {"collaborations": [], "contracts": ["ptm"]},
    }
    pieces = {**headers, "Upload-Offset": "0"}
    upload = f"{path}uploads/{uuid.uuid4()}/"
    return {
        "hello": send.post(f"{path}hello/", announced, headers=headers),
        "heartbeat": send.post(f"{path}heartbeat/", journal, headers=headers),
        "claim": send.post(
            f"{path}claim/", {"claim": 9, "capacity": 1}, headers=headers
        ),
        "report": send.post(
            f"{path}runs/{run}/report/",
            {"attempt": 1, "status": "running"},
            headers=headers,
        ),
        "log": send.patch(
            f"{path}runs/{run}/log/?attempt=1",
            b"x",
            content_type=OCTETS,
            headers=pieces,
        ),
        "result": send.post(f"{path}runs/{run}/result/?attempt=1", headers=headers),
        "offset": send.head(upload, headers=headers),
        "bytes": send.patch(upload, b"x", content_type=OCTETS, headers=pieces),
        "goodbye": send.post(f"{path}goodbye/", headers=headers),
    }


def statuses(answers: dict[str, Any]) -> set[int]:
    return {answer.status_code for answer in answers.values()}


def codes(answers: dict[str, Any]) -> set[str]:
    return {a.json()["code"] for name, a in answers.items() if name != "offset"}


@pytest.fixture
def run(world: World) -> int:
    task = world.send()
    return int(task["runs"][0]["id"])


def test_an_unknown_key_is_not_authenticated_anywhere(world: World, run: int) -> None:
    stranger = NodeClient(world.nodes[0].node, Key.generate("ptmn"))
    with nothing_stored():
        answers = everything(stranger, run)
    assert statuses(answers) == {401}
    assert codes(answers) == {"authentication_failed"}


def test_the_right_prefix_with_a_wrong_secret_is_an_unknown_key(world: World) -> None:
    known = world.nodes[0].key
    forged = Key(f"ptmn_{known.prefix}_{'x' * 43}", "ptmn", known.prefix)
    answer = NodeClient(world.nodes[0].node, forged).heartbeat([])
    stranger = NodeClient(world.nodes[0].node, Key.generate("ptmn")).heartbeat([])
    assert (answer.status_code, answer.content) == (401, stranger.content)


def test_a_person_or_nobody_is_not_a_node(world: World, run: int) -> None:
    class Impostor(NodeClient):
        headers = {"PTM-Protocol": "1"}

    for client, expected in (
        (APIClient(), {401}),
        (world.person("admin0"), {401, 403}),
    ):
        impostor = Impostor(world.nodes[0].node, world.nodes[0].key)
        impostor.client = client
        with nothing_stored():
            assert statuses(everything(impostor, run)) <= expected


def test_who_is_no_node_learns_nothing_of_the_protocol(world: World) -> None:
    for client in (APIClient(), world.person("admin0")):
        assert client.post("/api/v1/node/claim/").status_code == 401


def test_a_person_who_came_through_is_taken_for_no_node(world: World) -> None:
    view, request = NodeView(), Request(HttpRequest())
    request.user = world.people["admin0"]
    view.request = request
    with pytest.raises(NotAuthenticated):
        _ = view.node


def test_a_key_of_the_kind_of_a_code_lets_nobody_in(world: World) -> None:
    code, node = Key.generate("ptme"), world.nodes[0]
    Node.objects.filter(pk=node.node.pk).update(
        key_prefix=code.prefix, key_sha256=code.sha256
    )
    node.key = code
    assert node.heartbeat([]).status_code == 401


def test_a_node_is_not_a_person(world: World) -> None:
    task = world.send()
    node = world.nodes[0]
    for path in ("me/", "tasks/", f"tasks/{task['id']}/", "results/", "nodes/"):
        answer = node.client.get(f"/api/v1/{path}", headers=node.headers)
        assert answer.status_code == 401, path


def test_a_revoked_node_is_told_so_everywhere(world: World, run: int) -> None:
    revoke_node(node=world.nodes[0].node, actor=SYSTEM)
    with nothing_stored():
        answers = everything(world.nodes[0], run)
    assert statuses(answers) == {401}
    assert codes(answers) == {"node_revoked"}


def speaking(node: NodeClient, spoken: str) -> NodeClient:
    """The same node, if it spoke this protocol."""

    class Foreign(NodeClient):
        headers = {**node.headers, "PTM-Protocol": spoken}

    return Foreign(node.node, node.key)


@pytest.mark.parametrize(
    ("spoken", "side"),
    [("2", "server"), ("0", "node"), ("", "node"), ("one", "node"), ("-1", "node")],
)
def test_another_protocol_is_refused_with_a_sentence(
    world: World, run: int, spoken: str, side: str
) -> None:
    with nothing_stored():
        answers = everything(speaking(world.nodes[0], spoken), run)
    assert statuses(answers) == {426}
    assert codes(answers) == {"protocol_unsupported"}
    assert answers["claim"].json()["detail"] == (
        f"This server speaks node protocol 1, the node {spoken or 'none'}:"
        f" update the {side}."
    )


def test_while_two_protocols_are_spoken_nodes_of_either_work(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(authentication, "PROTOCOLS", range(1, 3))
    for spoken in ("1", "2"):
        node = speaking(world.nodes[0], spoken)
        node.instance = world.nodes[0].instance
        assert node.heartbeat([]).status_code == 200
    older, newer = (speaking(world.nodes[0], spoken) for spoken in ("0", "3"))
    for node, side in ((older, "node"), (newer, "server")):
        answer = node.heartbeat([])
        assert answer.status_code == 426
        detail = answer.json()["detail"]
        assert "protocol 1 to 2" in detail
        assert detail.endswith(f"update the {side}.")


@pytest.mark.parametrize("instance", [STRANGER, "", "None", "null", "x"])
def test_only_the_instance_of_the_last_hello_is_obeyed(
    world: World, run: int, instance: str
) -> None:
    other = NodeClient(world.nodes[0].node, world.nodes[0].key)
    other.instance = instance
    with nothing_stored():
        answers = everything(other, run)
        answers.pop("hello")
    assert statuses(answers) == {409}
    assert codes(answers) == {"instance_superseded"}


@pytest.mark.parametrize("instance", [STRANGER, "", "None"])
def test_before_its_first_hello_a_node_can_do_nothing_else(
    world: World, run: int, instance: str
) -> None:
    silent = add_node(world, world.sites[0], world.people["admin0"])
    silent.instance = instance
    with nothing_stored():
        answers = {
            "claim": silent.claim(),
            "heartbeat": silent.heartbeat([]),
            "report": silent.report(run, 1, "running"),
        }
    assert statuses(answers) == {409}


def test_another_organizations_run_does_not_exist_for_a_node(world: World) -> None:
    world.send()
    (run,) = world.nodes[0].claimed()
    location = world.nodes[0].announce(run, b"12")["Location"]
    stranger = world.nodes[1]
    missing = {**run, "run": 10**9}
    with nothing_stored():
        for mine, none in (
            (
                stranger.report(run["run"], 1, "running"),
                stranger.report(10**9, 1, "running"),
            ),
            (stranger.log(run, 0, b"x"), stranger.log(missing, 0, b"x")),
            (stranger.announce(run, b"x"), stranger.announce(missing, b"x")),
            (
                stranger.patch(location, b"12"),
                stranger.patch(f"/api/v1/node/uploads/{uuid.uuid4()}/", b"12"),
            ),
        ):
            assert mine.status_code == none.status_code == 404
            assert mine.content == none.content
    assert Upload.objects.get().offset == 0


def test_guessing_keys_is_slowed_and_the_right_key_works_from_elsewhere(
    world: World,
) -> None:
    node = world.nodes[0]
    for _ in range(10):
        wrong = NodeClient(node.node, Key.generate("ptmn"))
        assert wrong.heartbeat([]).status_code == 401
    slowed = node.heartbeat([])
    assert (slowed.status_code, slowed.json()["code"]) == (429, "throttled")
    assert int(slowed["Retry-After"]) >= 1
    node.client = APIClient(REMOTE_ADDR="10.9.9.9")
    assert node.heartbeat([]).status_code == 200


def test_presence_follows_heartbeats_and_goodbye(world: World) -> None:
    node = world.nodes[0]
    alice = world.person("alice")

    def online() -> bool:
        seen = alice.get(f"/api/v1/nodes/{node.node.pk}/").json()["online"]
        return bool(seen)

    node.heartbeat([])
    assert online()
    assert node.post("goodbye/").status_code == 204
    assert not online()
    assert node.heartbeat([]).status_code == 200
    assert online()
    Node.objects.filter(pk=node.node.pk).update(
        last_seen_at="2020-01-01T00:00:00Z", left_at=None
    )
    assert not online()
