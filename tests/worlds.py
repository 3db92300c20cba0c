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
from apps.collaborations.models import Collaboration
from apps.collaborations.services import (
    answer_invitation,
    create_collaboration,
    invite_organization,
)
from apps.nodes.keys import Key
from apps.nodes.models import Node
from apps.nodes.services import enrol_node, issue_enrolment_code
from apps.organizations.choices import Role
from apps.organizations.models import Organization
from apps.organizations.services import create_organization, grant_membership

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


class NodeClient:
    """Speaks docs/node-protocol.md to the test server, one instance of a daemon."""

    def __init__(self, node: Node, key: Key, boot: int = 1) -> None:
        self.node = node
        self.key = key
        self.boot = boot
        self.instance = str(uuid.uuid4())
        self.last_claim = 0
        self.client = APIClient()

    @property
    def headers(self) -> dict[str, str]:
        return {
            "Authorization": f"Node {self.key.text}",
            "PTM-Instance": self.instance,
            "PTM-Protocol": "1",
        }

    def post(self, path: str, body: Any = None) -> Any:
        return self.client.post(
            f"/api/v1/node/{path}", body or {}, format="json", headers=self.headers
        )

    def hello(
        self,
        collaborations: list[dict[str, Any]],
        held: list[dict[str, int]] | None = None,
    ) -> Any:
        return self.post(
            "hello/",
            {
                "instance": self.instance,
                "boot": self.boot,
                "version": "0.1.0",
                "last_claim": self.last_claim,
                "held": held or [],
                "announce": {
                    "collaborations": collaborations,
                    "contracts": ["ptm"],
                    "runtime": "docker 28",
                    "concurrent_runs": 2,
                },
            },
        )

    def claim(self, capacity: int = 10, number: int | None = None) -> Any:
        number = number if number is not None else self.last_claim + 1
        answer = self.post("claim/", {"claim": number, "capacity": capacity})
        if answer.status_code == 200:
            self.last_claim = max(self.last_claim, number)
        return answer

    def heartbeat(self, held: list[dict[str, int]]) -> Any:
        return self.post("heartbeat/", {"last_claim": self.last_claim, "held": held})

    def report(self, run: int, attempt: int, status: str, **fields: Any) -> Any:
        return self.post(
            f"runs/{run}/report/", {"attempt": attempt, "status": status, **fields}
        )


@dataclass
class World:
    collaboration: Collaboration
    sites: list[Organization]
    version: AlgorithmVersion
    platform_admin: User
    people: dict[str, User] = field(default_factory=dict)
    nodes: list[NodeClient] = field(default_factory=list)

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
        answer = self.client(person).post(
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
    for person, site, role in people:
        user = User.objects.create_user(f"{slug}-{person}", password="correct horse")
        grant_membership(user=user, organization=sites[site], role=role, actor=SYSTEM)
        world.people[person] = user
    for site in sites:
        participation = invite_organization(
            collaboration=collaboration, organization=site, actor=SYSTEM
        )
        answer_invitation(
            participation=participation,
            answer=ParticipationStatus.ACCEPTED,
            actor=SYSTEM,
        )
    for number, site in enumerate(sites):
        node = add_node(world, site, world.people[f"admin{number}"])
        assert node.hello(world.released()).status_code == 200
    return world


def add_node(world: World, site: Organization, admin: User) -> NodeClient:
    key = Key.generate("ptmn")
    node, _ = enrol_node(
        code_text=issue_enrolment_code(organization=site, issued_by=admin),
        name=f"node {key.prefix}",
        key_prefix=key.prefix,
        key_sha256=key.sha256,
    )
    client = NodeClient(node, key)
    world.nodes.append(client)
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
