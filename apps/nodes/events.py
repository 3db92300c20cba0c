from collections.abc import Iterable

from django.dispatch import Signal

from apps.notify import Hint, hint, notify

# Sent inside the transaction with `node`.
node_revoked = Signal()
# With `actor`, too.
node_given_up = Signal()


def work_group(organization_id: int) -> str:
    return f"work.{organization_id}"


def presence_group(organization_id: int) -> str:
    return f"presence.{organization_id}"


def notify_presence(organization_id: int) -> None:
    """Tell whoever watches the organization's nodes that one came, went or changed."""
    notify(hint(presence_group(organization_id)))


def wake_nodes(*organization_ids: int) -> None:
    """Tell the organizations' nodes to look: there is work, or something to stop."""
    notify(*work_hints(organization_ids))


def work_hints(organization_ids: Iterable[int]) -> list[Hint]:
    return [hint(work_group(pk)) for pk in organization_ids]
