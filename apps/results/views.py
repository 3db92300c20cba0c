from datetime import timedelta

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from apps.audit.actors import Actor
from apps.errors import Conflict, Missing
from apps.results.charts import exhibits
from apps.results.choices import DownloadForm
from apps.results.manifest_views import MAX_ROWS, views_of
from apps.results.models import Result
from apps.results.of_task import positions_in, results_of
from apps.results.preview import preview, preview_of
from apps.results.services import record_downloads, record_views
from apps.results.spreadsheets import csv_response
from apps.results.tables import Answer, Table
from apps.results.tree import Line, tree
from apps.results.visible import whole_result_or_404
from apps.tasks.models import Run, Task
from apps.tasks.visible import task_or_404
from ptm_site.pages import reader_of

TOO_LONG = f"There are more than {MAX_ROWS:,} rows. The result's download has them."


@require_safe
def result_page(request: HttpRequest, pk: int) -> HttpResponse:
    result = whole_result_or_404(reader_of(request), pk)
    shown = preview_of(result)
    answer = _answer(result, shown.value)
    tables = [] if shown.reason else _tables(result.run.task, answer)
    shown_views = exhibits(tables)
    if not shown.reason and request.method != "HEAD":
        record_views(actor=Actor.user(reader_of(request).pk), results=[result])
    context = {
        "result": result,
        "run": result.run,
        "task": result.run.task,
        "function": result.run.task.version.function(result.run.task.function),
        "took": _took(result.run),
        "answer": answer,
        "reason": shown.reason,
        "exhibits": shown_views,
        "has_charts": any(exhibit.charts for exhibit in shown_views),
        "tree": [] if shown.reason else tree(shown.value),
        "arguments": _arguments(result.run),
    }
    return render(request, "results/result.html", context)


@require_safe
def result_table(request: HttpRequest, pk: int, number: int) -> HttpResponse:
    """One table of a result as CSV."""
    result = whole_result_or_404(reader_of(request), pk)
    shown = preview_of(result)
    if shown.reason:
        raise Conflict("result_not_shown", shown.reason)
    answer = _answer(result, shown.value)
    table = _numbered(_tables(result.run.task, answer), number)
    actor = Actor.user(reader_of(request).pk)
    record_downloads(actor=actor, results=[result], form=DownloadForm.TABLE)
    return csv_response(table, f"result-{pk}-table-{number}")


@require_safe
def task_table(request: HttpRequest, pk: int, number: int) -> HttpResponse:
    """One table of a task as CSV: every site, and what is combined of them."""
    reader = reader_of(request)
    found = results_of(task_or_404(reader, pk), reader)
    table = _numbered(found.tables(), number)
    actor = Actor.user(reader.pk)
    record_downloads(actor=actor, results=found.read, form=DownloadForm.TABLE)
    return csv_response(table, f"task-{pk}-table-{number}")


def _answer(result: Result, value: object) -> Answer:
    """The one site, in the colour that it has everywhere in the collaboration."""
    run = result.run
    position = positions_in(run.task.collaboration_id)[run.organization_id]
    return Answer(run.organization.name, position, value, result.pk)


def _tables(task: Task, answer: Answer) -> list[Table]:
    return [Table(view, [answer]) for view in views_of(task)]


def _took(run: Run) -> timedelta | None:
    if run.started_at is None or run.finished_at is None:
        return None
    return run.finished_at - run.started_at


def _arguments(run: Run) -> list[Line]:
    """The named arguments of the input, where it is the JSON that the server made."""
    call = preview(bytes(run.input.data)).value
    named = call.get("kwargs") if isinstance(call, dict) else None
    return tree(named)[1:-1] if named else []  # without the braces


def _numbered(tables: list[Table], number: int) -> Table:
    table = next((table for table in tables if table.view.number == number), None)
    if table is None:
        raise Missing
    if table.too_long:
        raise Conflict("table_too_long", TOO_LONG)
    return table
