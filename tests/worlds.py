"""Builds a collaboration of three sites through the services, as people would."""

import json
import uuid
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from rest_framework.test import APIClient

from apps.accounts.choices import TokenScope
from apps.accounts.models import User
from apps.accounts.services import create_token
from apps.algorithms.models import Algorithm, AlgorithmVersion
from apps.algorithms.services import allow_version
from apps.audit.actors import SYSTEM, Actor
from apps.collaborations.choices import ParticipationStatus, Visibility
from apps.collaborations.consents import answer_invitation, invite_organization
from apps.collaborations.models import Collaboration
from apps.collaborations.services import create_collaboration
from apps.nodes.keys import Key
from apps.nodes.services import enrol_node, issue_enrolment_code
from apps.organizations.choices import Role
from apps.organizations.models import Organization
from apps.organizations.services import create_organization, grant_membership
from tests.daemon import NodeClient

MANIFEST: dict[str, Any] = {
    "manifest_version": 1,
    "name": "Summary",
    "description": "Counts, means and variances.",
    "contract": "ptm",
    "functions": [
        {
            "name": "summary",
            "type": "partial",
            "description": "Sums that combine.",
            "arguments": {
                "type": "object",
                "properties": {
                    "columns": {
                        "type": "array",
                        "items": {"type": "string"},
                        "minItems": 1,
                    }
                },
                "required": ["columns"],
                "additionalProperties": False,
            },
            "databases": [{"types": ["csv"]}],
            "returns": {"description": "sums", "media_type": "application/json"},
        },
        {
            "name": "combine",
            "type": "central",
            "description": "Asks the partial function.",
            "arguments": {"type": "object"},
            "databases": [],
            "returns": {"description": "sums", "media_type": "application/json"},
        },
    ],
}


@dataclass
class World:
    collaboration: Collaboration
    sites: list[Organization]
    version: AlgorithmVersion
    platform_admin: User
    people: dict[str, User] = field(default_factory=dict)
    nodes: list[NodeClient] = field(default_factory=list)
    _clients: dict[str, APIClient] = field(default_factory=dict)

    def client(self, person: str, scope: TokenScope = TokenScope.TASKS) -> APIClient:
        """A script with a fresh token of this person."""
        user = self.people[person]
        _, text = create_token(
            user=user,
            name=uuid.uuid4().hex,
            scope=scope,
            lifetime=timedelta(days=1),
            actor=Actor.user(user.pk),
        )
        client = APIClient()
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {text}")
        return client

    def person(self, person: str) -> APIClient:
        """This person's one client: its token is made at the first use."""
        if person not in self._clients:
            self._clients[person] = self.client(person)
        return self._clients[person]

    def task_body(self, **changes: Any) -> dict[str, Any]:
        return {
            "collaboration": self.collaboration.pk,
            "organizations": [site.pk for site in self.sites],
            "image": self.version.image,
            "function": "summary",
            "arguments": {"columns": ["age"]},
            "databases": [{"label": "default"}],
            "name": "Summary of age",
            "purpose": "to test",
            **changes,
        }

    def send(self, person: str = "alice", **changes: Any) -> Any:
        """Send a task as this person and return the created task's JSON."""
        answer = self.person(person).post(
            "/api/v1/tasks/", self.task_body(**changes), format="json"
        )
        assert answer.status_code == 201, answer.json()
        return answer.json()

    def released(self) -> list[dict[str, Any]]:
        databases = [{"label": "default", "type": "csv"}]
        return [{"id": self.collaboration.pk, "databases": databases}]


def build_world(name: str) -> World:
    """Three sites; alice (researcher), bob (viewer), carol (steward) at the first;
    dave is a researcher at the second; each site has its own admin and one node."""
    slug = name.split()[0].lower()
    root = User.objects.create_superuser(f"{slug}-root", password="correct horse")
    collaboration = create_collaboration(
        name=name,
        purpose="to learn",
        visibility=Visibility.ORGANIZATION,
        actor=Actor.user(root.pk),
    )
    sites = [create_organization(name=f"{name} {n}", actor=SYSTEM) for n in "ABC"]
    world = World(collaboration, sites, _version(slug, collaboration), root)
    people = [
        ("alice", 0, Role.RESEARCHER),
        ("bob", 0, Role.VIEWER),
        ("carol", 0, Role.STEWARD),
        ("dave", 1, Role.RESEARCHER),
        *((f"admin{n}", n, Role.ADMIN) for n in range(3)),
    ]
    for person, number, role in people:
        user = User.objects.create_user(f"{slug}-{person}", password="correct horse")
        grant_membership(user=user, organization=sites[number], role=role, actor=SYSTEM)
        world.people[person] = user
    for site in sites:
        take_in(collaboration, site)
    for number, site in enumerate(sites):
        add_node(world, site, world.people[f"admin{number}"], hello=True)
    return world


def take_in(collaboration: Collaboration, site: Organization) -> None:
    """The collaboration invites the site, which accepts."""
    participation = invite_organization(
        collaboration=collaboration, organization=site, actor=SYSTEM
    )
    answer_invitation(
        participation=participation, answer=ParticipationStatus.ACCEPTED, actor=SYSTEM
    )


def release_secret(world: World, rival: World) -> None:
    """The world's first site joins the rival's collaboration and releases more there.

    The label is "secret", of the type sql.
    """
    take_in(rival.collaboration, world.sites[0])
    secret = [{"label": "secret", "type": "sql"}]
    world.nodes[0].hello(
        [*world.released(), {"id": rival.collaboration.pk, "databases": secret}]
    )


def add_node(
    world: World, site: Organization, admin: User, hello: bool = False
) -> NodeClient:
    """Enrol one more node of the site, silent or with its first hello."""
    key = Key.generate("ptmn")
    node, _ = enrol_node(
        code_text=issue_enrolment_code(organization=site, issued_by=admin),
        name=f"node {key.prefix}",
        key_prefix=key.prefix,
        key_sha256=key.sha256,
    )
    client = NodeClient(node, key)
    world.nodes.append(client)
    if hello:
        assert client.hello(world.released()).status_code == 200
    return client


def _version(slug: str, collaboration: Collaboration) -> AlgorithmVersion:
    algorithm = Algorithm.objects.create(
        name="Summary", repository=f"registry.test/{slug}/summary"
    )
    version = AlgorithmVersion.objects.create(
        algorithm=algorithm,
        digest="sha256:" + slug.encode().hex().ljust(64, "0")[:64],
        tag="1.0",
        contract="ptm",
        manifest=json.loads(json.dumps(MANIFEST)),
    )
    allow_version(version=version, collaboration=collaboration, actor=SYSTEM)
    return version
