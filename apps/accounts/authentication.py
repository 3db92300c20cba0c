"""Who a script is: every request asks, so the query is written once."""

from hmac import compare_digest
from typing import cast

from django.utils import timezone
from knox.auth import TokenAuthentication
from knox.crypto import hash_token
from knox.settings import CONSTANTS
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from apps.accounts.models import AccessToken, User
from apps.accounts.services import note_use
from apps.accounts.throttling import count_failure, refuse_after_failures
from apps.prepared import Prepared

DOOR = "token"

_tokens = Prepared(
    lambda key: AccessToken.objects.filter(token_key=key).select_related("user")
)


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

    def authenticate_credentials(self, token: bytes) -> tuple[User, AccessToken]:
        """As knox does, but nothing is swept here: that is the worker's."""
        text = token.decode()
        for found in _tokens.objects(key=text[: CONSTANTS.TOKEN_KEY_LENGTH]):
            if not _is_over(found) and compare_digest(hash_token(text), found.digest):
                return cast(tuple[User, AccessToken], self.validate_user(found))
        raise AuthenticationFailed


def _is_over(token: AccessToken) -> bool:
    return token.expiry is not None and token.expiry < timezone.now()
