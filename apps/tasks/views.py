from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from apps.accounts.models import User
from apps.errors import Conflict
from apps.tasks.api import position
from apps.tasks.choices import TaskStatus
from apps.tasks.dashboard import dashboard_of
from apps.tasks.lanes import lanes_of, what_cancelling_does
from apps.tasks.logs import takes_more
from apps.tasks.logtext import log_part
from apps.tasks.models import Run, Task
from apps.tasks.permissions import may_cancel, may_repeat
from apps.tasks.services import cancel_task, run_again
from apps.tasks.visible import run_or_404, task_or_404
from ptm_site.pages import reader_of

EARLIER_SHOWN = 20


@require_safe
def dashboard(request: HttpRequest) -> HttpResponse:
    context = {"dashboard": dashboard_of(reader_of(request))}
    return render(request, "tasks/dashboard.html", context)


@require_safe
def task_page(request: HttpRequest, pk: int) -> HttpResponse:
    reader = reader_of(request)
    task = task_or_404(reader, pk)
    lanes = lanes_of([task], reader)[task.pk]
    stop = task.status == TaskStatus.OPEN and may_cancel(reader, task)
    context = {
        "task": task,
        "lanes": lanes,
        "ended": sum(lane.ended for lane in lanes),
        "took": task.finished_at - task.created_at if task.finished_at else None,
        "earlier": _earlier(reader, task),
        "repeatable": may_repeat(reader, task),
        "cancels": what_cancelling_does(lane.run for lane in lanes) if stop else "",
        "topics": _topics(task, [lane.run for lane in lanes if not lane.ended]),
    }
    return render(request, "tasks/task.html", context)


def _earlier(reader: User, task: Task) -> list[Run]:
    """Runs that were superseded by "run again", newest first."""
    superseded = Run.objects.visible_to(reader).filter(task=task, is_current=False)
    related = superseded.select_related("organization", "result")
    return list(related.order_by("-id")[:EARLIER_SHOWN])


def _topics(task: Task, going_on: list[Run]) -> list[str]:
    """Also of a finished task: somebody may run it again."""
    sites = sorted({run.organization_id for run in going_on})
    return [f"task:{task.pk}", *(f"presence:{pk}" for pk in sites)]


@require_POST
def cancel(request: HttpRequest, pk: int) -> HttpResponse:
    reader = reader_of(request)
    cancel_task(task=task_or_404(reader, pk), user=reader)
    told = "Cancelled. A run that has started ends when its node confirms."
    messages.success(request, told)
    return redirect("task", pk)


@require_POST
def repeat(request: HttpRequest, pk: int) -> HttpResponse:
    reader = reader_of(request)
    run = run_or_404(reader, pk)
    try:
        run_again(run=run, user=reader, keyed=None)
    except Conflict as refusal:
        messages.error(request, refusal.detail)
    return redirect("task", run.task_id)


@require_safe
def log_page(request: HttpRequest, pk: int) -> HttpResponse:
    run = run_or_404(reader_of(request), pk)
    return render(request, "tasks/log.html", _log(run))


@require_safe
def log_piece(request: HttpRequest, pk: int) -> HttpResponse:
    """The log as a part of a page; or what follows byte `offset` of an attempt."""
    run = run_or_404(reader_of(request), pk)
    offset = position(request.GET.get("offset", ""))
    if offset is None:
        return render(request, "tasks/partials/log.html", _log(run))
    if position(request.GET.get("attempt", "")) == run.attempt:
        return render(request, "tasks/partials/log_tail.html", _log(run, offset))
    # Another attempt began: its log takes the place of the whole.
    response = render(request, "tasks/partials/log.html", _log(run))
    response["HX-Retarget"], response["HX-Reswap"] = f"#log-{run.pk}", "outerHTML"
    return response


def _log(run: Run, offset: int = 0) -> dict[str, object]:
    return {"run": run, "part": log_part(run, offset), "grows": takes_more(run)}
