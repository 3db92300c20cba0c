"""Unfold's settings: the short menu, our colour and mark."""

from collections.abc import Callable
from typing import Any, cast

from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse_lazy

# The portal's accent, #155e75, in the steps that unfold's styles ask for.
ACCENT = {
    "50": "#eff7fa",
    "100": "#e3f0f4",
    "200": "#c3dfe8",
    "300": "#93c6d6",
    "400": "#7accdf",
    "500": "#4fb3cf",
    "600": "#155e75",
    "700": "#0e4456",
    "800": "#0c3947",
    "900": "#12313c",
    "950": "#0a1f27",
}


def platform_admin(request: HttpRequest) -> bool:
    return bool(getattr(request.user, "is_superuser", False))


def manages_people(request: HttpRequest) -> bool:
    # Settings name this module: models are not there yet when it is read.
    from apps.organizations.admin_pages import OfOwnOrganizations
    from ptm_site.pages import reader_of

    return OfOwnOrganizations.open_to(reader_of(request))


def administers(request: HttpRequest) -> bool:
    from django.contrib import admin

    # Ours, by AdministrationConfig.
    return bool(cast(Any, admin.site).administers(request))


def _static(file: str) -> Callable[[HttpRequest], str]:
    """Where the file is, asked when a page is made."""
    return lambda request: static(file)


def _item(
    title: str, icon: str, model: str, permission: Any = administers
) -> dict[str, Any]:
    link = reverse_lazy(f"admin:{model}_changelist")
    item = {"title": title, "icon": icon, "link": link}
    return item | ({"permission": permission} if permission else {})


PORTAL = {
    "title": "To the portal",
    "icon": "arrow_back",
    "link": reverse_lazy("home"),
    "active": False,  # its address is the beginning of every other
}
START = {
    "title": "Start",
    "icon": "home",
    "link": reverse_lazy("admin:index"),
    "permission": administers,
}

UNFOLD = {
    "SITE_TITLE": "PyTaskManager administration",
    "SITE_HEADER": "PyTaskManager",
    "SITE_SUBHEADER": "Administration",
    "SITE_URL": "/",
    "SITE_ICON": _static("img/mark.svg"),
    "SITE_FAVICONS": [
        {
            "rel": "icon",
            "type": "image/svg+xml",
            "href": _static("img/mark.svg"),
        }
    ],
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": False,
    "BORDER_RADIUS": "6px",
    "COLORS": {"primary": ACCENT},
    "STYLES": [_static("css/states.css"), _static("css/admin.css")],
    "SCRIPTS": [_static(f"js/{name}.js") for name in ("time", "copy", "admin")],
    "DASHBOARD_CALLBACK": "ptm_site.admin_start.start_page",
    "SIDEBAR": {
        "navigation": [
            {"items": [START, PORTAL]},
            {
                "title": "Who",
                "items": [
                    _item("Organizations", "domain", "organizations_organization"),
                    _item(
                        "Memberships",
                        "badge",
                        "organizations_membership",
                        manages_people,
                    ),
                    _item("Users", "person", "accounts_user", platform_admin),
                ],
            },
            {
                "title": "Together",
                "items": [
                    _item("Collaborations", "hub", "collaborations_collaboration"),
                    _item(
                        "Participations", "handshake", "collaborations_participation"
                    ),
                    _item("Studies", "science", "collaborations_study"),
                    _item(
                        "Algorithm versions", "function", "algorithms_algorithmversion"
                    ),
                ],
            },
            {
                "title": "Work",
                "items": [
                    _item("Nodes", "dns", "nodes_node"),
                    _item("Tasks", "checklist", "tasks_task"),
                    _item("Runs", "play_circle", "tasks_run"),
                    _item("Results", "draft", "results_result"),
                    _item("Audit", "history", "audit_event", None),
                ],
            },
        ]
    },
}
