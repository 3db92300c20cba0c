"""What a node asks of the server about runs: docs/node-protocol.md."""

import base64
from typing import Any, cast

from django.conf import settings
from rest_framework import serializers
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response

from apps.errors import Invalid, Refusal
from apps.nodes.announcement import AnnouncementSerializer, Hello
from apps.nodes.choices import HEARTBEAT_SECONDS, LABEL
from apps.nodes.events import work_group
from apps.nodes.node_api import NodeView
from apps.nodes.services import record_contact, record_hello
from apps.nodes.site_audit import record_site_audit
from apps.tasks.choices import REPORTABLE, FailureCode, RunStatus
from apps.tasks.dispatch import (
    Holding,
    Stop,
    claim_runs,
    reconcile,
    stops,
)
from apps.tasks.logs import MAX_CHUNK_BYTES, append_log
from apps.tasks.models import Run
from apps.tasks.queue import work_waits
from apps.tasks.reports import Report, report_run
from ptm_site.filters import MAX_ID
from ptm_site.held import hold


def counter(**kwargs: Any) -> serializers.IntegerField:
    return serializers.IntegerField(min_value=0, max_value=MAX_ID, **kwargs)


class HoldingSerializer(serializers.Serializer[Any]):
    run = counter()
    attempt = counter()


class JournalSerializer(serializers.Serializer[Any]):
    """One reading of the node's journal."""

    last_claim = counter()
    held = HoldingSerializer(many=True)
    stopping = serializers.ListField(child=counter(), max_length=10_000, default=list)

    def holdings(self) -> list[Holding]:
        return [Holding(**entry) for entry in self.validated_data["held"]]


class HelloSerializer(JournalSerializer):
    instance = serializers.UUIDField()
    boot = counter()
    version = serializers.CharField(max_length=40)
    announce = AnnouncementSerializer()

    def hello(self) -> Hello:
        data = self.validated_data
        return Hello(
            instance=str(data["instance"]),
            boot=data["boot"],
            version=data["version"],
            announcement=data["announce"],
        )


class HelloView(NodeView):
    instance_known = False

    def post(self, request: Request) -> Response:
        body = HelloSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        node = self.node
        hello = body.hello()
        if request.headers.get("PTM-Instance") != hello.instance:
            raise Invalid("instance", "invalid", "PTM-Instance names another one.")
        record_hello(node=node, hello=hello)
        found = _reconcile(self, body)
        served = node.enrolments.values("collaboration", "collaboration__name")
        return Response(
            {
                "node": node.pk,
                "organization": {
                    "id": node.organization_id,
                    "name": node.organization.name,
                },
                "last_claim": node.last_claim,
                "stop": found,
                "work": work_waits(node),
                "heartbeat_seconds": HEARTBEAT_SECONDS,
                "server_version": settings.VERSION,
                "collaborations": [
                    {"id": row["collaboration"], "name": row["collaboration__name"]}
                    for row in served
                ],
            }
        )


class HeadSerializer(serializers.Serializer[Any]):
    """The newest entry of the site's own audit."""

    number = counter()
    sha256 = serializers.RegexField(r"^[0-9a-f]{64}$")


class HeartbeatSerializer(JournalSerializer):
    audit = HeadSerializer(required=False)


class HeartbeatView(NodeView):
    def post(self, request: Request) -> Response:
        body = HeartbeatSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        record_contact(node=self.node)
        if "audit" in body.validated_data:
            record_site_audit(node=self.node, **body.validated_data["audit"])
        return Response(
            {
                "stop": _reconcile(self, body),
                "work": work_waits(self.node),
                "last_claim": self.node.last_claim,
            }
        )


def _reconcile(view: NodeView, body: JournalSerializer) -> list[dict[str, object]]:
    return _as_json(
        reconcile(
            node=view.node,
            last_claim=body.validated_data["last_claim"],
            held=body.holdings(),
            stopping=body.validated_data["stopping"],
        )
    )


def _as_json(found: list[Stop]) -> list[dict[str, object]]:
    return [
        {"run": stop.run, "attempt": stop.attempt, "reason": stop.reason}
        for stop in found
    ]


