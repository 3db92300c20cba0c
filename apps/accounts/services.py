from datetime import timedelta

from django.db import IntegrityError, transaction
from django.utils import timezone

from apps.accounts.choices import TokenScope
from apps.accounts.models import AccessToken, User
from apps.audit.actors import Actor
from apps.audit.services import record
from apps.errors import Invalid

LONGEST_LIFETIME = timedelta(days=366)
NOTED_EVERY = timedelta(hours=1)


@transaction.atomic
def create_token(
    *, user: User, name: str, scope: TokenScope, lifetime: timedelta, actor: Actor
) -> tuple[AccessToken, str]:
    """Return the token's row and its text, which is shown once and not stored."""
    if not timedelta() < lifetime <= LONGEST_LIFETIME:
        raise Invalid("lifetime", "lifetime_invalid", "A token lives a year at most.")
    token, text = _store_token(user, name, scope, lifetime)
    token.full_clean()
    record(
        actor=actor,
        action="token.created",
        object_type="token",
        object_id=token.id,
        user=user.id,
        scope=scope,
    )
    return token, text


@transaction.atomic
def _store_token(
    user: User, name: str, scope: TokenScope, lifetime: timedelta
) -> tuple[AccessToken, str]:
    try:
        stored: tuple[AccessToken, str] = AccessToken.objects.create(
            user=user, name=name, scope=scope, expiry=lifetime
        )
    except IntegrityError as error:  # the name is the one thing a person chooses
        raise Invalid(
            "name", "token_name_taken", "You have a token of this name."
        ) from error
    return stored


@transaction.atomic
def revoke_token(*, token: AccessToken, actor: Actor) -> None:
    record(
        actor=actor,
        action="token.revoked",
        object_type="token",
        object_id=token.id,
        user=token.user_id,
    )
    token.delete()


def note_use(token: AccessToken) -> None:
    """Note that the token was used, once an hour at most."""
    now = timezone.now()
    if token.last_used_at is None or now - token.last_used_at >= NOTED_EVERY:
        AccessToken.objects.filter(pk=token.pk).update(last_used_at=now)
        token.last_used_at = now
