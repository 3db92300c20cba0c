"""What a person may do with a task, asked by services and by pages alike."""

from apps.accounts.models import User
from apps.tasks.models import Task


def may_control(user: User, task: Task) -> bool:
    """The initiator, and whoever may send tasks for the initiating organization."""
    return user.has_perm(
        "collaborations.create_task", task.collaboration
    ) and user.has_perm("organizations.send_tasks", task.organization)
