from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apps.accounts.serializers import UserBrief
from apps.nodes.choices import LABEL
from apps.organizations.serializers import OrganizationBrief
from apps.tasks.authoring import LONGEST_QUERY, TaskRequest
from apps.tasks.choices import RunStatus
from apps.tasks.models import Run, RunEvent, Task
from apps.tasks.task_rows import Row
from ptm_site.filters import MAX_ID
from ptm_site.objects import KnownFieldsOnly


class RunSerializer(serializers.ModelSerializer[Run]):
    task = serializers.IntegerField(source="task_id")
    organization = OrganizationBrief()
    node = serializers.IntegerField(source="node_id", allow_null=True)
    cancel_requested = serializers.SerializerMethodField()
    result = serializers.SerializerMethodField()

    class Meta:
        model = Run
        fields: ClassVar[tuple[str, ...]] = (
            "id",
            "task",
            "organization",
            "status",
            "status_since",
            "attempt",
            "node",
            "code",
            "detail",
            "cancel_requested",
            "is_current",
            "supersedes",
            "created_at",
            "started_at",
            "finished_at",
            "log_size",
            "result",
        )

    def to_representation(self, run: Run) -> dict[str, Any]:
        """The fields above, written out, as with tasks."""
        return {
            "id": run.pk,
            "task": run.task_id,
            "organization": {
                "id": run.organization_id,
                "name": run.organization.name,
            },
            "status": run.status,
            "status_since": run.status_since,
            "attempt": run.attempt,
            "node": run.node_id,
            "code": run.code,
            "detail": run.detail,
            "cancel_requested": self.get_cancel_requested(run),
            "is_current": run.is_current,
            "supersedes": run.supersedes_id,
            "created_at": run.created_at,
            "started_at": run.started_at,
            "finished_at": run.finished_at,
            "log_size": run.log_size,
            "result": self.get_result(run),
        }

    def get_cancel_requested(self, run: Run) -> bool:
        return run.cancel_requested_at is not None

    @extend_schema_field(serializers.IntegerField(allow_null=True))
    def get_result(self, run: Run) -> int | None:
        """The result's id; a relation of the app above, so asked by name."""
        if run.status != RunStatus.COMPLETED:
            return None  # there is none, and nothing to ask for
        result = getattr(run, "result", None)
        return result.pk if result else None


class RunEventSerializer(serializers.ModelSerializer[RunEvent]):
    class Meta:
        model = RunEvent
        fields: ClassVar[tuple[str, ...]] = (
            "at",
            "old",
            "new",
            "attempt",
            "reason",
            "actor_kind",
            "actor_id",
        )


class RunDetailSerializer(RunSerializer):
    history = RunEventSerializer(many=True)

    def to_representation(self, run: Run) -> dict[str, Any]:
        history = RunEventSerializer(run.history.all(), many=True).data
        return {**super().to_representation(run), "history": history}

    class Meta(RunSerializer.Meta):
        fields: ClassVar[tuple[str, ...]] = (*RunSerializer.Meta.fields, "history")


