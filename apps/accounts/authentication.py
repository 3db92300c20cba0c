from typing import Any, cast

from django.utils import timezone
from knox.auth import TokenAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from apps.accounts.models import AccessToken, User
from apps.accounts.services import note_use
from apps.accounts.throttling import count_failure, refuse_after_failures

DOOR = "token"


class AccessTokenAuthentication(TokenAuthentication):
    """`Authorization: Bearer ptm_…`; wrong tokens slow their address down."""

    def authenticate(self, request: Request) -> tuple[User, AccessToken] | None:
        if not request.headers.get("Authorization", "").lower().startswith("bearer "):
            return None
        refuse_after_failures(request._request, DOOR)
        try:
            found = cast(tuple[User, AccessToken] | None, super().authenticate(request))
        except (AuthenticationFailed, UnicodeDecodeError) as error:
            count_failure(request._request, DOOR)
            raise AuthenticationFailed("The token is unknown or expired.") from error
        if found is not None:
            note_use(found[1])
        return found

    def _cleanup_token(self, auth_token: Any) -> bool:
        # A read must stay one query: expired rows are swept by the worker.
        return auth_token.expiry is not None and auth_token.expiry < timezone.now()
