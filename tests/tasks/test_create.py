"""Who may send what to whom; after each refusal nothing is stored."""

import json
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import connection
from django.test.utils import CaptureQueriesContext
from guardian.shortcuts import assign_perm  # noqa: TID251

from apps.algorithms.services import allow_version, withdraw_version
from apps.audit.actors import SYSTEM
from apps.collaborations.choices import ParticipationStatus
from apps.collaborations.consents import answer_invitation, invite_organization
from apps.collaborations.models import Participation
from apps.errors import Invalid
from apps.nodes.models import Enrolment
from apps.organizations.choices import Role
from apps.organizations.services import create_organization, grant_membership
from apps.tasks.models import Input, Run, Task
from apps.tasks.parties import collaboration_for, sending_organizations
from tests.stored import acts, counts, nothing_stored
from tests.worlds import World

NOBODY = 10**9


def send(world: World, person: str = "alice", **changes: Any) -> Any:
    return world.person(person).post("/api/v1/tasks/", world.task_body(**changes))


def refused(world: World, person: str = "alice", **changes: Any) -> tuple[int, str]:
    """Status and code of a refusal that stores nothing."""
    world.person(person)
    with nothing_stored():
        answer = send(world, person, **changes)
    return answer.status_code, answer.json()["code"]


def test_a_task_has_one_queued_run_for_each_organization(world: World) -> None:
    before = counts()
    answer = send(world)
    assert answer.status_code == 201
    task = Task.objects.get(pk=answer.json()["id"])
    assert (task.initiator, task.organization, task.visibility, task.revision) == (
        world.people["alice"],
        world.sites[0],
        "organization",
        0,
    )
    runs = task.runs.filter(node=None).values_list("organization", "status", "attempt")
    assert list(runs) == [(site.pk, "queued", 0) for site in world.sites]
    assert acts("task.created", object_id=task.pk, actor_id=task.initiator_id) == 1
    new = {name: count - before[name] for name, count in counts().items()}
    # One event for the task, one for each site that is asked, one for the token.
    expected = {"Task": 1, "Input": 1, "Run": 3, "Event": 5}
    assert {name: count for name, count in new.items() if count} == expected


@pytest.mark.parametrize("sites", [1, 3])
def test_more_sites_take_no_more_queries(world: World, sites: int) -> None:
    client = world.person("alice")
    body = world.task_body(organizations=[site.pk for site in world.sites[:sites]])
    headers = {"Idempotency-Key": "k"}
    client.get("/api/v1/me/")  # the token's first use of the day is noted
    with CaptureQueriesContext(connection) as captured:
        answer = client.post("/api/v1/tasks/", body, headers=headers)
    assert answer.status_code == 201
    asked = [query["sql"] for query in captured.captured_queries]
    assert len([sql for sql in asked if "SAVEPOINT" not in sql]) == 13, asked


def test_all_runs_share_one_input(world: World) -> None:
    send(world)
    assert Run.objects.values("input").distinct().count() == 1
    assert bytes(Input.objects.get().data) == (
        b'{"method": "summary", "args": [], "kwargs": {"columns": ["age"]}}'
    )


def test_only_researchers_and_admins_of_taking_part_sites_may_send(
    world: World,
) -> None:
    table = [
        ("alice", 201),
        ("dave", 201),
        ("admin0", 201),
        ("admin2", 201),
        ("bob", 403),
        ("carol", 403),
    ]
    assert [(p, send(world, p).status_code) for p, _ in table] == table
    assert Task.objects.count() == 4


def test_another_collaboration_is_as_one_that_does_not_exist(
    world: World, rival: World
) -> None:
    with_rivals = refused(world, collaboration=rival.collaboration.pk)
    assert with_rivals == (422, "collaboration_unknown")
    foreign = send(world, collaboration=rival.collaboration.pk)
    missing = send(world, collaboration=NOBODY)
    assert foreign.content == missing.content


def test_organizations_must_take_part(world: World, rival: World) -> None:
    own = world.sites[0].pk
    invited = create_organization(name="Invited only", actor=SYSTEM)
    invite_organization(
        collaboration=world.collaboration, organization=invited, actor=SYSTEM
    )
    for pk in (NOBODY, rival.sites[0].pk, invited.pk, 2**63 - 1):
        assert refused(world, organizations=[own, pk]) == (422, "organization_unknown")
    foreign = send(world, organizations=[rival.sites[0].pk]).json()
    missing = send(world, organizations=[NOBODY]).json()
    text = str(foreign).replace(str(rival.sites[0].pk), str(NOBODY))
    assert text == str(missing).replace(str(rival.sites[0].pk), str(NOBODY))
    assert list(foreign["errors"]) == ["organizations"]


