"""Every view of the API says which scope a token needs to change something."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.urls import URLPattern
from rest_framework.generics import GenericAPIView
from rest_framework.test import APIRequestFactory
from rest_framework.views import APIView

from apps.accounts.choices import TokenScope
from apps.accounts.models import AccessToken
from apps.accounts.permissions import TokenScopeAllows, scope_needed
from ptm_site import api

UNSAFE = ("POST", "PUT", "PATCH", "DELETE")
# They have credentials of their own, or say to everybody the same.
OTHER_DOORS = ("node/", "schema/", "docs/")


def views() -> Iterator[tuple[str, set[str], Any]]:
    """Each address below /api/v1/, the unsafe methods that it takes, and its view."""
    for pattern in _patterns(api.urlpatterns):
        callback = pattern.callback
        view = getattr(callback, "cls", None) or getattr(callback, "view_class", None)
        actions = getattr(callback, "actions", None)
        known = actions or {m.lower(): m for m in UNSAFE if hasattr(view, m.lower())}
        methods = {m.upper() for m in known} & set(UNSAFE)
        yield str(pattern.pattern), methods, view


def _patterns(entries: Any) -> Iterator[URLPattern]:
    for entry in entries:
        if isinstance(entry, URLPattern):
            yield entry
        elif str(entry.pattern) not in OTHER_DOORS:
            yield from _patterns(entry.url_patterns)


OURS = [entry for entry in views() if entry[0] not in OTHER_DOORS]


def test_every_view_asks_for_a_scope() -> None:
    assert len(OURS) >= 45
    for address, _, view in OURS:
        assert TokenScopeAllows in view.permission_classes, address


@pytest.mark.parametrize(
    ("address", "methods", "view"),
    [entry for entry in OURS if entry[1]],
    ids=[entry[0] for entry in OURS if entry[1]],
)
def test_what_changes_something_says_what_it_needs(
    address: str, methods: set[str], view: Any
) -> None:
    declared = getattr(view, "scopes", {})
    assert methods <= set(declared)
    needed = {declared[method] for method in methods}
    about_tasks = address.startswith(("tasks/", "runs/"))
    assert needed == {TokenScope.TASKS if about_tasks else TokenScope.ADMIN}


class Careless(GenericAPIView[Any]):
    """A view whose author forgot to say what it needs."""

    def get(self, request: Any) -> None: ...

    def post(self, request: Any) -> None: ...


def test_without_a_declaration_what_changes_something_is_denied_to_everybody() -> None:
    def allowed(method: str, auth: object) -> bool:
        request: Any = APIView().initialize_request(
            APIRequestFactory().generic(method, "/")
        )
        request.auth = auth
        return TokenScopeAllows().has_permission(request, Careless())

    mightiest = AccessToken(scope=TokenScope.ADMIN)
    assert [allowed("GET", mightiest), allowed("GET", None)] == [True, True]
    assert [allowed("POST", mightiest), allowed("POST", None)] == [False, False]
    assert allowed("DELETE", None)  # there is none: 405 follows


@pytest.mark.parametrize("scope", TokenScope)
def test_a_scope_includes_those_before_it(scope: TokenScope) -> None:
    order = list(TokenScope)
    assert [scope.includes(other) for other in order] == [
        order.index(other) <= order.index(scope) for other in order
    ]


def test_reading_needs_the_least() -> None:
    assert scope_needed(Careless(), "GET") == TokenScope.READ
