from typing import Any

from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from apps.accounts.choices import TokenScope
from apps.accounts.models import AccessToken


class TokenScopeAllows(BasePermission):
    """A token never goes beyond its scope; a session has no such limit."""

    message = "This token's scope does not allow it."

    def has_permission(self, request: Request, view: Any) -> bool:
        if not isinstance(request.auth, AccessToken):
            return True
        needed = TokenScope.READ if request.method in SAFE_METHODS else TokenScope.TASKS
        needed = getattr(view, "required_scope", needed)
        return TokenScope(request.auth.scope).includes(needed)
