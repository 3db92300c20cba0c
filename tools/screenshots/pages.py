"""Every page once, with who may see it and which rows it is about.

The one list behind the pictures and the tests of all pages; a test compares it with
the URL configuration, so that no page is forgotten.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.contrib import admin
from django.db.models import Model
from django.urls import reverse

from ptm_site.admin_config import load_pages
from tools.rig.browser import STRANGER
from tools.rig.world import MANAGER, RESEARCHER
from tools.screenshots.rows import INVITED, NEWCOMER

NORTH = "north-admin"  # the first site's, and so of the first rows
PARTICIPATION = "collaborations.participation"


@dataclass(frozen=True)
class Page:
    """`arguments` of the address are facts of the stage, by their names.

    `shows` is a selector of what the page is complete with.
    """

    name: str
    route: str
    reader: str = RESEARCHER
    arguments: Mapping[str, str] = field(default_factory=dict)
    query: str = ""
    shows: str = "h1"
    status: int = 200

    def address(self, facts: Mapping[str, Any]) -> str:
        kwargs = {name: facts[fact] for name, fact in self.arguments.items()}
        return reverse(self.route, kwargs=kwargs) + self.query


PORTAL = (
    Page("dashboard", "home"),
    Page("dashboard-newcomer", "home", NEWCOMER),
    Page("dashboard-site-admin", "home", NORTH),
    Page("tasks", "tasks"),
    Page("tasks-found", "tasks", query="?q=patients&status=finished"),
    Page("tasks-none", "tasks", NEWCOMER),
    Page("task", "task", arguments={"pk": "task"}),
    Page("task-failed", "task", arguments={"pk": "failed"}),
    Page("task-waiting", "task", arguments={"pk": "waiting"}),
    Page("log", "log", arguments={"pk": "run"}),
    Page("task-new", "task-new"),
    Page("task-new-newcomer", "task-new", NEWCOMER),
    Page("result", "result", arguments={"pk": "result"}),
    Page("collaborations", "collaborations"),
    Page("collaborations-none", "collaborations", NEWCOMER),
    Page("collaboration", "collaboration", arguments={"pk": "collaboration"}),
    Page("participation", "participation", NORTH, {"pk": PARTICIPATION}),
    Page("invitation", "participation", INVITED, {"pk": "invitation"}),
    Page("dashboard-invited", "home", INVITED),
    Page("algorithms", "algorithms"),
    Page("algorithm", "algorithm", arguments={"pk": "algorithms.algorithm"}),
    Page("organization", "organization", arguments={"pk": "organization"}),
    Page("organization-admin", "organization", NORTH, {"pk": "organization"}),
    Page("account", "account"),
    Page("token-revoke", "token-revoke", arguments={"pk": "accounts.accesstoken"}),
    Page("sign-in", "account_login", STRANGER),
    Page("password", "account_change_password"),
    Page("sign-out", "account_logout"),
    Page("missing", "task", arguments={"pk": "missing"}, status=404),
)

# Routes that show no page of their own, and why.
NO_PAGE = {
    "admin:audit_event_export": "a file",
    "admin:app_list": "leads to the start",
    "admin:audit_event_add": "nobody adds an event",
    "admin:collaborations_participation_export": "a file",
    "admin:collaborations_study_add": "made at its collaboration",
    "admin:jsi18n": "a script",
    "admin:login": "leads to the portal's sign-in",
    "admin:organizations_membership_export": "a file",
    "admin:results_result_add": "nodes add results",
    "admin:tasks_run_add": "a task makes its runs",
    "admin:tasks_task_add": "tasks are sent in the portal",
    "health": "JSON for probes",
    "log-piece": "a part of a page",
    "result-table": "a file",
    "task-table": "a file",
}
# Routes that take a form from another page, by the arguments of their addresses.
ONLY_FORMS = {
    "admin:logout": (),
    "cancel": ("pk",),
    "repeat": ("pk",),
}

# (reader, model, the fact that its pages are about, the pages' names)
CHANGES = (
    (MANAGER, "accounts_user", "person", ("deactivate", "password")),
    (MANAGER, "accounts_user", "deactivated", ("reactivate",)),
    (MANAGER, "algorithms_algorithmversion", "version", ("allow", "disallow")),
    (MANAGER, "algorithms_algorithmversion", "version", ("withdraw",)),
    (MANAGER, "algorithms_algorithmversion", "withdrawn", ("reinstate",)),
    (MANAGER, "collaborations_collaboration", "collaboration", ("admins", "edit")),
    (MANAGER, "collaborations_collaboration", "collaboration", ("archive", "study")),
    (INVITED, "collaborations_participation", "invitation", ("accept", "decline")),
    (MANAGER, "collaborations_participation", "invitation", ("withdraw",)),
    (MANAGER, "collaborations_participation", PARTICIPATION, ("end", "stop-sending")),
    (MANAGER, "collaborations_participation", "stopped", ("allow-sending",)),
    (MANAGER, "collaborations_study", "collaborations.study", ("edit", "end")),
    (NORTH, "collaborations_participation", PARTICIPATION, ("leave",)),
    (NORTH, "nodes_node", "nodes.node", ("give-back", "revoke")),
    (MANAGER, "organizations_membership", "membership", ("end", "role")),
    (NORTH, "organizations_organization", "organization", ("rename",)),
)
OF_ADMIN = (
    Page("admin", "admin:index", MANAGER),
    Page("admin-of-a-site", "admin:index", NORTH),
    Page("admin-new-code", "admin:nodes_node_add", NORTH),
    Page("admin-new-person", "admin:organizations_membership_new-person", NORTH),
    Page("admin-import", "admin:organizations_membership_import", NORTH),
    Page("admin-import-sites", "admin:collaborations_participation_import", MANAGER),
    Page("admin-allow-image", "admin:algorithms_algorithmversion_allow-image", MANAGER),
)
VERBS = ("changelist", "add", "change")


def all_pages() -> list[Page]:
    return [*PORTAL, *OF_ADMIN, *_changes(), *_model_pages()]


def _changes() -> Iterator[Page]:
    for reader, model, fact, names in CHANGES:
        for name in names:
            route = f"admin:{model}_{name}"
            title = f"admin-{model.replace('_', '-')}-{name}"
            yield Page(title, route, reader, {"pk": fact})


def _model_pages() -> Iterator[Page]:
    """Of every model that the admin shows, without the pages that are listed above."""
    listed = {page.route for page in OF_ADMIN} | {*NO_PAGE}
    load_pages()
    for model in admin.site._registry:
        for page in (_model_page(model, verb) for verb in VERBS):
            if page.route not in listed:
                yield page


def _model_page(model: type[Model], verb: str) -> Page:
    meta = model._meta
    about = {} if verb in ("changelist", "add") else {"object_id": meta.label_lower}
    return Page(
        f"admin-{meta.app_label}-{meta.model_name}-{verb}",
        f"admin:{meta.app_label}_{meta.model_name}_{verb}",
        MANAGER,
        about,
    )
