"""The two rival worlds, each with people in every role and one of everything."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.apps import apps
from django.db import connection
from django.test import Client

from apps.accounts.choices import TokenScope
from apps.accounts.models import AccessToken, User
from apps.accounts.services import create_token
from apps.algorithms.choices import VersionStatus
from apps.algorithms.models import AlgorithmVersion
from apps.algorithms.services import allow_version
from apps.audit.actors import SYSTEM, Actor
from apps.collaborations.choices import Visibility
from apps.collaborations.consents import invite_organization, set_may_create_tasks
from apps.collaborations.services import create_collaboration, set_collaboration_admins
from apps.collaborations.studies import create_study
from apps.nodes.models import Node
from apps.nodes.services import issue_enrolment_code, revoke_node
from apps.organizations.choices import Role
from apps.organizations.models import Organization
from apps.organizations.services import create_organization, grant_membership
from apps.results.models import Result, Upload
from tests.daemon import NodeClient
from tests.results.pages import describe, summary
from tests.worlds import World, add_node, build_world, take_in

PASSWORD = "correct horse"  # as in tests/worlds.py
Things = Mapping[str, Any]
# What no world has. Numbers fit every column, and are longer than any that is there.
MISSING: Things = {
    "image": f"registry.test/nowhere/summary@sha256:{'9' * 64}",
    "username": "nobody-of-this-name",
    "site_name": "No site of this name",
    "collaboration_name": "No collaboration of this name",
    "upload": str(uuid.UUID(int=7)),
}
MISSING_ID = 987654321
NAMES = ("Stroke outcome", "Asthma attacks")


def number_apart() -> None:
    """Let each table count from a number of its own, with nine digits.

    So an id in an answer is of one thing, and of no other by chance.
    """
    assert connection.vendor == "sqlite"
    with connection.cursor() as cursor:
        for number, model in enumerate(apps.get_models()):
            row = (model._meta.db_table, 100_000_000 + number * 1_000_000)
            cursor.execute("DELETE FROM sqlite_sequence WHERE name = %s", row[:1])
            cursor.execute(
                "INSERT INTO sqlite_sequence (name, seq) VALUES (%s, %s)", row
            )


@dataclass
class Scene:
    """One world: `things` are ids (or names) by what the table calls them."""

    world: World
    things: dict[str, Any] = field(default_factory=dict)
    machines: dict[str, NodeClient] = field(default_factory=dict)

    @property
    def word(self) -> str:
        return self.world.collaboration.name.lower()

    @property
    def prefix(self) -> str:
        """What user names begin with."""
        return f"{self.word.split()[0]}-"

    @property
    def ids(self) -> set[str]:
        found = {str(thing) for thing in self.things.values()}
        return {text for text in found if text.isdigit() and len(text) == 9}

    @property
    def words(self) -> tuple[str, str]:
        """One of these is in every name of this world, and in none of the other's."""
        return self.word, self.prefix


def build_scene(name: str) -> Scene:
    world = build_world(name)
    scene = Scene(world)
    describe(world)
    _add_people(scene)
    _add_catalogue(scene)
    _add_tasks(scene)
    _add_machines(scene)
    return scene


def _add_people(scene: Scene) -> None:
    world = scene.world
    name = world.collaboration.name
    world.people |= {
        person: User.objects.create_user(f"{scene.prefix}{person}", password=PASSWORD)
        for person in ("manager", "colleague", "invited", "loner", "gone")
    }
    world.people["gone"].is_active = False
    world.people["gone"].save()
    invited = create_organization(name=f"{name} D", actor=SYSTEM)
    stranger = create_organization(name=f"{name} E", actor=SYSTEM)
    _grant(world.people["colleague"], world.sites[0], Role.RESEARCHER)
    _grant(world.people["invited"], invited, Role.ADMIN)
    manager = world.people["manager"]
    set_collaboration_admins(
        collaboration=world.collaboration, admins=[manager], actor=SYSTEM
    )
    other = create_collaboration(name=f"{name} two", admins=[manager], actor=SYSTEM)
    invitation = invite_organization(
        collaboration=world.collaboration, organization=invited, actor=SYSTEM
    )
    stopped = create_organization(name=f"{name} F", actor=SYSTEM)
    take_in(world.collaboration, stopped)
    participation = stopped.participations.get()
    set_may_create_tasks(participation=participation, allowed=False, actor=SYSTEM)
    study = create_study(
        collaboration=world.collaboration,
        name=f"{name} study",
        organizations=world.sites[:2],
        actor=SYSTEM,
    )
    scene.things |= {
        "study": study.pk,
        "stopped_participation": participation.pk,
        "other_collaboration": other.pk,
        "invited_organization": invited.pk,
        "invitation": invitation.pk,
        "organization_name": stranger.name,
        "gone": world.people["gone"].pk,
    }