class TaskSerializer(serializers.ModelSerializer[Task]):
    """Describes a row of task_rows.py, and shows it."""

    collaboration = serializers.IntegerField(source="collaboration_id")
    study = serializers.IntegerField(source="study_id", allow_null=True)
    organization = OrganizationBrief()
    initiator = UserBrief()
    image = serializers.CharField(source="version.image")
    runs_by_status = serializers.SerializerMethodField()

    class Meta:
        model = Task
        fields: ClassVar[tuple[str, ...]] = (
            "id",
            "name",
            "purpose",
            "collaboration",
            "study",
            "organization",
            "initiator",
            "image",
            "function",
            "databases",
            "visibility",
            "status",
            "revision",
            "created_at",
            "deadline_at",
            "finished_at",
            "runs_by_status",
        )

    def to_representation(self, row: Row) -> dict[str, Any]:  # type: ignore[override]
        """The fields above, written out: a list of many tasks is made quickly."""
        repository, digest = (
            row["version__algorithm__repository"],
            row["version__digest"],
        )
        return {
            "id": row["id"],
            "name": row["name"],
            "purpose": row["purpose"],
            "collaboration": row["collaboration"],
            "study": row["study"],
            "organization": {
                "id": row["organization"],
                "name": row["organization__name"],
            },
            "initiator": {
                "id": row["initiator"],
                "username": row["initiator__username"],
            },
            "image": f"{repository}@{digest}",
            "function": row["function"],
            "databases": row["databases"],
            "visibility": row["visibility"],
            "status": row["status"],
            "revision": row["revision"],
            "created_at": row["created_at"],
            "deadline_at": row["deadline_at"],
            "finished_at": row["finished_at"],
            "runs_by_status": self.get_runs_by_status(row),
        }

    @extend_schema_field(serializers.DictField(child=serializers.IntegerField()))
    def get_runs_by_status(self, row: Row) -> dict[str, int]:
        counts: dict[str, int] = self.context["run_counts"][row["id"]]
        return counts


class TaskDetailSerializer(TaskSerializer):
    runs = serializers.SerializerMethodField()

    class Meta(TaskSerializer.Meta):
        fields: ClassVar[tuple[str, ...]] = (*TaskSerializer.Meta.fields, "runs")

    def to_representation(self, row: Row) -> dict[str, Any]:  # type: ignore[override]
        return {**super().to_representation(row), "runs": self.get_runs(row)}

    @extend_schema_field(RunSerializer(many=True))
    def get_runs(self, row: Row) -> Any:
        """The current runs that the reader may see."""
        return RunSerializer(self.context["runs"], many=True).data


class DatabaseChoiceSerializer(KnownFieldsOnly):
    label = serializers.RegexField(LABEL)  # type: ignore[assignment]
    query = serializers.CharField(
        max_length=LONGEST_QUERY,
        required=False,
        help_text="Asked of a sql database instead of the site’s own query, where the"
        " site allows it.",
    )


class TaskRequestSerializer(KnownFieldsOnly):
    """What a researcher sends. The services check what it means."""

    collaboration = serializers.IntegerField(min_value=1, max_value=MAX_ID)
    organization = serializers.IntegerField(
        min_value=1,
        max_value=MAX_ID,
        required=False,
        help_text="For which of your organizations; needed if you have several here.",
    )
    organizations = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=MAX_ID),
        min_length=1,
        max_length=1000,
        help_text="The organizations that should run it.",
    )
    study = serializers.IntegerField(
        min_value=1,
        max_value=MAX_ID,
        required=False,
        allow_null=True,
        help_text="A study of the collaboration; then only its organizations.",
    )
    image = serializers.CharField(
        max_length=500, help_text="host/name:tag or host/name@sha256:…"
    )
    function = serializers.CharField(max_length=100)
    arguments = serializers.DictField(default=dict)
    databases = DatabaseChoiceSerializer(many=True, default=list)
    name = serializers.CharField(max_length=200)
    purpose = serializers.CharField(max_length=5000, allow_blank=True, default="")

    def task_request(self) -> TaskRequest:
        return TaskRequest(**self.validated_data)


class ForecastSiteSerializer(serializers.Serializer[Any]):
    """What one addressed site would do with the task now."""

    organization = OrganizationBrief()
    answer = serializers.ChoiceField(
        source="kind",
        choices=(
            ("yes", "would run it now"),
            ("waits", "would run it when a node is online"),
            ("asks", "somebody there has to approve it first"),
            ("refuses", "its rules refuse it"),
            ("no", "it could not run it: the task would not be taken"),
        ),
    )
    reason = serializers.CharField()


class ForecastSerializer(serializers.Serializer[Any]):
    sites = ForecastSiteSerializer(many=True)
