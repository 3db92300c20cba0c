"""The list of tasks: search and filters live in the address."""

from dataclasses import dataclass
from datetime import timedelta

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from apps.tasks.choices import LOOKS, Look, RunStatus
from apps.tasks.consumers import MAX_TOPICS
from apps.tasks.models import Task
from apps.tasks.selectors import run_counts
from apps.tasks.task_search import LOOKED_THROUGH, TaskSearchForm, find_tasks
from ptm_site.pages import reader_of


@dataclass(frozen=True)
class Share:
    """How many of a task's runs are in one state."""

    look: Look
    words: str


@dataclass(frozen=True)
class Row:
    task: Task
    shares: list[Share]

    @property
    def took(self) -> timedelta | None:
        if self.task.finished_at is None:
            return None
        return self.task.finished_at - self.task.created_at


@require_safe
def task_list(request: HttpRequest) -> HttpResponse:
    reader = reader_of(request)
    form = TaskSearchForm(reader, request.GET)
    found = find_tasks(reader, form, request.GET)
    counts = run_counts([task.pk for task in found.page.rows])
    context = {
        "form": form,
        "page": found.page,
        "further": found.further,
        "looked_through": LOOKED_THROUGH,
        "rows": [Row(task, _shares(counts[task.pk])) for task in found.page.rows],
        "topics": [f"tasks:{c.pk}" for c in form.collaborations[:MAX_TOPICS]],
        "elsewhere": {"before", "after"} & request.GET.keys(),
    }
    response = render(request, "tasks/list.html", context)
    if request.headers.get("HX-Trigger") == "task-filters":
        response["HX-Replace-Url"] = form.address(request.path)
    return response


def _shares(counts: dict[str, int]) -> list[Share]:
    return [
        Share(LOOKS[status], f"{counts[status]} {status.label.lower()}")
        for status in RunStatus
        if status in counts
    ]
