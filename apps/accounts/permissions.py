from collections.abc import Mapping
from typing import Any

from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from apps.accounts.choices import TokenScope
from apps.accounts.models import AccessToken

Scopes = Mapping[str, TokenScope]


def scope_needed(view: Any, method: str) -> TokenScope | None:
    """Return what the view's `scopes` says of the method; None means: denied.

    Reading needs no declaration, and neither does what the view does not have at
    all: 405 follows.
    """
    if method in SAFE_METHODS or not hasattr(view, method.lower()):
        return TokenScope.READ
    scopes: Scopes = getattr(view, "scopes", {})
    return scopes.get(method)


class TokenScopeAllows(BasePermission):
    """A token never goes beyond its scope; a session has no such limit."""

    message = "This token's scope does not allow it."

    def has_permission(self, request: Request, view: Any) -> bool:
        needed = scope_needed(view, request.method or "")
        if needed is None or not isinstance(request.auth, AccessToken):
            return needed is not None
        return TokenScope(request.auth.scope).includes(needed)
