"""Hello: which start of the daemon is obeyed, and what it announces."""

from typing import Any

import pytest

from apps.audit.actors import SYSTEM
from apps.collaborations.choices import ParticipationStatus
from apps.collaborations.consents import answer_invitation
from apps.collaborations.models import Participation
from apps.errors import Conflict
from apps.nodes.announcement import Hello
from apps.nodes.models import DatabaseRelease, Enrolment, Node
from apps.nodes.services import record_hello, revoke_node
from tests.daemon import NodeClient, holding
from tests.stored import nothing_stored
from tests.worlds import World


def test_the_answer_says_who_the_node_is_and_whom_it_serves(world: World) -> None:
    node = world.nodes[0]
    answer = node.hello(world.released())
    site, collaboration = world.sites[0], world.collaboration
    assert answer.json() == {
        "node": node.node.pk,
        "organization": {"id": site.pk, "name": site.name},
        "last_claim": 0,
        "stop": [],
        "work": False,
        "heartbeat_seconds": 20,
        "server_version": "0.1.0",
        "collaborations": [{"id": collaboration.pk, "name": collaboration.name}],
    }


def test_it_says_whether_work_waits(world: World) -> None:
    world.send(organizations=[world.sites[0].pk])
    works = [node.hello(world.released()).json()["work"] for node in world.nodes]
    assert works == [True, False, False]


def test_a_repeated_hello_changes_nothing(world: World) -> None:
    node = world.nodes[0]
    with nothing_stored():
        assert node.hello(world.released()).status_code == 200
    assert node.heartbeat([]).status_code == 200


def test_a_later_start_supersedes_the_one_before(world: World) -> None:
    old = world.nodes[0]
    new = old.restarted()
    assert new.hello(world.released()).status_code == 200
    for answer in (old.heartbeat([]), old.claim(), old.hello(world.released())):
        assert (answer.status_code, answer.json()["code"]) == (
            409,
            "instance_superseded",
        )
    assert new.heartbeat([]).status_code == 200


def test_a_late_copy_of_an_older_hello_does_no_harm(world: World) -> None:
    old = world.nodes[0]
    new = old.restarted()
    new.hello(world.released())
    with nothing_stored():
        assert old.hello([]).status_code == 409
    stored = Node.objects.get(pk=old.node.pk)
    assert (str(stored.instance), stored.boot) == (new.instance, new.boot)
    assert stored.enrolments.count() == 1


def test_a_clone_with_the_same_boot_is_noticed(world: World) -> None:
    node = world.nodes[0]
    clone = NodeClient(node.node, node.key, boot=node.boot)
    assert clone.hello(world.released()).json()["code"] == "instance_superseded"
    assert node.heartbeat([]).status_code == 200


def test_a_clone_that_starts_later_wins_and_the_other_is_told(world: World) -> None:
    node = world.nodes[0]
    clone = NodeClient(node.node, node.key, boot=node.boot + 5)
    assert clone.hello(world.released()).status_code == 200
    assert node.heartbeat([]).json()["code"] == "instance_superseded"


def test_a_hello_that_was_read_before_a_revocation_does_not_undo_it(
    world: World,
) -> None:
    read_before = Node.objects.select_related("organization").get(
        pk=world.nodes[0].node.pk
    )
    revoke_node(node=world.nodes[0].node, actor=SYSTEM)
    hello = Hello(world.nodes[0].instance, 99, "1", _announcement())
    with pytest.raises(Exception, match="revoked"):
        record_hello(node=read_before, hello=hello)
    assert Node.objects.get(pk=read_before.pk).revoked_at is not None


def test_an_older_hello_that_was_read_early_does_not_supersede(world: World) -> None:
    early = Node.objects.select_related("organization").get(pk=world.nodes[0].node.pk)
    later = NodeClient(early, world.nodes[0].key, boot=9)
    later.hello(world.released())
    hello = Hello(world.nodes[0].instance, 5, "1", _announcement())
    with pytest.raises(Conflict, match="Another daemon"):
        record_hello(node=early, hello=hello)
    assert Node.objects.get(pk=early.pk).boot == 9


def test_a_hello_does_not_set_the_claim_number_back(world: World) -> None:
    node = world.nodes[0]
    early = Node.objects.select_related("organization").get(pk=node.node.pk)
    world.send()
    node.claimed()
    record_hello(node=early, hello=Hello(node.instance, 2, "1", _announcement()))
    assert Node.objects.get(pk=early.pk).last_claim == 1


def test_an_announcement_replaces_the_one_before(world: World) -> None:
    node = world.nodes[0]
    databases = [{"label": "omop", "type": "omop"}, {"label": "b", "type": "csv"}]
    node.hello([{"id": world.collaboration.pk, "databases": databases}])
    stored = DatabaseRelease.objects.filter(enrolment__node=node.node)
    assert set(stored.values_list("label", "type")) == {("omop", "omop"), ("b", "csv")}
    node.hello([])
    assert not Enrolment.objects.filter(node=node.node).exists()


def test_what_is_announced_again_stays_in_its_row(world: World) -> None:
    """Whoever reads meanwhile would else find a collaboration without databases."""
    node = world.nodes[0]

    def rows(*databases: tuple[str, str]) -> dict[str, tuple[int, int, str]]:
        listed = [{"label": label, "type": kind} for label, kind in databases]
        node.hello([{"id": world.collaboration.pk, "databases": listed}])
        stored = DatabaseRelease.objects.filter(enrolment__node=node.node)
        return {r.label: (r.pk, r.enrolment_id, r.type) for r in stored}

    first = rows(("a", "csv"), ("b", "csv"))
    second = rows(("b", "parquet"), ("c", "csv"))
    assert set(second) == {"b", "c"}
    assert second["b"] == (*first["b"][:2], "parquet")


