"""Changes a collaboration's policy through the services, and tries to send then."""

from datetime import timedelta
from typing import Any

from django.utils import timezone

from apps.audit.actors import SYSTEM
from apps.collaborations.consents import set_may_create_tasks
from apps.collaborations.models import Collaboration
from apps.collaborations.services import archive_collaboration, update_collaboration
from tests.stored import nothing_stored
from tests.worlds import World

SEND = "/api/v1/tasks/"


def own(world: World) -> Collaboration:
    return world.collaboration


def set_policy(world: World, **changes: Any) -> None:
    collaboration = own(world)
    collaboration.refresh_from_db()
    names = (
        "purpose",
        "visibility",
        "deadline_days",
        "expires_at",
        "open_tasks_per_user",
    )
    policy = {name: getattr(collaboration, name) for name in names} | changes
    update_collaboration(collaboration=collaboration, actor=SYSTEM, **policy)


def expire(world: World) -> None:
    set_policy(world, expires_at=timezone.now() - timedelta(minutes=1))


def archive(world: World) -> None:
    archive_collaboration(collaboration=own(world), actor=SYSTEM)


def stop_sending(world: World, site: int = 0) -> None:
    participation = world.sites[site].participations.get()
    set_may_create_tasks(participation=participation, allowed=False, actor=SYSTEM)


def limit(world: World, number: int | None = 1) -> None:
    set_policy(world, open_tasks_per_user=number)


def refused(world: World, person: str = "alice", **changes: Any) -> Any:
    """The API's refusal, which stores nothing."""
    client = world.person(person)
    with nothing_stored():
        answer = client.post(SEND, world.task_body(**changes))
    assert answer.status_code == 422, answer.json()
    return answer.json()
