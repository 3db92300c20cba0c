"""Who asks: narrows what the framework knows to what authentication has checked."""

from rest_framework.exceptions import NotAuthenticated
from rest_framework.request import Request

from apps.accounts.models import User
from apps.audit.actors import Actor
from apps.errors import Forbidden


def user_of(request: Request) -> User:
    """Return the person behind a request that needs one."""
    if not isinstance(request.user, User):
        raise NotAuthenticated
    return request.user


def actor_of(request: Request) -> Actor:
    return Actor.user(user_of(request).pk)


def require_platform_admin(request: Request) -> None:
    if not user_of(request).is_superuser:
        raise Forbidden("Only a platform admin may do this.")