def test_an_organization_is_named_once(world: World) -> None:
    own = world.sites[0].pk
    assert refused(world, organizations=[own, own]) == (422, "organization_twice")


def test_an_organization_needs_a_node_that_serves_the_collaboration(
    world: World,
) -> None:
    Enrolment.objects.filter(node=world.nodes[1].node).delete()
    assert refused(world) == (422, "organization_unavailable")
    others = [world.sites[0].pk, world.sites[2].pk]
    assert send(world, organizations=others).status_code == 201


def test_an_organization_needs_a_node_that_knows_the_contract(world: World) -> None:
    world.nodes[1].hello(world.released(), contracts=["vantage6"])
    assert refused(world) == (422, "organization_unavailable")


def test_a_node_that_is_away_still_counts(world: World) -> None:
    world.nodes[1].post("goodbye/")
    assert send(world).status_code == 201


def test_a_task_is_sent_for_one_of_the_senders_organizations(world: World) -> None:
    alice = world.people["alice"]
    for role, expected in (
        (Role.VIEWER, 201),  # there she may only look, so it is not meant
        (Role.RESEARCHER, 422),
    ):
        grant_membership(
            user=alice, organization=world.sites[1], role=role, actor=SYSTEM
        )
        answer = send(world)
        assert answer.status_code == expected
    assert answer.json()["code"] == "organization_ambiguous"
    second = send(world, organization=world.sites[1].pk)
    assert second.json()["organization"]["id"] == world.sites[1].pk


def test_nobody_sends_for_an_organization_of_others(world: World, rival: World) -> None:
    for site in (world.sites[1].pk, rival.sites[0].pk, NOBODY):
        assert refused(world, organization=site) == (422, "organization_unknown")


def test_a_task_is_sent_for_no_organization_in_which_one_only_looks(
    world: World, rival: World
) -> None:
    """Nor for one that does not take part, or of which one is no member."""
    alice, looked_at = world.people["alice"], world.sites[1]
    grant_membership(user=alice, organization=looked_at, role=Role.VIEWER, actor=SYSTEM)
    for site in (rival.sites[0], world.sites[2]):
        grant_membership(
            user=alice, organization=site, role=Role.RESEARCHER, actor=SYSTEM
        )
    left = world.sites[2].participations.get()
    answer_invitation(
        participation=left, answer=ParticipationStatus.ENDED, actor=SYSTEM
    )
    by_hand = Group.objects.create(name="senders")
    by_hand.user_set.add(world.people["dave"])
    assign_perm("send_tasks", by_hand, world.sites[0])
    to: dict[str, Any] = {"organizations": [looked_at.pk]}
    for person, site in (
        ("alice", looked_at),
        ("alice", rival.sites[0]),
        ("alice", world.sites[2]),
        ("dave", world.sites[0]),
    ):
        found = refused(world, person, organization=site.pk, **to)
        assert found == (422, "organization_unknown"), (person, site)
    Participation.objects.filter(pk=left.pk).update(may_create_tasks=False)
    found = refused(world, organization=world.sites[2].pk, **to)
    assert found == (422, "organization_unknown")
    assert send(world, organization=world.sites[0].pk, **to).status_code == 201


def test_for_who_is_deactivated_there_is_no_collaboration(world: World) -> None:
    alice = world.people["alice"]
    alice.is_active = False
    with pytest.raises(Invalid) as refusal:
        collaboration_for(alice, world.collaboration.pk)
    assert refusal.value.code == "collaboration_unknown"
    assert sending_organizations(alice, world.collaboration) == []


def test_a_platform_admin_sends_only_where_a_role_allows_it(
    world: World, rival: World
) -> None:
    root = world.people["root"] = world.platform_admin
    assert refused(world, "root") == (403, "permission_denied")
    roles = ((world.sites[0], Role.VIEWER), (rival.sites[0], Role.RESEARCHER))
    for site, role in roles:
        grant_membership(user=root, organization=site, role=role, actor=SYSTEM)
    assert refused(world, "root") == (403, "permission_denied")
    body = rival.task_body()
    assert world.person("root").post("/api/v1/tasks/", body).status_code == 201


