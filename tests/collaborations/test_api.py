"""Collaborations, consent and studies by the API."""

from typing import Any

import pytest

from apps.audit.actors import SYSTEM
from apps.collaborations.choices import ParticipationStatus
from apps.collaborations.consents import invite_organization
from apps.collaborations.models import Collaboration, Participation, Study
from apps.organizations.choices import Role
from apps.organizations.models import Organization
from apps.organizations.services import create_organization, grant_membership
from tests.scripts import API, DENIED, MISSING, refused, script
from tests.stored import acts
from tests.worlds import World

COLLABORATIONS = f"{API}/collaborations/"
PARTICIPATIONS = f"{API}/participations/"
STUDIES = f"{API}/studies/"


def of(world: World) -> str:
    return f"{COLLABORATIONS}{world.collaboration.pk}/"


def participation(world: World, number: int = 0) -> Participation:
    return Participation.objects.get(
        collaboration=world.collaboration, organization=world.sites[number]
    )


@pytest.fixture
def invited(world: World) -> Participation:
    """A fourth site with its own admin, asked to take part."""
    site = create_organization(name="Heart failure D", actor=SYSTEM)
    admin = type(world.platform_admin).objects.create_user("heart-admin3")
    grant_membership(user=admin, organization=site, role=Role.ADMIN, actor=SYSTEM)
    world.people["admin3"] = admin
    return invite_organization(
        collaboration=world.collaboration, organization=site, actor=SYSTEM
    )


def test_a_platform_admin_creates_and_names_admins_and_nobody_else(
    world: World,
) -> None:
    root = script(world, "root")
    made = root.post(COLLABORATIONS, {"name": "New", "deadline_days": 3}).json()
    assert (made["deadline_days"], made["participations"]) == (3, [])
    alice = world.people["alice"]
    where = f"{COLLABORATIONS}{made['id']}/admins/"
    named = root.put(where, {"people": [alice.pk]}).json()
    assert named["admins"] == [{"id": alice.pk, "username": alice.username}]
    for person in ("admin0", "manager", "alice"):
        client = script(world, person)
        assert refused(client.post(COLLABORATIONS, {"name": "Mine"})) == DENIED
        for people in ([world.people[person].pk], [10**9], []):
            answer = client.put(f"{of(world)}admins/", {"people": people})
            assert refused(answer) == DENIED
    assert not Collaboration.objects.filter(name="Mine").exists()


def test_an_unknown_person_becomes_no_admin(world: World) -> None:
    answer = script(world, "root").put(f"{of(world)}admins/", {"people": [10**9]})
    assert refused(answer) == (422, "person_unknown")


def test_its_manager_changes_the_policy_and_the_rest_stays(world: World) -> None:
    manager = script(world, "manager")
    body = {"deadline_days": 5, "expires_at": "2040-01-01T00:00:00Z"}
    changed = manager.patch(of(world), body).json()
    assert changed["deadline_days"] == 5
    assert changed["expires_at"] == "2040-01-01T00:00:00Z"
    assert (changed["purpose"], changed["visibility"]) == ("to learn", "organization")
    assert manager.patch(of(world), {"expires_at": None}).json()["expires_at"] is None
    assert acts("collaboration.changed") == 2


@pytest.mark.parametrize("person", ["alice", "carol", "admin0"])
def test_nobody_else_changes_anything_in_it(
    world: World, invited: Participation, person: str
) -> None:
    client = script(world, person)
    study = {
        "collaboration": world.collaboration.pk,
        "name": "Ours",
        "organizations": [world.sites[0].pk],
    }
    invitation = {
        "collaboration": world.collaboration.pk,
        "organization_name": "Heart failure D",
    }
    other = f"{PARTICIPATIONS}{participation(world, 1).pk}/"
    image = {"image": world.version.image}
    version = f"{of(world)}versions/{world.version.pk}/"
    for answer in (
        client.patch(of(world), {"visibility": "collaboration"}),
        client.post(f"{of(world)}archive/"),
        client.post(f"{of(world)}versions/", image),
        client.delete(version),
        client.post(PARTICIPATIONS, invitation),
        client.patch(other, {"may_create_tasks": False}),
        client.post(f"{other}end/"),
        client.post(f"{other}withdraw/"),
        client.post(STUDIES, study),
    ):
        assert refused(answer) == DENIED
    world.collaboration.refresh_from_db()
    assert world.collaboration.visibility == "organization"
    assert world.collaboration.archived_at is None
    assert world.collaboration.allowed_versions.count() == 1
    assert participation(world, 1).status == ParticipationStatus.ACCEPTED
    assert not Study.objects.exists()


