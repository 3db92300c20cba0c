"""What a person may do with a task, asked by services and by pages alike."""

from apps.accounts.models import User
from apps.collaborations.models import Collaboration
from apps.organizations.models import Organization
from apps.tasks.models import Task


def may_repeat(user: User, task: Task) -> bool:
    """Whoever may send tasks for the initiating organization, now."""
    collaborations = Collaboration.objects.with_sender(user)
    organizations = Organization.objects.with_sender(user)
    return (
        collaborations.filter(pk=task.collaboration_id).exists()
        and organizations.filter(pk=task.organization_id).exists()
    )


def may_cancel(user: User, task: Task) -> bool:
    """Those too, and a platform admin, who can stop what harms and begin nothing."""
    return user.is_superuser or may_repeat(user, task)