def test_functions_must_be_known_and_partial(world: World) -> None:
    assert refused(world, function="delete_all") == (422, "function_unknown")
    central = refused(world, function="combine", arguments={}, databases=[])
    assert central == (422, "function_central")


@pytest.mark.parametrize(
    ("databases", "code"),
    [
        ([], "databases_count"),
        ([{"label": "default"}, {"label": "default"}], "databases_count"),
        ([{"label": "other"}], "database_unknown"),
        ([{"label": "wrong_type"}], "database_unknown"),
        ([{"label": "Default"}], "invalid"),
        ([{"label": "default\n x"}], "invalid"),
        ([{"label": ""}], "invalid"),
        ([{"label": "d" * 65}], "invalid"),
        ([{}], "invalid"),
        (["default"], "invalid"),
        ({"label": "default"}, "invalid"),
        (None, "invalid"),
    ],
    ids=str,
)
def test_databases_must_be_released_by_every_site(
    world: World, databases: Any, code: str
) -> None:
    own = [
        {"label": "default", "type": "csv"},
        {"label": "wrong_type", "type": "sql"},
    ]
    for node in world.nodes:
        node.hello([{"id": world.collaboration.pk, "databases": own}])
    assert refused(world, databases=databases) == (422, code)


def test_one_site_without_the_database_is_enough_to_refuse(world: World) -> None:
    world.nodes[2].hello([{"id": world.collaboration.pk, "databases": []}])
    assert refused(world) == (422, "database_unknown")
    answer = send(world)
    assert world.sites[2].name in answer.json()["detail"]
    assert list(answer.json()["errors"]) == ["databases"]


def test_one_node_must_have_all_databases_not_two_nodes_a_half_each(
    world: World,
) -> None:
    from tests.worlds import add_node

    manifest = world.version.manifest
    manifest["functions"][0]["databases"] = [{"types": ["csv"]}, {"types": ["csv"]}]
    world.version.save()
    second = add_node(world, world.sites[0], world.people["admin0"])
    for node, label in ((world.nodes[0], "a"), (second, "b")):
        release = [{"label": label, "type": "csv"}]
        node.hello([{"id": world.collaboration.pk, "databases": release}])
    both = [{"label": "a"}, {"label": "b"}]
    sites = [world.sites[0].pk]
    assert refused(world, databases=both, organizations=sites) == (
        422,
        "database_unknown",
    )


def test_a_version_that_another_collaboration_allows_is_not_allowed_here(
    world: World, rival: World
) -> None:
    assert refused(world, image=rival.version.image) == (422, "image_not_allowed")
    foreign = send(world, image=rival.version.image)
    missing = send(world, image="registry.test/no/such@sha256:" + "0" * 64)
    assert foreign.content == missing.content
    _, _, digest = world.version.image.partition("@")
    repository = rival.version.algorithm.repository
    image = f"{repository}@{digest}"
    assert refused(world, image=image) == (422, "image_not_allowed")
    allow_version(
        version=rival.version, collaboration=world.collaboration, actor=SYSTEM
    )
    assert send(world, image=rival.version.image).status_code == 201


def test_a_withdrawn_version_takes_no_new_task(world: World) -> None:
    withdraw_version(version=world.version, actor=SYSTEM)
    assert refused(world) == (422, "image_not_allowed")


def test_visibility_is_copied_and_not_widened_later(world: World) -> None:
    task = send(world).json()
    world.collaboration.visibility = "collaboration"
    world.collaboration.save()
    assert Task.objects.get(pk=task["id"]).visibility == "organization"
    assert send(world).json()["visibility"] == "collaboration"


def test_a_query_reaches_the_nodes_as_it_was_sent(world: World) -> None:
    """Whether it is run, each site's own node decides."""
    asked = [{"label": "default", "query": "SELECT age FROM patients -- %s ü"}]
    answer = send(world, databases=asked)
    assert answer.status_code == 201, answer.json()
    assert answer.json()["databases"] == asked
    [assignment] = world.nodes[0].claimed()
    assert assignment["databases"] == asked


@pytest.mark.parametrize("query", ["", "x" * 20_001, None, [], "a\x00", "\ud800"])
def test_a_query_is_a_text_of_some_length(world: World, query: Any) -> None:
    client = world.person("alice")
    body = world.task_body(databases=[{"label": "default", "query": query}])
    # Escaped, as a client may send half of a surrogate pair.
    text = json.dumps(body)
    with nothing_stored():
        answer = client.post("/api/v1/tasks/", text, content_type="application/json")
    assert answer.status_code in (400, 422)