def _grant(user: User, organization: Organization, role: Role) -> None:
    grant_membership(user=user, organization=organization, role=role, actor=SYSTEM)


def _add_catalogue(scene: Scene) -> None:
    world = scene.world
    withdrawn = AlgorithmVersion.objects.create(
        algorithm=world.version.algorithm,
        digest="sha256:" + f"{scene.word}-old".encode().hex().ljust(64, "0")[:64],
        tag="0.9",
        contract="ptm",
        manifest=world.version.manifest,
    )
    allow_version(version=withdrawn, collaboration=world.collaboration, actor=SYSTEM)
    withdrawn.status = VersionStatus.WITHDRAWN
    withdrawn.save()
    scene.things |= {
        "withdrawn_version": withdrawn.pk,
        "version": world.version.pk,
        "image": world.version.image,
        "algorithm": world.version.algorithm_id,
    }


def _add_tasks(scene: Scene) -> None:
    """Site A sends: one for itself and B, one for B alone, one that all may see."""
    a, b, _ = scene.world.sites
    _add_task(scene, "", Visibility.ORGANIZATION, [a, b])
    _add_task(scene, "private_", Visibility.INITIATOR, [b])
    _add_task(scene, "shared_", Visibility.COLLABORATION, [a])
    scene.world.collaboration.visibility = Visibility.ORGANIZATION
    scene.world.collaboration.save()
    held = scene.world.send(
        organizations=[a.pk, b.pk], name=f"{scene.word} open", purpose=scene.word
    )
    (run,) = scene.world.nodes[0].claimed()
    began = f"{scene.word} began".encode()
    scene.world.nodes[0].log(run, 0, began)
    assert scene.world.nodes[0].announce(run, b"{}").status_code == 201
    scene.things |= {
        "open_task": held["id"],
        "held_run": run["run"],
        "attempt": run["attempt"],
        "log_size": len(began),
        "upload": str(Upload.objects.get(run=run["run"]).uuid),
    }


def _add_task(
    scene: Scene, prefix: str, visibility: Visibility, sites: list[Organization]
) -> None:
    """A task whose runs have ended, with logs and results."""
    world = scene.world
    world.collaboration.visibility = visibility
    world.collaboration.save()
    name = f"{scene.word} {prefix.strip('_') or 'plain'}"
    task = world.send(organizations=[s.pk for s in sites], name=name, purpose=name)
    scene.things[f"{prefix}task"] = task["id"]
    for site in sites:
        node = world.nodes[world.sites.index(site)]
        (run,) = node.claimed()
        node.log(run, 0, f"{scene.word} says".encode())
        node.complete(run, summary(all=(12, 5.5)))
        of_partner = site == world.sites[1] and prefix == ""
        whose = "partner_" if of_partner else prefix
        scene.things[f"{whose}run"] = run["run"]
        scene.things[f"{whose}result"] = Result.objects.get(run=run["run"]).pk


def _add_machines(scene: Scene) -> None:
    world = scene.world
    site, admin = world.sites[0], world.people["admin0"]
    second, revoked = (add_node(world, site, admin, hello=True) for _ in range(2))
    revoke_node(node=revoked.node, actor=SYSTEM)
    scene.machines = {
        "node": world.nodes[0],
        "pnode": world.nodes[1],
        "node2": second,
        "rev": revoked,
    }
    for number, client in enumerate(world.nodes):
        name = f"{scene.word} node {number}"
        Node.objects.filter(pk=client.node.pk).update(name=name)
    scene.things |= {
        "node": world.nodes[0].node.pk,
        "partner_node": world.nodes[1].node.pk,
        "code": issue_enrolment_code(organization=site, issued_by=admin),
    }


def token_of(user: User) -> tuple[AccessToken, str]:
    return create_token(
        user=user,
        name=f"{user.username} {uuid.uuid4().hex}",
        scope=TokenScope.ADMIN,
        lifetime=timedelta(days=1),
        actor=Actor.user(user.pk),
    )


def session_of(user: User) -> str:
    client = Client()
    client.force_login(user)
    return str(client.session.session_key)


def missing(name: str) -> Any:
    """Something of this kind, of which there is none."""
    return MISSING.get(name, MISSING_ID)
