"""People: who is let in with a first password, who is kept out."""

import secrets
from dataclasses import dataclass, field
from typing import Any

from allauth.account.models import EmailAddress
from django.contrib.auth.hashers import make_password
from django.db import transaction

from apps.accounts.models import User
from apps.accounts.services import revoke_token
from apps.audit.actors import Actor
from apps.audit.choices import ActorKind
from apps.audit.services import difference, erase_addresses, record
from apps.errors import Forbidden

# 4 times 5 letters that are read and typed without a mistake: about 98 bits.
ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"


@dataclass(frozen=True)
class NewPerson:
    username: str
    first_name: str = ""
    last_name: str = ""
    email: str = ""


@dataclass(frozen=True)
class FirstPassword:
    """Made before the transaction by whoever makes many: hashing takes its time."""

    text: str = field(repr=False)
    hashed: str = field(repr=False)


def first_password() -> FirstPassword:
    text = _random_password()
    return FirstPassword(text, make_password(text))


@transaction.atomic
def create_person(
    *, person: NewPerson, actor: Actor, password: FirstPassword | None = None
) -> tuple[User, str]:
    """Return the person and the first password, which is shown once."""
    password = password or first_password()
    user = User(
        username=person.username,
        first_name=person.first_name,
        last_name=person.last_name,
        email=person.email,
    )
    user.password = password.hashed
    user.full_clean()
    user.save()
    _record(actor, "person.created", user)
    return user, password.text


@transaction.atomic
def renew_password(*, user: User, actor: Actor) -> str:
    """Replace the password and end every session; return the new one, shown once."""
    password = _random_password()
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
    changed = difference({"is_active": user.is_active}, {"is_active": active})
    user.is_active = active
    user.save(update_fields=("is_active",))
    if not active:
        # Who is let in again makes new ones, knowingly.
        _revoke_tokens(user, actor)
    action = "person.reactivated" if active else "person.deactivated"
    _record(actor, action, user, **changed)


@transaction.atomic
def erase_person(*, user: User, actor: Actor) -> None:
    """Keep the number, for what was done under it, and nothing that says who it was.

    They stay out for good: no password, sessions or tokens, and no name or address,
    here and in the audit. Their roles are ended by whoever gave them.
    """
    require_platform_admin(actor)
    _revoke_tokens(user, actor)
    user.username, user.is_active = f"erased-{user.pk}", False
    user.first_name = user.last_name = user.email = ""
    user.last_login, user.is_superuser = None, False
    EmailAddress.objects.filter(user=user).delete()
    user.set_unusable_password()
    user.save()
    erase_addresses(user_id=user.pk)
    _record(actor, "person.erased", user)


def _revoke_tokens(user: User, actor: Actor) -> None:
    for token in user.access_tokens.all():
        revoke_token(token=token, actor=actor)


def require_platform_admin(actor: Actor) -> None:
    """Refuse any other person. Nodes and the platform do not come here as persons."""
    if actor.kind != ActorKind.USER:
        return
    admins = User.objects.filter(is_superuser=True, is_active=True)
    if not admins.filter(pk=actor.id or 0).exists():
        raise Forbidden("Only a platform admin may do this.")


def _random_password() -> str:
    parts = ("".join(secrets.choice(ALPHABET) for _ in range(5)) for _ in range(4))
    return "-".join(parts)


def _record(actor: Actor, action: str, user: User, **details: Any) -> None:
    record(actor=actor, action=action, object_type="user", object_id=user.pk, **details)
