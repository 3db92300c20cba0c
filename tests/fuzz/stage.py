"""Two rival worlds with something of everything, and a token for every role."""

import json
from dataclasses import dataclass, field
from typing import Any

import requests

from apps.accounts.choices import TokenScope
from apps.algorithms import registry
from apps.audit.actors import SYSTEM
from apps.audit.models import Event
from apps.collaborations.consents import invite_organization
from apps.collaborations.models import Participation
from apps.collaborations.studies import create_study
from apps.nodes.models import Node
from apps.organizations.choices import Role
from apps.organizations.models import Membership
from apps.organizations.services import create_organization, grant_membership
from apps.results.models import Result
from apps.tasks.models import Run
from tests.desk import manager_of
from tests.worlds import World

MISSING = 10**9
DIGEST = "sha256:" + "ab" * 32
NEW_IMAGE = "registry.test/heart/median:2.0"

# Who asks: the person in the world, or in the rival's, and the scope of the token.
ROLES = {
    "stranger": None,
    "platform admin": ("root", TokenScope.ADMIN),
    "manager": ("manager", TokenScope.ADMIN),
    "organization's admin": ("admin0", TokenScope.ADMIN),
    "invited admin": ("invited", TokenScope.ADMIN),
    "researcher": ("alice", TokenScope.ADMIN),
    "viewer": ("bob", TokenScope.ADMIN),
    "steward": ("carol", TokenScope.ADMIN),
    "reading token": ("admin0", TokenScope.READ),
    "task token": ("admin0", TokenScope.TASKS),
    "rival": ("admin0", TokenScope.ADMIN),
}
SEES_ALL = "platform admin"


@dataclass
class Stage:
    world: World
    rival: World
    headers: dict[str, dict[str, str]] = field(default_factory=dict)
    # By the first part of an address or the name of a field: ids, own and foreign.
    known: dict[str, list[Any]] = field(default_factory=dict)
    own: dict[str, Any] = field(default_factory=dict)

    def marker(self, role: str) -> str:
        """The word that stands in everything which this role must not see."""
        return "heart" if role == "rival" else "kidney"


def set_stage(world: World, rival: World) -> Stage:
    stage = Stage(world, rival)
    for each in (world, rival):
        _populate(each)
    for role, who in ROLES.items():
        if who is None:
            stage.headers[role] = {}
            continue
        of = rival if role == "rival" else world
        client: Any = of.client(*who)
        token = client._credentials["HTTP_AUTHORIZATION"]
        stage.headers[role] = {"Authorization": token}
    _know(stage)
    return stage


def _populate(world: World) -> None:
    """A finished run with a result, one that can be cancelled, and an invitation."""
    name = world.collaboration.name
    world.send(name=f"{name} first")
    for node in world.nodes[:2]:
        (run,) = node.claimed()
        node.complete(run, json.dumps({"of": name}).encode())
    world.send(name=f"{name} second")
    create_study(
        collaboration=world.collaboration,
        name=f"{name} study",
        organizations=world.sites[:2],
        actor=SYSTEM,
    )
    invited = create_organization(name=f"{name} invited", actor=SYSTEM)
    invite_organization(
        collaboration=world.collaboration, organization=invited, actor=SYSTEM
    )
    user = type(world.platform_admin).objects.create_user(f"{name.split()[0]}-invited")
    grant_membership(user=user, organization=invited, role=Role.ADMIN, actor=SYSTEM)
    world.people |= {
        "invited": user,
        "manager": manager_of(world),
        "root": world.platform_admin,
    }


def _know(stage: Stage) -> None:
    for world in (stage.world, stage.rival):
        of = {"collaboration": world.collaboration}
        people = [p.pk for p in world.people.values()]
        tasks = [t.pk for t in world.collaboration.tasks.order_by("pk")]
        sites = [o.pk for o in world.sites]
        rows = {
            "collaborations": [world.collaboration.pk],
            "organizations": sites,
            "participations": list(
                Participation.objects.filter(**of).values_list("pk", flat=True)
            ),
            "studies": list(world.collaboration.studies.values_list("pk", flat=True)),
            "memberships": list(
                Membership.objects.filter(user__in=people).values_list("pk", flat=True)
            ),
            "people": people,
            "nodes": list(
                Node.objects.filter(organization__in=world.sites).values_list(
                    "pk", flat=True
                )
            ),
            "versions": [world.version.pk],
            "algorithms": [world.version.algorithm_id],
            "tasks": tasks,
            "runs": list(
                Run.objects.filter(task__in=tasks)
                .order_by("pk")
                .values_list("pk", flat=True)
            ),
            "results": list(
                Result.objects.filter(run__task__in=tasks)
                .order_by("pk")
                .values_list("pk", flat=True)
            ),
            "tokens": [
                t.pk for p in world.people.values() for t in p.access_tokens.all()
            ],
            "audit": list(
                Event.objects.filter(organization_id__in=sites)
                .order_by("pk")
                .values_list("pk", flat=True)
            ),
            "image": [world.version.image],
            "organization_name": [o.name for o in world.sites],
            "username": [p.username for p in world.people.values()],
        }
        stage.own = stage.own or rows
        for name, values in rows.items():
            stage.known.setdefault(name, []).extend(values)
    for values in stage.known.values():
        if isinstance(values[0], int):
            values.append(MISSING)


class Registry:
    """Answers as the registry would: every image of its host is there."""

    def __call__(self, path: str) -> requests.Response:
        response = requests.Response()
        response.status_code = 404 if "missing" in path else 200
        response.headers["Docker-Content-Digest"] = DIGEST
        return response


HEAD = f"{registry.__name__}._head"
