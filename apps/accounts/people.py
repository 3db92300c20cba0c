"""People: who is let in with a first password, who is kept out."""

import secrets
from dataclasses import dataclass

from django.db import transaction

from apps.accounts.models import User
from apps.audit.actors import Actor
from apps.audit.choices import ActorKind
from apps.audit.services import record
from apps.errors import Forbidden

# 4 times 5 letters that are read and typed without a mistake: about 98 bits.
ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"


@dataclass(frozen=True)
class NewPerson:
    username: str
    first_name: str = ""
    last_name: str = ""
    email: str = ""


@transaction.atomic
def create_person(*, person: NewPerson, actor: Actor) -> tuple[User, str]:
    """Return the person and the first password, which is shown once."""
    user = User(
        username=person.username,
        first_name=person.first_name,
        last_name=person.last_name,
        email=person.email,
    )
    password = _first_password()
    user.set_password(password)
    user.full_clean()
    user.save()
    _record(actor, "person.created", user)
    return user, password


@transaction.atomic
def renew_password(*, user: User, actor: Actor) -> str:
    """Replace the password and end every session; return the new one, shown once."""
    password = _first_password()
    user.set_password(password)
    user.save(update_fields=("password",))
    _record(actor, "person.password_renewed", user)
    return password


@transaction.atomic
def set_active(*, user: User, active: bool, actor: Actor) -> None:
    """Keep a person out, sessions and tokens included, or let them in again."""
    require_platform_admin(actor)
    if actor == Actor.user(user.pk):
        raise Forbidden("Nobody deactivates themselves: ask another platform admin.")
    user.is_active = active
    user.save(update_fields=("is_active",))
    if not active:
        # Who is let in again makes new ones, knowingly.
        user.access_tokens.all().delete()
    _record(actor, "person.reactivated" if active else "person.deactivated", user)


def require_platform_admin(actor: Actor) -> None:
    """Refuse any other person. Nodes and the platform do not come here as persons."""
    if actor.kind != ActorKind.USER:
        return
    admins = User.objects.filter(is_superuser=True, is_active=True)
    if not admins.filter(pk=actor.id or 0).exists():
        raise Forbidden("Only a platform admin may do this.")


def _first_password() -> str:
    parts = ("".join(secrets.choice(ALPHABET) for _ in range(5)) for _ in range(4))
    return "-".join(parts)


def _record(actor: Actor, action: str, user: User) -> None:
    record(actor=actor, action=action, object_type="user", object_id=user.pk)