def test_only_collaborations_that_the_organization_joined_are_stored(
    world: World, rival: World
) -> None:
    databases = [{"label": "default", "type": "csv"}]
    wanted = [
        {"id": pk, "databases": databases}
        for pk in (world.collaboration.pk, rival.collaboration.pk, 2**63 - 1)
    ]
    answer = world.nodes[0].hello(wanted)
    own = world.collaboration
    assert answer.json()["collaborations"] == [{"id": own.pk, "name": own.name}]
    assert list(
        Enrolment.objects.filter(node=world.nodes[0].node).values_list(
            "collaboration", flat=True
        )
    ) == [own.pk]


def test_an_ended_participation_is_not_served_any_more(world: World) -> None:
    answer_invitation(
        participation=Participation.objects.get(organization=world.sites[0]),
        answer=ParticipationStatus.ENDED,
        actor=SYSTEM,
    )
    assert world.nodes[0].hello(world.released()).json()["collaborations"] == []


def test_hello_ends_an_earlier_goodbye(world: World) -> None:
    node = world.nodes[0]
    node.post("goodbye/")
    node.restarted().hello(world.released())
    assert Node.objects.get(pk=node.node.pk).is_online


def test_runs_that_the_new_start_lacks_are_queued_again(world: World) -> None:
    task = world.send()
    node = world.nodes[0]
    (run,) = node.claimed()
    with_it = node.restarted()
    assert with_it.hello(world.released(), held=[holding(run)]).json()["stop"] == []
    without = with_it.restarted()
    assert without.hello(world.released()).json()["work"] is True
    (again,) = without.claimed()
    assert (again["run"], again["attempt"]) == (run["run"], 2)
    assert task["id"] == again["task"]["id"]


def _announcement(**changes: Any) -> dict[str, Any]:
    return {
        "collaborations": [],
        "contracts": ["ptm"],
        "runtime": "",
        "concurrent_runs": 1,
        "policy": None,
        **changes,
    }


def _served(**changes: Any) -> dict[str, Any]:
    return {"id": 1, "databases": [{"label": "a", "type": "csv"}], **changes}


@pytest.mark.parametrize(
    ("announced", "field"),
    [
        ({"contracts": ["Two words"]}, "announce/contracts/0"),
        ({"contracts": "ptm"}, "announce/contracts"),
        ({"runtime": "r" * 101}, "announce/runtime"),
        ({"runtime": "nul\x00"}, "announce/runtime"),
        ({"concurrent_runs": 0}, "announce/concurrent_runs"),
        ({"concurrent_runs": 10**400}, "announce/concurrent_runs"),
        ({"collaborations": {}}, "announce/collaborations"),
        ({"collaborations": [_served(id=2**63)]}, "announce/collaborations/0/id"),
        ({"collaborations": [_served(id=-1)]}, "announce/collaborations/0/id"),
        ({"collaborations": [_served(id=True)]}, "announce/collaborations/0/id"),
        (
            {"collaborations": [_served(databases=[{"label": "A B", "type": "csv"}])]},
            "announce/collaborations/0/databases/0/label",
        ),
        (
            {"collaborations": [_served(databases=[{"label": "a", "type": "X L"}])]},
            "announce/collaborations/0/databases/0/type",
        ),
    ],
)
def test_a_wrong_announcement_is_refused_and_the_field_named(
    world: World, announced: dict[str, Any], field: str
) -> None:
    with nothing_stored():
        answer = world.nodes[0].hello(**{"collaborations": [], **announced})
    assert answer.status_code == 422
    assert any(name.startswith(field) for name in answer.json()["errors"])


def test_the_same_collaboration_or_label_twice_is_refused(world: World) -> None:
    own = world.collaboration.pk
    twice_the_label = [{"label": "a", "type": "csv"}, {"label": "a", "type": "sql"}]
    with nothing_stored():
        for wanted in (
            [_served(id=own), _served(id=own)],
            [_served(id=own, databases=twice_the_label)],
        ):
            answer = world.nodes[0].hello(wanted)
            assert answer.status_code == 422
            assert list(answer.json()["errors"])[0].startswith("announce/")


def test_the_header_and_the_body_name_one_instance(world: World) -> None:
    node = world.nodes[0].restarted()
    claimed_instance = node.instance
    body = {
        "instance": claimed_instance,
        "boot": node.boot,
        "version": "0",
        "last_claim": 0,
        "held": [],
        "announce": {"collaborations": [], "contracts": ["ptm"]},
    }
    node.instance = world.nodes[0].instance
    with nothing_stored():
        answer = node.post("hello/", body)
    assert answer.status_code == 422
    assert list(answer.json()["errors"]) == ["instance"]


def test_what_only_a_newer_node_has_a_word_for_is_left_out(world: World) -> None:
    node, own = world.nodes[0], world.collaboration.pk
    shared = [{"name": "age", "type": "integer"}, {"name": "dose", "type": "decimal"}]
    databases = [
        {"label": "default", "type": "csv"},
        {"label": "typed", "type": "csv", "columns": shared},
        {"label": "cube", "type": "olap", "dimensions": 3},
    ]
    served = [_served(id=own, databases=databases)]
    answer = node.hello(served, contracts=["ptm", "ptm2"], mood="good")
    assert answer.status_code == 200
    stored = Node.objects.get(pk=node.node.pk)
    releases = DatabaseRelease.objects.filter(enrolment__node=stored)
    assert stored.contracts == ["ptm"]
    assert set(releases.values_list("label", "columns")) == {
        ("default", None),
        ("typed", None),
    }
    world.send(organizations=[world.sites[0].pk])
    assert len(node.claimed()) == 1
