"""Who asks: narrows what the framework knows to what authentication has checked."""

from rest_framework.exceptions import NotAuthenticated
from rest_framework.request import Request

from apps.accounts.models import User


def user_of(request: Request) -> User:
    """Return the person behind a request that needs one."""
    if not isinstance(request.user, User):
        raise NotAuthenticated
    return request.user
