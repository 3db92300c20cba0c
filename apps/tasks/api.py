import re
from collections import Counter
from typing import Any, ClassVar

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.generics import ListAPIView, RetrieveAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.choices import TokenScope
from apps.accounts.models import User
from apps.accounts.permissions import Scopes
from apps.errors import Missing
from apps.tasks.checking import forecast_task
from apps.tasks.choices import TaskStatus
from apps.tasks.events import task_group
from apps.tasks.filters import RunFilter, TaskFilter, conditions_of
from apps.tasks.idempotency import KeyedRequest
from apps.tasks.logs import read_log
from apps.tasks.models import Run, Task
from apps.tasks.newest import Search
from apps.tasks.pagination import TaskPagination
from apps.tasks.selectors import run_counts
from apps.tasks.serializers import (
    ForecastSerializer,
    RunDetailSerializer,
    RunSerializer,
    TaskDetailSerializer,
    TaskRequestSerializer,
    TaskSerializer,
)
from apps.tasks.services import cancel_task, create_task, run_again
from apps.tasks.task_rows import SHOWN, row_of
from apps.tasks.visible import run_or_404, task_or_404
from ptm_site.held import hold
from ptm_site.negotiation import OneForm
from ptm_site.requests import user_of
from ptm_site.schema import CONFLICT, INVALID, MALFORMED, NOT_FOUND

POSITION = re.compile(r"[0-9]{1,18}")
IDEMPOTENCY = OpenApiParameter(
    "Idempotency-Key",
    str,
    OpenApiParameter.HEADER,
    description="Any text of yours: a repeat within 24 h has no second effect.",
)
WAIT = OpenApiParameter(
    "wait", float, description="Hold the answer up to this many seconds (50 at most)…"
)
SINCE = OpenApiParameter(
    "since", int, description="…until the task's `revision` is higher than this."
)


def position(text: str) -> int | None:
    """Read a whole number of the query; anything else is as if it was not there."""
    return int(text) if POSITION.fullmatch(text) else None


def _detail(user: User, pk: int) -> dict[str, Any]:
    row: Any = Task.objects.visible_to(user).filter(pk=pk).values(*SHOWN).first()
    if row is None:
        raise Missing
    runs = Run.objects.visible_to(user).filter(task=pk, is_current=True)
    context = {
        "run_counts": run_counts([pk]),
        "runs": runs.select_related("organization", "result"),
    }
    return TaskDetailSerializer(row, context=context).data


def _detail_of_new(task: Task, runs: list[Run]) -> dict[str, Any]:
    """As `_detail`, for who has just sent the task: they may see all its runs."""
    row: Any = row_of(task)
    context = {
        "run_counts": {task.pk: Counter(run.status for run in runs)},
        "runs": runs,
    }
    return TaskDetailSerializer(row, context=context).data


class TaskList(ListAPIView[Task]):
    """The tasks that you may see, newest first."""

    scopes: ClassVar[Scopes] = {"POST": TokenScope.TASKS}
    serializer_class = TaskSerializer
    filterset_class = TaskFilter
    pagination_class = TaskPagination
    queryset = Task.objects.none()

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        search: Any = Search(user_of(request), conditions_of(request.query_params))
        tasks = self.paginate_queryset(search) or []
        context = {"run_counts": run_counts([task["id"] for task in tasks])}
        return self.get_paginated_response(
            TaskSerializer(tasks, many=True, context=context).data
        )

    @extend_schema(
        request=TaskRequestSerializer,
        parameters=[IDEMPOTENCY],
        responses={
            201: TaskDetailSerializer,
            200: TaskDetailSerializer,
            404: NOT_FOUND,
        },
    )
    def post(self, request: Request) -> Response:
        """Send a task: every addressed organization gets a run."""
        body = TaskRequestSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        task, runs = create_task(
            initiator=user_of(request),
            request=body.task_request(),
            keyed=keyed(request),
        )
        if runs:
            return Response(_detail_of_new(task, runs), status=201)
        return Response(_detail(user_of(request), task.pk))


