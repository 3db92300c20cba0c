"""Each role's part of the audit, in the list, on the page and in the export."""

import io
import json
from typing import Any

import pytest
from django.contrib import admin
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.accounts.models import User
from apps.audit.actors import SYSTEM, Actor
from apps.audit.chain import chain_events, hashed_fields
from apps.audit.models import Event
from apps.audit.origin import Origin, coming_from
from apps.audit.services import record
from apps.collaborations.choices import ParticipationStatus
from apps.collaborations.consents import invite_organization, set_may_create_tasks
from apps.organizations.services import end_membership
from ptm_site.audit_scope import events_for
from tests.desk import address, asked_by, desk, listed, manager_of, shown_to, text
from tests.worlds import World

EXPORT = "/admin/audit/event/export/"


def an_event(**values: Any) -> Event:
    act = {"actor": SYSTEM, "action": "thing.done", "object_type": "thing"}
    record(**{**act, "object_id": 1, **values})
    event = Event.objects.last()
    assert event is not None
    return event


def readers(world: World, events: list[Event]) -> list[set[str]]:
    """Who of the world finds each event in the list, and on a page of its own."""
    everybody = {
        **world.people,
        "root": world.platform_admin,
        "manager": manager_of(world),
    }
    found: list[set[str]] = [set() for _ in events]
    for name, user in everybody.items():
        client = desk(user)
        answer = client.get(address(Event))
        shown = text(answer) if answer.status_code == 200 else ""
        for event, names in zip(events, found, strict=True):
            place = address(Event, "change", event.pk)
            page = client.get(place).status_code
            assert page == (200 if place in shown else 404), name
            names |= {name} if place in shown else set()
    return found


def test_each_reads_what_concerns_theirs(world: World, rival: World) -> None:
    first, second = world.sites[0].pk, world.sites[1].pk
    together = world.collaboration.pk
    own = {"root", "admin0", "carol"}
    expected: list[tuple[dict[str, Any], set[str]]] = [
        ({}, {"root"}),
        ({"organization": first}, own),
        ({"organization": second}, {"root", "admin1"}),
        ({"collaboration": together}, {"root", "manager"}),
        ({"organization": first, "collaboration": together}, {*own, "manager"}),
        ({"organization": rival.sites[0].pk}, {"root"}),
        ({"collaboration": rival.collaboration.pk}, {"root"}),
        ({"organization": first, "collaboration": rival.collaboration.pk}, own),
    ]
    events = [an_event(**values) for values, _ in expected]
    assert readers(world, events) == [who for _, who in expected]


def test_who_has_consented_reads_how_the_policy_changes(
    world: World, rival: World
) -> None:
    def policy(of: World) -> Event:
        about = {"object_type": "collaboration", "object_id": of.collaboration.pk}
        return an_event(collaboration=of.collaboration.pk, **about)

    those = {"root", "manager", "carol", "admin0", "admin1", "admin2"}
    assert readers(world, [policy(world), policy(rival)]) == [those, {"root"}]
    for status in (ParticipationStatus.INVITED, ParticipationStatus.ENDED):
        world.sites[0].participations.update(status=status)
        [still] = readers(world, [policy(world)])
        assert still == {"root", "manager", "admin1", "admin2"}


@pytest.mark.parametrize("person", ["manager", "admin0", "root"])
def test_the_pages_of_consent_lead_to_what_was_changed(
    world: World, person: str
) -> None:
    user = {"manager": manager_of(world), "root": world.platform_admin}.get(
        person, world.people["admin0"]
    )
    participation = world.sites[0].participations.get()
    for site in world.sites[:2]:
        set_may_create_tasks(
            participation=site.participations.get(), allowed=False, actor=SYSTEM
        )
    for target, actions in (
        (participation, {"invited", "accepted", "sending_stopped"}),
        (world.collaboration, {"created"}),
    ):
        kind = target._meta.model_name
        query = f"{kind}={target.pk}"
        assert f'href="{address(Event)}?{query}"' in shown_to(user, target)
        found = Event.objects.filter(pk__in=listed(user, Event, query))
        assert {f"{kind}.{action}" for action in actions} == set(
            found.values_list("action", flat=True)
        )
    page = text(desk(user).get(f"{address(Event)}?participation={participation.pk}"))
    assert "may_create_tasks: True → False" in page


