"""Says which rows of the finished worlds the tables mean by their words."""

import json
from datetime import timedelta

from django.utils import timezone

from apps.accounts.models import User
from apps.audit.actors import Actor
from apps.audit.models import Event
from apps.collaborations import member_rows
from apps.collaborations.consents import set_may_create_tasks
from apps.collaborations.importing import preview_participations
from apps.collaborations.models import Participation, Study
from apps.collaborations.services import set_collaboration_admins
from apps.collaborations.studies import update_study
from apps.csv_files import read_file
from apps.csv_imports import mark_of
from apps.nodes.models import Node
from apps.organizations.importing import preview_members
from apps.organizations.member_rows import COLUMNS
from apps.organizations.models import Membership
from tests.rights.files import members, parties
from tests.rights.stage import Scene, token_of


def name_rows(scene: Scene) -> None:
    """Say which rows of both finished worlds are meant."""
    world = scene.world
    a, b, c = world.sites
    viewer, admin = world.people["bob"], world.people["admin0"]
    memberships = Membership.objects.filter(organization=a)
    participations = Participation.objects.filter(collaboration=world.collaboration)
    person = world.people["alice"]
    token, _ = token_of(person)
    made = Event.objects.filter(action="token.created", object_id=token.pk)
    _change_rules(scene)
    # However long the tests take, no node goes offline between two answers.
    Node.objects.update(last_seen_at=timezone.now() + timedelta(days=1))
    scene.things |= {
        "collaboration": world.collaboration.pk,
        "organization": a.pk,
        "partner_organization": b.pk,
        "addressed": b.pk,
        "bystander_organization": c.pk,
        "participation": participations.get(organization=a).pk,
        "partner_participation": participations.get(organization=b).pk,
        "membership": memberships.get(user=viewer).pk,
        "own_membership": memberships.get(user=admin).pk,
        "user": viewer.pk,
        "site_name": a.name,
        "collaboration_name": world.collaboration.name,
        "sender_name": person.username,
        "manifest": json.dumps(world.version.manifest),
        "username": viewer.username,
        "token": token.pk,
        "event": made.get().pk,
        "agreed": _agreed(admin, a.name),
        "agreed_parties": _agreed_parties(scene),
        "collaboration_event": _last("study.changed"),
        "policy_event": _last("collaboration.admins_set"),
        "participation_event": _last("participation.sending_allowed"),
    }


def _change_rules(scene: Scene) -> None:
    """Leave one event of each kind, new enough for the first page of a list."""
    world, actor = scene.world, Actor.user(scene.world.platform_admin.pk)
    update_study(
        study=Study.objects.get(pk=scene.things["study"]),
        name=f"{world.collaboration.name} study",
        organizations=world.sites[:2],
        actor=actor,
    )
    set_collaboration_admins(
        collaboration=world.collaboration,
        admins=[world.people["manager"]],
        actor=actor,
    )
    participation = world.sites[0].participations.get()
    set_may_create_tasks(participation=participation, allowed=True, actor=actor)


def _last(action: str) -> int:
    return Event.objects.filter(action=action).latest("pk").pk


def _agreed(admin: User, site_name: str) -> str:
    """What the preview of the import gives that the requests are made of."""
    rows = read_file(members({"site_name": site_name}).encode(), COLUMNS)
    return mark_of(rows, preview_members(reader=admin, rows=rows))


def _agreed_parties(scene: Scene) -> str:
    things = {**scene.things, "collaboration_name": scene.world.collaboration.name}
    rows = read_file(parties(things).encode(), member_rows.COLUMNS)
    root = scene.world.platform_admin
    return mark_of(rows, preview_participations(reader=root, rows=rows))
