"""What sites would do with a task by the rules that they share, before it is sent."""

from typing import Any

import pytest

from apps.algorithms.models import AlgorithmVersion
from apps.nodes.models import Node
from apps.tasks.models import Task
from tests.tasks.new_task import show, text
from tests.worlds import World

DIRECT = {"label": "default", "type": "direct"}
RULE = {"action": "run", "name": "", "approval": None} | dict.fromkeys(
    ("collaborations", "databases", "images", "functions", "organizations", "users")
)


def policy(*rules: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {
        "images": ["*"],
        "approval": "never",
        "rules": [{**RULE, **rule} for rule in rules],
        **changes,
    }


@pytest.fixture
def shared(world: World) -> World:
    """A runs it, B asks its people first, C has a rule against it."""
    alice = world.people["alice"]
    refuse = {"action": "refuse", "name": "nothing by alice", "users": [alice.username]}
    policies = [policy(), policy(approval="always"), policy(refuse, {})]
    for client, each in zip(world.nodes, policies, strict=True):
        announced = client.restarted().hello(world.released(), policy=each)
        assert announced.status_code == 200, announced.json()
    return world


def forecast(world: World, **changes: Any) -> Any:
    return world.person("alice").post(
        "/api/v1/tasks/forecast/", world.task_body(**changes), format="json"
    )


EXPECTED = [
    ("A", "yes", "the image is on this site's list"),
    ("B", "asks", "the image is on this site's list"),
    ("C", "refuses", "rule 1 (nothing by alice) refuses it"),
]


def test_scripts_ask_before_they_send(shared: World) -> None:
    answer = forecast(shared)
    assert answer.status_code == 200, answer.json()
    sites = answer.json()["sites"]
    assert [
        (s["organization"]["name"][-1], s["answer"], s["reason"]) for s in sites
    ] == EXPECTED
    assert not Task.objects.exists()


def test_the_portal_says_it_beside_the_choices(shared: World) -> None:
    page = show(shared)
    answers = page.context["draft"].answers
    found = [(a.organization.name[-1], a.kind, a.reason) for a in answers]
    assert found == EXPECTED
    words = text(page)
    assert "Heart failure A Would run now." in words
    assert "Heart failure B Somebody there has to approve it first: the image" in words
    assert "Would refuse: rule 1 (nothing by alice) refuses it." in words


def test_a_forecast_stops_nobody(shared: World) -> None:
    assert len(shared.send()["runs"]) == 3


def test_a_site_that_shares_no_rules_is_taken_to_run_it(world: World) -> None:
    assert [s["answer"] for s in forecast(world).json()["sites"]] == ["yes"] * 3


def test_what_could_not_run_is_an_answer_and_a_wrong_request_is_refused(
    world: World,
) -> None:
    other = forecast(world, databases=[{"label": "other"}]).json()["sites"]
    assert {site["answer"] for site in other} == {"no"}
    assert "does not release other" in other[0]["reason"]
    for wrong, code in (
        ({"databases": []}, "databases_count"),
        ({"arguments": {"columns": 3}}, "arguments_invalid"),
        ({"function": "nothing"}, "function_unknown"),
    ):
        answer = forecast(world, **wrong)
        assert (answer.status_code, answer.json()["code"]) == (422, code)


def test_the_best_of_several_nodes_counts(shared: World) -> None:
    b = Node.objects.get(pk=shared.nodes[1].node.pk)
    c = Node.objects.get(pk=shared.nodes[2].node.pk)
    Node.objects.filter(pk=c.pk).update(organization=b.organization_id)
    Node.objects.filter(pk=b.pk).update(policy=policy({"action": "refuse"}))
    Node.objects.filter(pk=c.pk).update(policy=policy(approval="new-digest"))
    one = forecast(shared, organizations=[b.organization_id]).json()["sites"]
    assert [site["answer"] for site in one] == ["asks"]


def test_a_direct_database_needs_a_rule_that_says_so(world: World) -> None:
    manifest = world.version.manifest
    manifest["functions"][0]["databases"][0]["types"] = ["direct"]
    AlgorithmVersion.objects.filter(pk=world.version.pk).update(manifest=manifest)
    live = [{**each, "databases": [DIRECT]} for each in world.released()]
    # The last is of a node that knows no such databases.
    rules: list[dict[str, Any]] = [{"direct": True}, {"direct": False}, {}]
    for client, rule in zip(world.nodes, rules, strict=True):
        client.restarted().hello(live, policy=policy(rule))
    sites = forecast(world).json()["sites"]
    assert [site["answer"] for site in sites] == ["yes", "refuses", "refuses"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"images": ["*"], "approval": "sometimes", "rules": []},
        {"images": "*", "approval": "never", "rules": []},
        {"images": ["*"], "approval": "never", "rules": [{"action": "maybe"}]},
        {"images": ["*"] * 201, "approval": "never", "rules": []},
        [],
    ],
)
def test_a_policy_that_is_none_is_refused_and_changes_nothing(
    world: World, wrong: Any
) -> None:
    client = world.nodes[0].restarted()
    assert client.hello(world.released(), policy=wrong).status_code == 422
    assert Node.objects.get(pk=client.node.pk).policy is None
