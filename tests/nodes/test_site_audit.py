"""The head of a site's own audit, as its node tells it with each heartbeat."""

from datetime import timedelta
from typing import Any

from django.utils import timezone

from apps.audit.models import Event
from apps.nodes.models import Node
from apps.nodes.site_audit import record_site_audit
from tests.worlds import World


def sha(letter: str) -> str:
    return letter * 64


def told(world: World, *heads: tuple[int, str]) -> Node:
    client = world.nodes[0]
    for number, letter in heads:
        audit = {"number": number, "sha256": sha(letter)}
        assert client.heartbeat([], audit=audit).status_code == 200
    node: Node = Node.objects.get(pk=client.node.pk)
    return node


def events(action: str) -> list[dict[str, Any]]:
    found = Event.objects.filter(action=action).order_by("pk")
    return list(found.values_list("details", flat=True))


def test_the_newest_head_is_kept_and_shown(world: World) -> None:
    assert told(world, (3, "a"), (5, "b")).audit_head == f"5:{sha('b')}"
    answer = world.client("alice").get("/api/v1/nodes/").json()["results"]
    heads = [each["audit_head"] for each in answer if each["audit_head"]]
    assert heads == [f"5:{sha('b')}"]


def test_a_node_that_says_nothing_of_it_is_as_good(world: World) -> None:
    assert world.nodes[0].heartbeat([]).status_code == 200
    assert told(world).audit_head == ""


def test_a_chain_that_goes_back_is_an_event_of_both_sides(world: World) -> None:
    node = told(world, (3, "a"), (5, "b"), (5, "c"), (4, "d"))
    assert node.audit_head == f"4:{sha('d')}"
    assert events("node.audit_went_back") == [
        {"before": [5, sha("b")], "after": [5, sha("c")]},
        {"before": [5, sha("c")], "after": [4, sha("d")]},
    ]
    event = Event.objects.get(action="node.audit_went_back", details__after__0=4)
    assert event.organization_id == node.organization_id


def test_a_late_copy_of_an_older_word_is_none(world: World) -> None:
    assert told(world, (3, "a"), (5, "b"), (3, "a")).audit_head == f"5:{sha('b')}"
    assert not events("node.audit_went_back")


def test_what_moves_on_is_noted_once_an_hour(world: World) -> None:
    node = told(world, (3, "a"), (4, "b"), (5, "c"))
    assert events("node.audit_head") == [{"before": None, "after": [3, sha("a")]}]
    earlier = timezone.now() - timedelta(hours=2)
    Node.objects.filter(pk=node.pk).update(audit_noted_at=earlier)
    told(world, (6, "d"))
    assert [each["after"] for each in events("node.audit_head")] == [
        [3, sha("a")],
        [6, sha("d")],
    ]


def test_only_so_many_are_kept(world: World) -> None:
    heads = [(number, f"{number % 10}") for number in range(1, 31)]
    assert [number for number, _ in told(world, *heads).audit_heads] == [*range(11, 31)]


def test_a_head_that_is_none_is_refused_and_changes_nothing(world: World) -> None:
    for bad in ({"number": -1, "sha256": sha("a")}, {"number": 1, "sha256": "x"}, 7):
        assert world.nodes[0].heartbeat([], audit=bad).status_code == 422
    assert told(world).audit_heads == []


def test_a_copy_that_arrives_at_the_same_time_is_no_way_back(world: World) -> None:
    node = told(world, (3, "a"))
    copy = Node.objects.get(pk=node.pk)  # both were read before either was kept
    for each in (node, copy):
        record_site_audit(node=each, number=4, sha256=sha("b"))
    assert events("node.audit_went_back") == []
    assert told(world).audit_heads == [[3, sha("a")], [4, sha("b")]]
