"""Sets a collaboration's policy in tests, through the service."""

from typing import Any

from apps.audit.actors import SYSTEM
from apps.collaborations.services import update_collaboration
from tests.worlds import World


def set_policy(world: World, **changes: Any) -> None:
    own = world.collaboration
    own.refresh_from_db()
    names = (
        "purpose",
        "visibility",
        "deadline_days",
        "expires_at",
        "open_tasks_per_user",
    )
    policy = {name: getattr(own, name) for name in names} | changes
    update_collaboration(collaboration=own, actor=SYSTEM, **policy)
