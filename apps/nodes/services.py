import hmac
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from apps.accounts.models import User
from apps.audit.actors import Actor
from apps.audit.services import record
from apps.errors import Conflict, Forbidden, Refusal
from apps.nodes.announcement import Hello
from apps.nodes.events import (
    node_given_up,
    node_revoked,
    notify_presence,
    wake_nodes,
)
from apps.nodes.keys import Key
from apps.nodes.models import DatabaseRelease, Enrolment, EnrolmentCode, Node
from apps.nodes.online_days import add_online_time
from apps.organizations.models import Organization
from apps.writes import change

CODE_LIFETIME = timedelta(days=2)


@transaction.atomic
def issue_enrolment_code(*, organization: Organization, issued_by: User) -> str:
    """Return the text of a one-time code, shown once.

    Only the organization's own admin may: not even a platform admin can stand in
    for a hospital's node.
    """
    if not _is_own_admin(issued_by, organization.pk):
        raise Forbidden("Only an admin of the organization itself can let a node in.")
    key = Key.generate("ptme")
    code = EnrolmentCode.objects.create(
        organization=organization,
        prefix=key.prefix,
        sha256=key.sha256,
        issued_by=issued_by,
        expires_at=timezone.now() + CODE_LIFETIME,
    )
    record(
        actor=Actor.user(issued_by.pk),
        action="enrolment_code.issued",
        object_type="organization",
        object_id=organization.pk,
        organization=organization.pk,
        code=code.pk,
    )
    return key.text


@transaction.atomic
def enrol_node(
    *, code_text: str, name: str, key_prefix: str, key_sha256: str
) -> tuple[Node, bool]:
    """Exchange a code for an identity; the same exchange again gives the same node.

    Returns the node and whether it is new. The server learns only the key's hash.
    """
    code = _usable_code(code_text)
    if code.node is not None:
        same = hmac.compare_digest(code.node.key_sha256, key_sha256)
        if same and code.node.key_prefix == key_prefix:
            return code.node, False
        raise _enrolment_refused()
    # One at a time: two nodes with two codes may ask for one name at once.
    Organization.objects.select_for_update().get(pk=code.organization_id)
    if Node.objects.filter(key_prefix=key_prefix).exists():
        raise _enrolment_refused()
    if code.organization.nodes.in_use().filter(name=name).exists():
        raise Conflict("name_taken", "The organization has a node of this name.")
    node = Node.objects.create(
        organization=code.organization,
        name=name,
        key_prefix=key_prefix,
        key_sha256=key_sha256,
    )
    code.node = node
    code.save(update_fields=("node",))
    record(
        actor=Actor.node(node.pk),
        action="node.enrolled",
        object_type="node",
        object_id=node.pk,
        organization=node.organization_id,
        code=code.pk,
    )
    return node, True


def _usable_code(text: str) -> EnrolmentCode:
    key = Key.parse(text)
    code = (
        # Without its node: a join would show it as it was before the lock was won.
        EnrolmentCode.objects.select_for_update()
        .filter(prefix=key.prefix if key else "")
        .first()
    )
    if key is None or code is None or not key.matches(code.sha256):
        raise _enrolment_refused()
    if code.node is None and not _still_good(code):
        raise _enrolment_refused()
    return code


def _still_good(code: EnrolmentCode) -> bool:
    """A code ends with its time, and with the role of whoever issued it."""
    in_time = code.expires_at >= timezone.now()
    return in_time and _is_own_admin(code.issued_by, code.organization_id)


def _is_own_admin(person: User, organization_id: int) -> bool:
    own = Organization.objects.with_own_admin(person)
    return bool(own.filter(pk=organization_id).exists())


def _enrolment_refused() -> Refusal:
    return Refusal(
        "enrolment_refused", "The code is unknown, used or expired.", status=403
    )


