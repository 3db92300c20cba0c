"""Every door of the server: what its configuration says, not what we remember."""

import re
from collections.abc import Iterator
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver, resolve

from apps.tasks.consumers import KINDS
from ptm_site.asgi import SOCKETS as ROUTES
from tests.rights.stage import MISSING
from tools.permissions.table import Row

OF_ADMIN = {
    "logout": {"POST"},
    "jsi18n": {"GET"},
    "changelist": {"GET"},
    "export": {"GET"},
}
SOCKETS = ("live", "work")
PLACE = re.compile(r"\{(\w+)\}")
Door = tuple[str, str]  # method and route
# What may change something. HEAD and OPTIONS follow GET where there is one.
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


def doors() -> set[Door]:
    """Of HTTP: each route of the URL configuration with each method that it takes."""
    return {
        (method, route)
        for route, entry in _walk(get_resolver())
        for method in methods_of(route, entry)
    }


def socket_doors() -> set[Door]:
    """Of sockets: each route, and each kind of topic of the portal's."""
    assert ROUTES.keys() == {"/ws/live/", "/ws/node/"}, "a new socket needs doors here"
    return {("WATCH", kind) for kind in KINDS} | {("LISTEN", "work")}


def doors_of(row: Row) -> set[Door]:
    """The doors that a row of the tables is about."""
    if row.area in SOCKETS:
        return {(m, row.path.rsplit("/", 1)[-1].partition(":")[0]) for m in row.methods}
    things = {name: MISSING.get(name, 1) for name in PLACE.findall(row.path)}
    path = row.path.format(**things).partition("?")[0]
    return {(method, resolve(path).route) for method in row.methods}


def methods_of(route: str, entry: URLPattern) -> set[str]:
    """Which methods a view takes; one that does not say takes all of them."""
    view = entry.callback
    if (actions := getattr(view, "actions", None)) is not None:
        return {method.upper() for method in actions} & set(METHODS)
    if route.startswith("admin/"):  # Django's own pages take what they are sent
        verb = (entry.name or "").rpartition("_")[2]
        return OF_ADMIN.get(verb, {"GET", "POST"})
    cls = getattr(view, "cls", None) or getattr(view, "view_class", None)
    if cls is not None:
        found = {m for m in (*METHODS, "HEAD") if hasattr(cls, m.lower())}
        return found - {"HEAD"} if "GET" in found else found
    said = _said_by_decorator(view)
    return set(METHODS) if said is None else said & set(METHODS)


def _said_by_decorator(view: Any) -> set[str] | None:
    """What `require_http_methods` was given: Django keeps it in a closure only."""
    while view is not None:
        names = view.__code__.co_freevars if hasattr(view, "__code__") else ()
        if "request_method_list" in names:
            cell = view.__closure__[names.index("request_method_list")]
            return set(cell.cell_contents)
        view = getattr(view, "__wrapped__", None)
    return None


def _walk(resolver: URLResolver, before: str = "") -> Iterator[tuple[str, URLPattern]]:
    for entry in resolver.url_patterns:
        route = before + str(entry.pattern).removeprefix("^" if before else "")
        if isinstance(entry, URLPattern):
            yield route, entry
        else:
            yield from _walk(entry, route)
