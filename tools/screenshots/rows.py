"""What a stage's pages need of the database; runs inside a process that has Django."""

from django.apps import apps

from apps.accounts.models import User
from apps.algorithms.models import AlgorithmVersion
from apps.algorithms.services import withdraw_version
from apps.audit.actors import SYSTEM
from apps.collaborations.consents import invite_organization, set_may_create_tasks
from apps.collaborations.models import Collaboration, Participation
from apps.collaborations.studies import create_study
from apps.organizations.choices import Role
from apps.organizations.services import create_organization, grant_membership
from tools.rig.world import RESEARCHER

NEWCOMER = "newcomer"
INVITED = "alone-admin"
LEFT = "left"


def add_newcomers(password: str) -> None:
    """A site that is only invited, with two people; and one person who left."""
    site = create_organization(name="Site Alone", actor=SYSTEM)
    for name, role in ((NEWCOMER, Role.RESEARCHER), (INVITED, Role.ADMIN)):
        user = User.objects.create_user(name, password=password)
        grant_membership(user=user, organization=site, role=role, actor=SYSTEM)
    invite_organization(
        collaboration=Collaboration.objects.earliest("pk"),
        organization=site,
        actor=SYSTEM,
    )
    User.objects.create_user(LEFT, is_active=False)


def add_withdrawn_version() -> None:
    used = AlgorithmVersion.objects.earliest("pk")
    version = AlgorithmVersion.objects.create(
        algorithm=used.algorithm,
        digest=f"sha256:{'f' * 64}",
        tag="0.9",
        contract=used.contract,
        manifest=used.manifest,
    )
    withdraw_version(version=version, actor=SYSTEM)


def add_study(stopped: str) -> None:
    """A study of those who take part; and one of them may not send."""
    collaboration = Collaboration.objects.earliest("pk")
    parts = collaboration.participations.accepted()
    create_study(
        collaboration=collaboration,
        name="Stage III",
        organizations=[part.organization for part in parts],
        actor=SYSTEM,
    )
    participation = parts.get(organization__name=stopped)
    set_may_create_tasks(participation=participation, allowed=False, actor=SYSTEM)


def facts() -> dict[str, int | str]:
    """Keys of rows that pages are about; of first rows by their model's label."""
    first = {
        model._meta.label_lower: row.pk
        for model in apps.get_models()
        if (row := model._default_manager.order_by("pk").first())
    }
    researcher = User.objects.get(username=RESEARCHER)
    versions = AlgorithmVersion.objects.order_by("pk")
    return first | {
        "missing": 999_999,
        "person": researcher.pk,
        "deactivated": User.objects.get(username=LEFT).pk,
        "membership": researcher.memberships.get().pk,
        "invitation": Participation.objects.get(organization__name="Site Alone").pk,
        "stopped": Participation.objects.get(may_create_tasks=False).pk,
        "version": versions[0].pk,
        "withdrawn": versions.latest("pk").pk,
    }