class ClaimSerializer(serializers.Serializer[Any]):
    claim = counter()
    capacity = serializers.IntegerField(min_value=0, max_value=1000)
    held = HoldingSerializer(many=True, default=list)
    stopping = serializers.ListField(child=counter(), max_length=10_000, default=list)
    pulling = serializers.ListField(
        child=serializers.CharField(max_length=500), max_length=1000, default=list
    )


class ClaimView(NodeView):
    def post(self, request: Request) -> Response:
        body = ClaimSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        data = body.validated_data
        held = [Holding(**entry) for entry in data["held"]]
        runs = claim_runs(
            node=self.node,
            claim=data["claim"],
            capacity=data["capacity"],
            pulling=data["pulling"],
            held=held,
        )
        found = stops(node=self.node, held=held, stopping=data["stopping"])
        nothing = not runs and not found
        if nothing and hold(request, work_group(self.node.organization_id)):
            return Response(status=204)
        return Response(
            {
                "claim": data["claim"],
                "runs": [assignment(run) for run in runs],
                "stop": _as_json(found),
            }
        )


def assignment(run: Run) -> dict[str, object]:
    """Return what a node needs to know in order to execute the run."""
    task = run.task
    return {
        "run": run.pk,
        "attempt": run.attempt,
        "task": {
            "id": task.pk,
            "name": task.name,
            "purpose": task.purpose,
            "collaboration": {
                "id": task.collaboration_id,
                "name": task.collaboration.name,
            },
            "organization": {
                "id": task.organization_id,
                "name": task.organization.name,
            },
            "initiator": {
                "id": task.initiator_id,
                "username": task.initiator.username,
            },
        },
        "image": task.version.image,
        "contract": task.version.contract,
        "function": task.function,
        "function_type": (task.version.function(task.function) or {})["type"],
        "databases": task.databases,
        "input": base64.b64encode(bytes(run.input.data)).decode(),
        "input_sha256": run.input.sha256,
        "deadline_at": task.deadline_at.isoformat(),
    }


class ReportSerializer(serializers.Serializer[Any]):
    attempt = counter()
    status = serializers.ChoiceField(choices=[str(status) for status in REPORTABLE])
    code = serializers.RegexField(LABEL, required=False)
    detail = serializers.CharField(max_length=2000, allow_blank=True, default="")
    retry = serializers.BooleanField(default=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        explained = attrs["status"] in (RunStatus.FAILED, RunStatus.REJECTED)
        if explained and "code" not in attrs:
            raise serializers.ValidationError({"code": "Say why."})
        return attrs

    def validate_code(self, code: str) -> FailureCode:
        """A newer node may have more of them."""
        return FailureCode(code) if code in FailureCode else FailureCode.INTERNAL

    def report(self) -> Report:
        data = self.validated_data
        return Report(
            attempt=data["attempt"],
            status=RunStatus(data["status"]),
            code=data.get("code"),
            detail=data["detail"],
            retry=data["retry"],
        )


class ReportView(NodeView):
    def post(self, request: Request, run_id: int) -> Response:
        body = ReportSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        run = report_run(node=self.node, run_id=run_id, report=body.report())
        return Response(
            {
                "run": run.pk,
                "attempt": run.attempt,
                "status": run.status,
                "stop": run.cancel_requested_at is not None,
            }
        )


class OctetParser(BaseParser):
    media_type = "application/offset+octet-stream"

    def parse(self, stream: Any, *args: Any, **kwargs: Any) -> Any:
        return stream.read()


class LogView(NodeView):
    parser_classes = (OctetParser,)

    def patch(self, request: Request, run_id: int) -> Response:
        size = request.headers.get("Content-Length") or "0"
        if whole_number(size, "Content-Length") > MAX_CHUNK_BYTES:
            raise Refusal("chunk_too_large", "A piece is 256 KiB at most.", status=413)
        length = append_log(
            node=self.node,
            run_id=run_id,
            attempt=whole_number(request.query_params.get("attempt", ""), "attempt"),
            offset=whole_number(
                request.headers.get("Upload-Offset", ""), "Upload-Offset"
            ),
            data=cast(bytes, request.data),
        )
        return Response(status=204, headers={"Upload-Offset": str(length)})


def whole_number(text: str, name: str) -> int:
    """Parse a header's or parameter's non-negative integer."""
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise Refusal("header_invalid", f"{name} must be a whole number.")
    return int(text)