def test_an_organization_reads_of_its_people(world: World, rival: World) -> None:
    alice, dave = world.people["alice"].pk, world.people["dave"].pk
    own = {"root", "admin0", "carol"}
    signed_in = {"object_type": "user", "action": "sign_in.succeeded"}
    made = {"object_type": "token", "action": "token.created"}
    expected: list[tuple[dict[str, Any], set[str]]] = [
        ({**signed_in, "object_id": alice}, own),
        ({**signed_in, "object_id": dave}, {"root", "admin1"}),
        ({**signed_in, "object_id": None}, {"root"}),
        ({**made, "actor": Actor.user(alice)}, own),
        ({**made, "actor": Actor.user(rival.people["alice"].pk)}, {"root"}),
        ({**made, "actor": Actor.node(alice)}, {"root"}),
        # Not everything that one of its people does is its business.
        ({"actor": Actor.user(alice)}, {"root"}),
        ({"object_type": "task", "object_id": alice}, {"root"}),
    ]
    events = [an_event(**values) for values, _ in expected]
    assert readers(world, events) == [who for _, who in expected]


def test_who_leaves_is_read_of_no_longer_and_reads_no_longer(world: World) -> None:
    alice, carol = world.people["alice"], world.people["carol"]
    event = an_event(object_type="user", object_id=alice.pk)
    assert event in events_for(carol)
    end_membership(membership=alice.memberships.get(), actor=SYSTEM)
    assert event not in events_for(carol)
    assert events_for(carol).exists()
    end_membership(membership=carol.memberships.get(), actor=SYSTEM)
    assert not events_for(carol).exists()
    assert desk(carol).get(address(Event)).status_code == 404


def test_the_deactivated_read_nothing(world: World) -> None:
    for user in (world.platform_admin, world.people["admin0"]):
        user.is_active = False
        assert not events_for(user).exists()


def test_names_are_shown_to_those_who_know_the_people(
    world: World, rival: World
) -> None:
    stranger = rival.people["alice"]
    here = {"organization": world.sites[0].pk}
    own = an_event(actor=Actor.user(world.people["alice"].pk), **here)
    foreign = an_event(actor=Actor.user(stranger.pk), **here)
    for reader in (world.people["admin0"], world.people["carol"]):
        assert world.people["alice"].username in shown_to(reader, own)
        page = shown_to(reader, foreign)
        assert stranger.username not in page
        assert f"person {stranger.pk}" in page
    assert stranger.username in shown_to(world.platform_admin, foreign)
    invite_organization(
        collaboration=world.collaboration, organization=rival.sites[0], actor=SYSTEM
    )
    together = an_event(
        actor=Actor.user(stranger.pk), collaboration=world.collaboration.pk
    )
    assert stranger.username not in shown_to(manager_of(world), together)
    rival.sites[0].participations.update(status=ParticipationStatus.ACCEPTED)
    assert stranger.username in shown_to(manager_of(world), together)


def test_an_address_is_the_platform_admins_to_read(world: World) -> None:
    with coming_from(Origin("a1", "192.0.2.1")):
        event = an_event(organization=world.sites[0].pk)
    assert "192.0.2.1" in shown_to(world.platform_admin, event)
    assert "192.0.2.1" not in shown_to(world.people["admin0"], event)


def test_a_change_is_shown_before_and_after(world: World) -> None:
    event = an_event(before={"role": "viewer"}, after={"role": "admin"})
    page = text(desk(world.platform_admin).get(address(Event)))
    assert "role: viewer → admin" in page
    assert event.action in page


def test_events_are_found_by_object_request_action_and_actor(world: World) -> None:
    root = world.platform_admin
    number = "0193a4c1b2d3" + "0" * 12
    with coming_from(Origin(number, "192.0.2.1")):
        one = an_event(object_id=987654, action="thing.undone", actor=Actor.node(5))
    other = an_event(object_id=987655)
    for query, found in [
        ("q=987654", {one.pk}),
        (f"q={number}", {one.pk}),
        ("q=thing", set()),
        ("q=" + "9" * 40, set()),
        ("action=thing.undone", {one.pk}),
        ("action=thing.done", {other.pk}),
        ("action=thing", set()),
        ("actor_kind=node&since=hour&action=thing.undone", {one.pk}),
        ("actor_kind=user&action=thing.undone", set()),
    ]:
        assert listed(root, Event, query) == found, query
    assert 'action=thing.undone"' in text(desk(root).get(address(Event)))