class TaskForecast(APIView):
    scopes: ClassVar[Scopes] = {"POST": TokenScope.TASKS}

    @extend_schema(
        request=TaskRequestSerializer,
        responses={200: ForecastSerializer, 404: NOT_FOUND},
    )
    def post(self, request: Request) -> Response:
        """Ask what each site would do with a task, by the rules that it shares.

        Nothing is sent. A site decides by its own rules in the end.
        """
        body = TaskRequestSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        sites = forecast_task(user=user_of(request), request=body.task_request())
        return Response(ForecastSerializer({"sites": sites}).data)


def keyed(request: Request) -> KeyedRequest | None:
    """Return the request's Idempotency-Key, bound to what it asks for."""
    return KeyedRequest.read(
        request.headers.get("Idempotency-Key", ""), request.path, request.data
    )


class TaskDetail(APIView):
    @extend_schema(parameters=[WAIT, SINCE], responses={200: TaskDetailSerializer})
    def get(self, request: Request, pk: int) -> Response:
        """Read a task with its runs, at once or when something has changed."""
        user = user_of(request)
        since = position(request.query_params.get("since", ""))
        if not has_news(user, pk, since) and hold(request, task_group(pk)):
            return Response(status=204)
        return Response(_detail(user, pk))


def has_news(user: User, pk: int, since: int | None) -> bool:
    """Whether the task changed after revision `since`; without it, has finished."""
    tasks = Task.objects.visible_to(user).only("revision", "status")
    task = tasks.filter(pk=pk).first()
    if task is None:
        raise Missing
    if since is None:
        return bool(task.status == TaskStatus.FINISHED)
    return bool(task.revision > since)


class TaskCancel(APIView):
    scopes: ClassVar[Scopes] = {"POST": TokenScope.TASKS}

    @extend_schema(request=None, responses={200: TaskDetailSerializer})
    def post(self, request: Request, pk: int) -> Response:
        """Cancel: queued runs end at once, others when their node confirms."""
        cancel_task(task=task_or_404(user_of(request), pk), user=user_of(request))
        return Response(_detail(user_of(request), pk))


class RunList(ListAPIView[Run]):
    serializer_class = RunSerializer
    filterset_class = RunFilter
    queryset = Run.objects.none()

    def get_queryset(self) -> Any:
        return Run.objects.visible_to(self.request.user).select_related(
            "organization", "result"
        )


class RunDetail(RetrieveAPIView[Run]):
    serializer_class = RunDetailSerializer
    queryset = Run.objects.none()

    def get_object(self) -> Run:
        return run_or_404(user_of(self.request), self.kwargs["pk"])


class RunLog(APIView):
    content_negotiation_class = OneForm

    @extend_schema(
        parameters=[OpenApiParameter("offset", int)],
        responses={(200, "text/plain"): OpenApiTypes.STR},
    )
    def get(self, request: Request, pk: int) -> HttpResponse:
        """Read the log of the present attempt, as far as the site shares it."""
        run = run_or_404(user_of(request), pk)
        offset = request.query_params.get("offset", "")
        data = read_log(run, position(offset) or 0)
        response = HttpResponse(data, content_type="text/plain; charset=utf-8")
        response["X-Content-Type-Options"] = "nosniff"
        return response


class RunAgain(APIView):
    scopes: ClassVar[Scopes] = {"POST": TokenScope.TASKS}

    @extend_schema(
        request=None,
        parameters=[IDEMPOTENCY],
        responses={
            201: RunSerializer,
            200: RunSerializer,
            400: MALFORMED,
            409: CONFLICT,
            422: INVALID,
        },
    )
    def post(self, request: Request, pk: int) -> Response:
        """Queue a new run for the same organization; it supersedes the ended one."""
        run = run_or_404(user_of(request), pk)
        again, created = run_again(run=run, user=user_of(request), keyed=keyed(request))
        answer = RunSerializer(run_or_404(user_of(request), again.pk)).data
        return Response(answer, status=201 if created else 200)
