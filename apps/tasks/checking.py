"""Everything about a request for a task that can be said before it is stored."""

from dataclasses import dataclass
from typing import Any

from apps.accounts.models import User
from apps.algorithms.models import AlgorithmVersion
from apps.collaborations.models import Collaboration, Study
from apps.organizations.models import Organization
from apps.tasks import authoring, parties
from apps.tasks.answers import Answer, Asked, answer_of
from apps.tasks.columns import columns_asked
from apps.tasks.sites import serving_nodes


@dataclass(frozen=True)
class Checked:
    """What the request's ids and names stand for; `data` is the container's input."""

    collaboration: Collaboration
    version: AlgorithmVersion
    function: dict[str, Any]
    sender: Organization
    data: bytes
    organizations: list[Organization]
    study: Study | None


def check(user: User, request: authoring.TaskRequest) -> Checked:
    """Raise the refusal that sending it would meet, but for what sites release."""
    collaboration = parties.collaboration_for(user, request.collaboration)
    # The registry may be asked here, so this stays outside of transactions.
    version = authoring.allowed_version(collaboration, request.image)
    function = authoring.function_of(version, request.function)
    return Checked(
        collaboration=collaboration,
        version=version,
        function=function,
        sender=parties.initiating_organization(
            user, collaboration, request.organization
        ),
        data=authoring.input_bytes(version, function, request.arguments),
        organizations=parties.addressed_organizations(
            collaboration, request.organizations
        ),
        study=parties.addressed_study(
            collaboration, request.study, request.organizations
        ),
    )


def forecast_task(*, user: User, request: authoring.TaskRequest) -> list[Answer]:
    """Say of each addressed site what it would do with the task; send nothing."""
    found = check(user, request)
    authoring.check_database_count(found.function, request.databases)
    columns = columns_asked(found.function, request.arguments, request.databases)
    serving = serving_nodes(
        found.collaboration, found.organizations, with_columns=bool(columns)
    )
    asked = Asked(
        version=found.version,
        function=found.function,
        labels=[database["label"] for database in request.databases],
        collaboration=found.collaboration,
        sender=found.sender,
        user=user,
        columns=columns,
    )
    return [answer_of(o, serving.get(o.pk, []), asked) for o in found.organizations]