def test_a_filter_does_not_widen_what_one_reads(world: World) -> None:
    event = an_event(object_id=987654)
    for query in ("q=987654", "action=thing.done", "organization_id=1"):
        answer = desk(world.people["admin0"]).get(f"{address(Event)}?{query}")
        assert f"/{event.pk}/change/" not in text(answer)


def exported(user: User, query: str = "") -> list[dict[str, Any]]:
    answer: Any = desk(user).get(f"{EXPORT}?{query}")
    assert answer.status_code == 200
    assert answer["Content-Type"] == "application/x-ndjson"
    lines = b"".join(answer.streaming_content).decode().splitlines()
    return [json.loads(line) for line in lines]


def test_each_takes_away_what_they_may_read(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apps.audit.export.READ_AT_ONCE", 3)
    world.send()
    chain_events()
    for user in (world.platform_admin, world.people["carol"], manager_of(world)):
        may = events_for(user).order_by("pk")
        before = list(may.values_list("pk", flat=True))
        rows = exported(user)
        assert [row["id"] for row in rows][: len(before)] == before
        assert len(before) > 3
        made = Event.objects.filter(action="audit.exported", actor_id=user.pk)
        assert made.count() == 1
    assert {"address", "salt"} <= exported(world.platform_admin)[0].keys()
    assert not {"address", "salt"} & exported(world.people["carol"])[0].keys()


def test_the_export_takes_the_lists_filters(world: World) -> None:
    world.send()
    rows = exported(world.platform_admin, "action=run.queued&before=1")
    assert {row["action"] for row in rows} == {"run.queued"}
    assert len(rows) == 3
    link = f'href="{EXPORT}?action=run.queued"'
    page = desk(world.platform_admin).get(f"{address(Event)}?action=run.queued")
    assert link in text(page)


@pytest.mark.parametrize("person", ["alice", "bob", "dave"])
def test_others_take_nothing(world: World, person: str) -> None:
    assert desk(world.people[person]).get(EXPORT).status_code == 404
    assert Client().get(EXPORT).status_code == 302
    of_audit = admin.site.get_model_admin(Event)
    assert not of_audit.has_view_permission(asked_by(world.people[person]))


def test_the_export_is_read_and_never_sent(world: World) -> None:
    assert desk(world.platform_admin).post(EXPORT).status_code == 405


def test_the_command_prints_the_same_lines(world: World) -> None:
    world.send()
    chain_events()
    for arguments, extra in [
        ((), {"address", "salt"}),
        (("--without-addresses",), set()),
    ]:
        out = io.StringIO()
        call_command("export_audit", *arguments, stdout=out)
        rows = [json.loads(line) for line in out.getvalue().splitlines()]
        assert [row["number"] for row in rows] == list(range(1, len(rows) + 1))
        event = Event.objects.get(number=1)
        assert rows[0].items() >= hashed_fields(event).items()
        assert rows[0]["hash"] == event.hash
        assert rows[0].keys() - hashed_fields(event).keys() == {"hash"} | extra


def test_the_command_begins_at_a_day(world: World) -> None:
    out = io.StringIO()
    call_command("export_audit", "--since", "2999-01-01", stdout=out)
    assert out.getvalue() == ""
    call_command("export_audit", "--since", "2020-01-01", stdout=out)
    assert out.getvalue().count("\n") == Event.objects.count()
    with pytest.raises(CommandError, match="tomorrow is not a day"):
        call_command("export_audit", "--since", "tomorrow")


@pytest.mark.parametrize("person", ["root", "admin0", "carol", "manager"])
def test_the_list_costs_the_same_with_more_events(world: World, person: str) -> None:
    people = {"root": world.platform_admin, "manager": manager_of(world)}
    user = {**world.people, **people}[person]

    def cost() -> int:
        client = desk(user)
        with CaptureQueriesContext(connection) as captured:
            assert client.get(address(Event)).status_code == 200
        return len(captured)

    world.send()
    before = cost()
    for _ in range(5):
        world.send()
    assert cost() == before <= 14
