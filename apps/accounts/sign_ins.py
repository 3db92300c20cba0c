"""What the audit keeps of coming and going. Called by the account adapter."""

from apps.accounts.models import User
from apps.audit.actors import SYSTEM, Actor
from apps.audit.services import record


def record_sign_in(user: User) -> None:
    _record(Actor.user(user.pk), "sign_in.succeeded", user.pk)


def record_failed_sign_in(username: str) -> None:
    """Keep whose name was tried; a name that nobody has may be a mistyped password."""
    user = User.objects.filter(username=username).first()
    _record(SYSTEM, "sign_in.failed", user.pk if user else None)


def record_sign_out(user: User) -> None:
    _record(Actor.user(user.pk), "sign_in.ended", user.pk)


def record_new_password(user: User) -> None:
    _record(Actor.user(user.pk), "person.password_changed", user.pk)


def _record(actor: Actor, action: str, user_id: int | None) -> None:
    record(actor=actor, action=action, object_type="user", object_id=user_id)