@transaction.atomic
def record_hello(*, node: Node, hello: Hello) -> None:
    """Make this start of the daemon the node's only one, with what it announces."""
    # Locked and read anew: another hello, a claim or a revocation may be on its way.
    node.refresh_from_db(from_queryset=Node.objects.select_for_update())
    if node.revoked_at is not None:
        raise Conflict("node_revoked", "The node was revoked.", status=401)
    same = str(node.instance) == hello.instance and node.boot == hello.boot
    if not same and hello.boot <= node.boot:
        raise superseded()
    node.instance, node.boot = UUID(hello.instance), hello.boot
    node.version = hello.version
    node.runtime = hello.announcement["runtime"]
    node.contracts = hello.announcement["contracts"]
    node.concurrent_runs = hello.announcement["concurrent_runs"]
    node.policy = hello.announcement["policy"]
    now = timezone.now()
    add_online_time(node, now)
    node.last_seen_at = now
    node.left_at = None
    node.told_online = True
    node.save()
    _keep_enrolments(node, hello.announcement["collaborations"])
    notify_presence(node.organization_id)
    if not same:
        wake_nodes(node.organization_id)  # so that a superseded socket closes


def superseded() -> Conflict:
    return Conflict(
        "instance_superseded", "Another daemon runs with this node's identity."
    )


def _keep_enrolments(node: Node, collaborations: list[dict[str, Any]]) -> None:
    """What is announced again stays the same row: a reader never finds half of it."""
    agreed = set(
        node.organization.participations.accepted().values_list(
            "collaboration_id", flat=True
        )
    )
    # Announced is not enough: the organization has to have consented.
    served = [each for each in collaborations if each["id"] in agreed]
    node.enrolments.exclude(collaboration__in=[each["id"] for each in served]).delete()
    for each in served:
        enrolment, _ = Enrolment.objects.get_or_create(
            node=node, collaboration_id=each["id"]
        )
        _keep_releases(enrolment, each["databases"])


def _keep_releases(enrolment: Enrolment, databases: list[dict[str, Any]]) -> None:
    labels = [database["label"] for database in databases]
    enrolment.databases.exclude(label__in=labels).delete()
    DatabaseRelease.objects.bulk_create(
        [DatabaseRelease(enrolment=enrolment, **each) for each in databases],
        update_conflicts=True,
        unique_fields=("enrolment", "label"),
        update_fields=("type", "columns"),
    )


@transaction.atomic
def record_contact(*, node: Node) -> None:
    """Note that the node was heard just now."""
    now = timezone.now()
    # Of words that arrive at once only one counts the time since the word before.
    before = {"id": node.pk, "last_seen_at": node.last_seen_at}
    told = {"last_seen_at": now, "left_at": None, "told_online": True}
    if change(Node, before, told):
        add_online_time(node, now)
    if not node.told_online:
        notify_presence(node.organization_id)


@transaction.atomic
def record_goodbye(*, node: Node) -> None:
    node.refresh_from_db(from_queryset=Node.objects.select_for_update())
    now = timezone.now()
    add_online_time(node, now)
    node.left_at = node.last_seen_at = now
    node.told_online = False
    node.save(update_fields=("left_at", "last_seen_at", "told_online"))
    notify_presence(node.organization_id)


@transaction.atomic
def revoke_node(*, node: Node, actor: Actor) -> None:
    """Shut the node out for good; what it held goes back into the queue."""
    revoked = Node.objects.filter(pk=node.pk, revoked_at=None)
    if not revoked.update(revoked_at=timezone.now()):
        return
    record(
        actor=actor,
        action="node.revoked",
        object_type="node",
        object_id=node.pk,
        organization=node.organization_id,
    )
    node_revoked.send(sender=Node, node=node)
    notify_presence(node.organization_id)
    wake_nodes(node.organization_id)


@transaction.atomic
def give_back_runs(*, node: Node, actor: Actor) -> None:
    """Wait for the node no longer: what it held goes back into the queue.

    Its key stays good. If it comes back it is told to end what it still works on, and
    no result of that is taken.
    """
    record(
        actor=actor,
        action="node.runs_given_back",
        object_type="node",
        object_id=node.pk,
        organization=node.organization_id,
    )
    node_given_up.send(sender=Node, node=node, actor=actor)
    wake_nodes(node.organization_id)
