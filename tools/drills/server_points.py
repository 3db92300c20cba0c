"""The server's entry, with processes that can die at any of its failpoints."""

from django.db import transaction

from ptm_site.asgi import application

__all__ = ["application"]

# The models behind these cannot be imported before the entry has set Django up.
from apps.results import chunks  # noqa: E402
from apps.results import node_api as result_api  # noqa: E402
from apps.tasks import dispatch, node_api, reports  # noqa: E402
from apps.tasks.choices import TERMINAL  # noqa: E402
from apps.tasks.models import Run  # noqa: E402
from tools.drills.points import Point, install  # noqa: E402


def _is_over(run: Run) -> bool:
    return run.status in TERMINAL


SERVER_POINTS = (
    Point("claim-uncommitted", dispatch, "record_all"),
    Point("claim-committed", node_api, "claim_runs", wanted=bool),
    Point("report-uncommitted", reports, "_advance"),
    Point("report-committed", node_api, "report_run"),
    Point("end-uncommitted", reports, "_end"),
    Point("end-committed", node_api, "report_run", wanted=_is_over),
    Point("upload-created", result_api, "create_upload"),
    Point("chunk-written", chunks, "_advance", after=False),
    Point("result-uncommitted", chunks, "commit_result"),
    Point(
        "result-unannounced",
        chunks,
        "commit_result",
        after=False,
        when=transaction.on_commit,
    ),
    Point("result-committed", chunks, "end"),
)

install(SERVER_POINTS)