def test_the_rival_finds_nothing_of_it(
    world: World, rival: World, invited: Participation
) -> None:
    client = script(rival, "manager")
    pk, site = world.collaboration.pk, participation(world).pk

    def asked(pk: int, site: int) -> list[Any]:
        where, part = f"{COLLABORATIONS}{pk}/", f"{PARTICIPATIONS}{site}/"
        return [
            client.get(where),
            client.patch(where, {"deadline_days": 1}),
            client.post(f"{where}archive/"),
            client.post(f"{where}versions/", {"image": rival.version.image}),
            client.delete(f"{where}versions/{world.version.pk}/"),
            client.get(part),
            *(
                client.post(f"{part}{act}/")
                for act in ("accept", "decline", "withdraw", "end")
            ),
            client.patch(part, {"may_create_tasks": False}),
            client.post(
                PARTICIPATIONS,
                {"collaboration": pk, "organization_name": rival.sites[0].name},
            ),
            client.post(
                STUDIES,
                {
                    "collaboration": pk,
                    "name": "Ours",
                    "organizations": [world.sites[0].pk],
                },
            ),
        ]

    foreign, missing = asked(pk, site), asked(10**9, 10**9)
    assert [a.content for a in foreign] == [a.content for a in missing]
    assert {a.status_code for a in foreign} == {404, 422}
    assert Collaboration.objects.get(pk=pk).archived_at is None
    assert participation(world).status == ParticipationStatus.ACCEPTED


def test_an_archived_one_does_not_change_any_more(world: World) -> None:
    manager = script(world, "manager")
    assert manager.post(f"{of(world)}archive/").json()["archived_at"]
    for answer in (
        manager.post(f"{of(world)}archive/"),
        manager.patch(of(world), {"deadline_days": 5}),
        manager.post(f"{of(world)}versions/", {"image": world.version.image}),
    ):
        assert refused(answer) == (409, "collaboration_archived")


def test_an_invitation_is_accepted_by_the_organizations_own_admin_only(
    world: World, invited: Participation
) -> None:
    where = f"{PARTICIPATIONS}{invited.pk}/"
    for person in ("manager", "root", "admin0"):
        answer = script(world, person).post(f"{where}accept/")
        assert refused(answer) in (DENIED, MISSING)
    own = script(world, "admin3")
    asked = own.get(where).json()
    assert asked["collaboration"]["purpose"] == "to learn"
    assert own.post(f"{where}accept/").json()["status"] == "accepted"
    assert refused(own.post(f"{where}accept/")) == (409, "participation_state")
    assert len(own.get(COLLABORATIONS).json()["results"]) == 1


def test_its_own_admin_reads_what_it_would_consent_to_and_changes_nothing(
    world: World, invited: Participation
) -> None:
    own = script(world, "admin3")
    read = own.get(of(world)).json()
    assert read["purpose"] == "to learn"
    parts = {part["organization"]["name"] for part in read["participations"]}
    assert parts == {site.name for site in world.sites} | {"Heart failure D"}
    assert [row["id"] for row in own.get(COLLABORATIONS).json()["results"]] == [
        world.collaboration.pk
    ]
    assert refused(own.patch(of(world), {"deadline_days": 1})) == DENIED
    body = world.task_body(organization=invited.organization_id)
    assert refused(own.post(f"{API}/tasks/", body)) == (422, "collaboration_unknown")
    for listed in ("tasks", "studies", "versions", "nodes"):
        assert own.get(f"{API}/{listed}/").json()["results"] == []
    user = type(world.platform_admin).objects.create_user("heart-viewer3")
    grant_membership(
        user=user, organization=invited.organization, role=Role.VIEWER, actor=SYSTEM
    )
    world.people["viewer3"] = user
    assert refused(script(world, "viewer3").get(of(world))) == MISSING
    own.post(f"{PARTICIPATIONS}{invited.pk}/decline/")
    assert refused(own.get(of(world))) == MISSING


