"""What a collaboration's policy says to whoever would begin or change something."""

from datetime import datetime

from django.utils import formats, timezone

from apps.collaborations.models import Collaboration
from apps.errors import Conflict


def why_closed(collaboration: Collaboration) -> tuple[str, str] | None:
    """Return a code and a sentence if the collaboration takes no new work."""
    if collaboration.archived_at is not None:
        since = moment(collaboration.archived_at)
        return (
            "collaboration_archived",
            f"The collaboration was archived on {since}: it takes no new tasks.",
        )
    if collaboration.expires_at is not None and collaboration.is_expired:
        since = moment(collaboration.expires_at)
        return (
            "collaboration_expired",
            f"The collaboration expired on {since}: it takes no new tasks.",
        )
    return None


def moment(at: datetime) -> str:
    return f"{formats.date_format(timezone.localtime(at), 'j F Y, H:i')} (UTC)"


def lock(collaboration_id: int) -> Collaboration:
    """Wait for what is being sent there now, and let nothing more be sent.

    Before any row of its participations, so that nobody waits in a circle.
    """
    locked: Collaboration = Collaboration.objects.select_for_update().get(
        pk=collaboration_id
    )
    return locked


def lock_changeable(collaboration_id: int) -> Collaboration:
    """Lock the collaboration, and refuse if it has been archived. In a transaction."""
    locked = lock(collaboration_id)
    if locked.is_archived:
        raise Conflict(
            "collaboration_archived",
            "The collaboration is archived: nothing in it changes any more.",
        )
    return locked
