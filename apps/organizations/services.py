from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.db import transaction
from django.db.models import QuerySet

from apps.accounts.models import User
from apps.accounts.naming import keep_told
from apps.accounts.people import FirstPassword, NewPerson, create_person
from apps.audit.actors import Actor
from apps.audit.choices import ActorKind
from apps.audit.services import difference, record
from apps.errors import Forbidden
from apps.organizations.choices import Role
from apps.organizations.events import membership_ended
from apps.organizations.models import Membership, Organization
from apps.organizations.permissions import sync_permissions
from apps.organizations.selectors import people_known_to


@transaction.atomic
def create_organization(*, name: str, actor: Actor) -> Organization:
    organization = Organization(name=name)
    organization.full_clean()
    organization.save()
    sync_permissions(organization)
    _record(actor, "organization.created", organization)
    return organization


def rename_organization(*, organization: Organization, name: str, actor: Actor) -> None:
    if (asker := _person(actor)) is not None:
        seen = Organization.objects.visible_to(asker)
        _keep_taken(asker, Organization.objects.filter(name=name), seen, organization)
    _rename(organization, name, actor)


@transaction.atomic
def _rename(organization: Organization, name: str, actor: Actor) -> None:
    organization.name = name
    organization.full_clean()
    organization.save(update_fields=("name",))
    _record(actor, "organization.renamed", organization)


def admit_person(
    *,
    person: NewPerson,
    organization: Organization,
    role: Role,
    actor: Actor,
    password: FirstPassword | None = None,
) -> tuple[Membership, str]:
    """Create a person with a role; return the first password too, shown once."""
    _require_manager(actor, organization)
    if (asker := _person(actor)) is not None:
        taken = User.objects.filter(username=person.username)
        _keep_taken(asker, taken, people_known_to(asker), organization)
    return _admit(person, organization, role, actor, password)


@transaction.atomic
def _admit(
    person: NewPerson,
    organization: Organization,
    role: Role,
    actor: Actor,
    password: FirstPassword | None,
) -> tuple[Membership, str]:
    user, shown = create_person(person=person, actor=actor, password=password)
    membership = grant_membership(
        user=user, organization=organization, role=role, actor=actor
    )
    return membership, shown


@transaction.atomic
def grant_membership(
    *, user: User, organization: Organization, role: Role, actor: Actor
) -> Membership:
    """Give the user this role in the organization, instead of any earlier one."""
    _require_manager(actor, organization)
    _not_ones_own(user.pk, actor)
    standing = Membership.objects.select_for_update()
    earlier = standing.filter(user=user, organization=organization).first()
    membership, _ = Membership.objects.update_or_create(
        user=user, organization=organization, defaults={"role": role}
    )
    membership.full_clean()
    sync_permissions(organization)
    changed = difference({"role": earlier.role if earlier else None}, {"role": role})
    _record(actor, "membership.granted", organization, user=user.pk, **changed)
    return membership


@transaction.atomic
def end_membership(*, membership: Membership, actor: Actor) -> None:
    organization = membership.organization
    user_id = membership.user_id
    _require_manager(actor, organization)
    _not_ones_own(user_id, actor)
    membership.delete()
    sync_permissions(organization)
    ended = {"before": {"role": membership.role}, "after": {"role": None}}
    _record(actor, "membership.ended", organization, user=user_id, **ended)
    membership_ended.send(sender=Membership, organization=organization, user_id=user_id)


def _require_manager(actor: Actor, organization: Organization) -> None:
    """Nobody grants what they do not hold: an organization's admins hold every role."""
    if actor.kind != ActorKind.USER:
        return
    person = _person(actor) or AnonymousUser()
    managed = Organization.objects.permitted_to(person, "manage_members")
    if not managed.filter(pk=organization.pk).exists():
        raise Forbidden("Only an admin of the organization grants roles in it.")


def _person(actor: Actor) -> User | None:
    if actor.kind != ActorKind.USER:
        return None
    return User.objects.filter(pk=actor.id or 0).first()


def _keep_taken(
    asker: User, named: QuerySet[Any], seen: QuerySet[Any], organization: Organization
) -> None:
    """Before it is refused: that the name is taken, by whom the asker cannot see."""
    if named.exclude(pk__in=seen.values("pk")).exists():
        kind = str(named.model._meta.model_name)
        keep_told(asker, kind, organization=organization.pk)


def _not_ones_own(user_id: int, actor: Actor) -> None:
    """Nobody lifts themselves, and an organization's last admin cannot leave it."""
    if actor == Actor.user(user_id):
        raise Forbidden("Nobody changes their own role: ask another admin.")


def _record(
    actor: Actor, action: str, organization: Organization, **details: Any
) -> None:
    record(
        actor=actor,
        action=action,
        object_type="organization",
        object_id=organization.pk,
        organization=organization.pk,
        **details,
    )
