"""What stands inside answers that several may read: each reads their own part."""

import pytest
from django.contrib.auth.models import AnonymousUser

from apps.accounts.models import User
from apps.algorithms.models import Algorithm, AlgorithmVersion
from apps.collaborations.models import Collaboration, Participation, Study
from apps.nodes.models import Node
from apps.organizations.models import Organization
from apps.results.models import Result
from apps.tasks.models import Run, Task
from tests.rights.conftest import Stage
from tests.rights.readers import ask
from tests.rights.requests import Sent

pytestmark = pytest.mark.django_db

MEMBERS = ("view", "send", "stew", "adm", "part", "padm", "byst")
ABOUT_COLLABORATION = (
    "/collaborations/{collaboration}/",
    "/api/v1/collaborations/{collaboration}/",
    "/api/v1/collaborations/",
)


@pytest.mark.parametrize("path", ABOUT_COLLABORATION)
def test_who_is_only_invited_is_told_to_whom_it_concerns(
    stage: Stage, path: str
) -> None:
    name = f"{stage.own.world.collaboration.name} D"
    told = {
        reader: name in ask(stage.readers[reader], "GET", where, Sent()).text
        for reader in (*MEMBERS, "plat", "mgr")
        for where in [path.format(**stage.own.things)]
    }
    assert told == {**dict.fromkeys(MEMBERS, False), "plat": True, "mgr": True}


def shown(reader: User | AnonymousUser) -> set[str]:
    """The kinds of rows of which this reader sees any."""
    rows = {
        "organization": Organization.objects.visible_to(reader),
        "collaboration": Collaboration.objects.visible_to(reader),
        "participation": Participation.objects.visible_to(reader),
        "sending": Collaboration.objects.with_sender(reader),
        "study": Study.objects.visible_to(reader),
        "node": Node.objects.visible_to(reader),
        "version": AlgorithmVersion.objects.visible_to(reader),
        "algorithm": Algorithm.objects.visible_to(reader),
        "task": Task.objects.visible_to(reader),
        "run": Run.objects.visible_to(reader),
        "result": Result.objects.visible_to(reader),
        "member": Organization.objects.permitted_to(reader, "manage_members"),
        "managed": Collaboration.objects.permitted_to(reader, "manage_collaboration"),
    }
    return {kind for kind, found in rows.items() if found.exists()}


@pytest.mark.parametrize("person", ["alice", "admin0", "manager", "loner"])
def test_nothing_is_visible_to_whoever_is_deactivated(
    stage: Stage, person: str
) -> None:
    user = stage.own.world.people[person]
    assert bool(shown(user)) == (person != "loner")
    user.is_active = False
    try:
        assert shown(user) == set()
    finally:
        user.is_active = True


def test_nothing_is_visible_to_strangers_nor_to_a_deactivated_platform_admin(
    stage: Stage,
) -> None:
    root = stage.own.world.platform_admin
    assert len(shown(root)) == 12  # but sends nothing
    root.is_active = False
    try:
        assert shown(root) == shown(AnonymousUser()) == set()
    finally:
        root.is_active = True