def test_it_is_declined_and_sent_again(world: World, invited: Participation) -> None:
    own, manager = script(world, "admin3"), script(world, "manager")
    where = f"{PARTICIPATIONS}{invited.pk}/"
    assert own.post(f"{where}decline/").json()["status"] == "declined"
    again = {
        "collaboration": world.collaboration.pk,
        "organization_name": "Heart failure D",
    }
    assert manager.post(PARTICIPATIONS, again).json()["status"] == "invited"
    assert refused(manager.post(PARTICIPATIONS, again)) == (409, "participation_state")
    assert manager.post(f"{where}withdraw/").json()["status"] == "ended"
    assert refused(own.post(f"{where}accept/")) == (409, "participation_state")


@pytest.mark.parametrize("person", ["admin0", "manager"])
def test_either_side_ends_it(world: World, person: str) -> None:
    where = f"{PARTICIPATIONS}{participation(world).pk}/end/"
    bob = script(world, "bob")
    assert script(world, person).post(where).json()["status"] == "ended"
    assert bob.get(COLLABORATIONS).json()["results"] == []


def test_who_is_asked_is_told_only_to_those_whom_it_concerns(
    world: World, invited: Participation
) -> None:
    for person, told in (("alice", 3), ("manager", 4), ("admin0", 3), ("admin3", 1)):
        client = script(world, person)
        assert len(client.get(PARTICIPATIONS).json()["results"]) == told, person
    shown = script(world, "alice").get(of(world)).json()
    assert "Heart failure D" not in str(shown)


def test_an_unknown_organization_is_not_invited(world: World) -> None:
    body = {"collaboration": world.collaboration.pk, "organization_name": "Nowhere"}
    answer = script(world, "manager").post(PARTICIPATIONS, body)
    assert refused(answer) == (422, "organization_unknown")


def test_an_organization_that_may_not_send_does_not(world: World) -> None:
    where = f"{PARTICIPATIONS}{participation(world).pk}/"
    manager = script(world, "manager")
    stopped = manager.patch(where, {"may_create_tasks": False}).json()
    assert stopped["may_create_tasks"] is False
    sent = script(world, "alice").post(f"{API}/tasks/", world.task_body())
    assert refused(sent) == (422, "organization_may_not_send")


def test_a_study_is_made_changed_and_ended(world: World) -> None:
    manager, sites = script(world, "manager"), [site.pk for site in world.sites]
    body = {"collaboration": world.collaboration.pk, "name": "Young"}
    made = manager.post(STUDIES, {**body, "organizations": sites[:2]}).json()
    where = f"{STUDIES}{made['id']}/"
    renamed = manager.patch(where, {"name": "Old"}).json()
    assert [o["id"] for o in renamed["organizations"]] == sites[:2]
    fewer = manager.patch(where, {"organizations": sites[2:]}).json()
    assert (fewer["name"], [o["id"] for o in fewer["organizations"]]) == (
        "Old",
        sites[2:],
    )
    alice = script(world, "alice")
    assert alice.get(f"{STUDIES}?going_on=true").json()["results"] == [fewer]
    for answer in (alice.patch(where, {"name": "Mine"}), alice.post(f"{where}end/")):
        assert refused(answer) == DENIED
    assert manager.post(f"{where}end/").json()["ended_at"]
    assert refused(manager.post(f"{where}end/")) == (409, "study_ended")
    assert alice.get(f"{STUDIES}?going_on=true").json()["results"] == []


def test_foreign_and_missing_organizations_are_in_no_study(
    world: World, rival: World
) -> None:
    manager, own = script(world, "manager"), world.sites[0].pk
    body = {"collaboration": world.collaboration.pk, "name": "Young"}
    foreign, missing = (
        manager.post(STUDIES, {**body, "organizations": [own, pk]})
        for pk in (rival.sites[0].pk, 10**9)
    )
    assert refused(foreign) == (422, "organization_unknown")
    assert foreign.content == missing.content
    assert Organization.objects.filter(studies__isnull=False).count() == 0
