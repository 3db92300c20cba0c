"""Tasks and runs, to read: people change them in the portal."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.utils.html import format_html

from apps.accounts.models import User
from apps.collaborations.choices import Visibility
from apps.collaborations.models import Collaboration
from apps.nodes.models import Node
from apps.organizations.models import Organization
from apps.tasks.choices import RunStatus, TaskStatus
from apps.tasks.models import Run, Task
from apps.tasks.notes import reason_of
from apps.tasks.selectors import run_counts
from apps.tasks.templatetags.states import state as state_badge
from ptm_site import admin_shown as shown
from ptm_site.admin import ScopedAdmin
from ptm_site.admin_lists import (
    choice_filter,
    query_filter,
    scoped_filter,
    since_filter,
)

HISTORY_SHOWN = 100
ATTENTION = {
    "waiting": ("Waiting for over 10 minutes", lambda runs: runs.waiting_long()),
    "failed": ("Failed within 24 hours", lambda runs: runs.failed_lately()),
    "held": ("Held by a node", lambda runs: runs.held()),
}


@admin.register(Task)
class TaskAdmin(ScopedAdmin):
    grows = True
    list_display = (
        "name_shown",
        "runs_shown",
        "collaboration_shown",
        "sent_by",
        "sent",
    )
    list_filter = (
        choice_filter("state", "status", TaskStatus.choices),
        scoped_filter(
            "collaboration", "collaboration", Collaboration.objects.visible_to
        ),
        scoped_filter("sender", "organization", Organization.objects.visible_to),
        since_filter("created_at"),
    )
    search_fields = ("name",)
    search_help_text = "A name or a number"
    fields = (
        "name_shown",
        "portal",
        "state",
        "collaboration_shown",
        "sent_by",
        "initiator_shown",
        "algorithm",
        "databases_shown",
        "purpose_shown",
        "visibility_shown",
        "sent",
        "deadline",
        "finished",
        "runs_listed",
    )
    readonly_fields = fields

    def permitted(self, user: User) -> QuerySet[Any]:
        return Task.objects.visible_to(user).select_related(
            "collaboration", "organization", "initiator", "version__algorithm"
        )

    def get_changelist_instance(self, request: Any) -> Any:
        """Count the runs of the tasks on the page in one query."""
        changelist = super().get_changelist_instance(request)
        counts = run_counts([task.pk for task in changelist.result_list])
        for task in changelist.result_list:
            task.states = counts[task.pk]
        return changelist

    @admin.display(description="task")
    def name_shown(self, task: Task) -> Any:
        return shown.words(task.name)

    @admin.display(description="runs")
    def runs_shown(self, task: Any) -> Any:
        order = [status for status in RunStatus if status in task.states]
        parts = [format_html("{} {}", task.states[s], state_badge(s)) for s in order]
        return shown.beside(parts)

    @admin.display(description="state")
    def state(self, task: Task) -> str:
        return TaskStatus(task.status).label.capitalize()

    @admin.display(description="collaboration")
    def collaboration_shown(self, task: Task) -> Any:
        return shown.words(task.collaboration.name)

    @admin.display(description="sent by")
    def sent_by(self, task: Task) -> Any:
        return shown.words(task.organization.name)

    @admin.display(description="initiator")
    def initiator_shown(self, task: Task) -> Any:
        return shown.words(task.initiator.username)

    @admin.display(description="algorithm")
    def algorithm(self, task: Task) -> Any:
        name = f"{task.version.algorithm.name}: {task.function}"
        return shown.several((shown.words(name), shown.code(task.version.image)))

    @admin.display(description="databases")
    def databases_shown(self, task: Task) -> Any:
        labels = [str(database.get("label", "")) for database in task.databases]
        return shown.words(", ".join(labels))

    @admin.display(description="purpose")
    def purpose_shown(self, task: Task) -> Any:
        return shown.words(task.purpose)

    @admin.display(description="results are seen by")
    def visibility_shown(self, task: Task) -> str:
        return Visibility(task.visibility).label.capitalize()

    @admin.display(description="sent")
    def sent(self, task: Task) -> Any:
        return shown.time(task.created_at)

    @admin.display(description="ends at the latest")
    def deadline(self, task: Task) -> Any:
        return shown.time(task.deadline_at)

    @admin.display(description="finished")
    def finished(self, task: Task) -> Any:
        return shown.time(task.finished_at)

    @admin.display(description="in the portal")
    def portal(self, task: Task) -> Any:
        return shown.in_portal("task", task.pk, f"Task {task.pk} with its log")

    @admin.display(description="runs")
    def runs_listed(self, task: Task) -> Any:
        return shown.list_link("tasks_run", "Runs of this task", task=task.pk)


@admin.register(Run)
class RunAdmin(ScopedAdmin):
    grows = True
    list_display = ("number", "state", "since", "at", "task_shown", "node_shown", "why")
    list_filter = (
        query_filter("attention", "attention", ATTENTION),
        choice_filter("state", "status", RunStatus.choices),
        scoped_filter("organization", "organization", Organization.objects.visible_to),
        scoped_filter(
            "collaboration",
            "collaboration",
            Collaboration.objects.visible_to,
            "task__collaboration",
        ),
        since_filter("created_at"),
        scoped_filter("node", "node", Node.objects.visible_to),
        scoped_filter("task", "task", lambda user: Task.objects.none()),
    )
    search_fields = ("task__name",)
    search_help_text = "A task's name or a run's number"
    fields = (
        "number",
        "task_shown",
        "at",
        "state",
        "since",
        "why",
        "detail_shown",
        "node_shown",
        "attempt",
        "queued",
        "started",
        "finished",
        "history",
    )
    readonly_fields = fields

    def permitted(self, user: User) -> QuerySet[Any]:
        return Run.objects.visible_to(user).select_related(
            "task", "organization", "node"
        )

    @admin.display(description="run")
    def number(self, run: Run) -> str:
        return f"Run {run.pk}"

    @admin.display(description="state")
    def state(self, run: Run) -> Any:
        return state_badge(run.status)

    @admin.display(description="since")
    def since(self, run: Run) -> Any:
        return shown.time(run.status_since)

    @admin.display(description="at")
    def at(self, run: Run) -> Any:
        return shown.words(run.organization.name)

    @admin.display(description="task")
    def task_shown(self, run: Run) -> Any:
        return shown.in_portal("task", run.task_id, shown.words(run.task.name))

    @admin.display(description="node")
    def node_shown(self, run: Run) -> Any:
        return shown.words(run.node.name) if run.node else shown.NOTHING

    @admin.display(description="reason")
    def why(self, run: Run) -> Any:
        return shown.words(reason_of(run))

    @admin.display(description="in detail")
    def detail_shown(self, run: Run) -> Any:
        return shown.words(run.detail)

    @admin.display(description="queued")
    def queued(self, run: Run) -> Any:
        return shown.time(run.created_at)

    @admin.display(description="started")
    def started(self, run: Run) -> Any:
        return shown.time(run.started_at)

    @admin.display(description="finished")
    def finished(self, run: Run) -> Any:
        return shown.time(run.finished_at)

    @admin.display(description="history")
    def history(self, run: Run) -> Any:
        return shown.several(
            format_html("{} {} {}", state_badge(e.new), shown.time(e.at), e.reason)
            for e in run.history.all()[:HISTORY_SHOWN]
        )
