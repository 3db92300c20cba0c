"""`ptm-node`, able to die at any of its failpoints."""

import os

from ptm_node.cli import main
from ptm_node.clock import Clock
from ptm_node.journal import Journal
from ptm_node.messages import Confirmation
from ptm_node.outbox import Outbox
from ptm_node.runtimes.docker import DockerRuntime
from ptm_node.server_api import ServerApi
from ptm_node.spool import Spool
from ptm_node.uploads import Upload

from tools.drills.points import AHEAD, Point, install


def _is_last(answer: Confirmation) -> bool:
    return answer.status == "failed"


NODE_POINTS = (
    Point("claim-answered", ServerApi, "claim", wanted=lambda answer: answer.runs),
    Point("claim-journalled", Journal, "record_claim", wanted=bool),
    Point("container-created", DockerRuntime, "prepare"),
    Point("container-started", DockerRuntime, "start"),
    Point("start-journalled", Journal, "started"),
    Point("container-ended", DockerRuntime, "wait", wanted=bool),
    Point("result-spooled", Spool, "keep"),
    Point("result-journalled", Journal, "spooled"),
    Point("container-removed", DockerRuntime, "remove"),
    Point("upload-begun", Upload, "_create"),
    Point("chunk-sent", Upload, "_send_chunk"),
    Point("result-sent", Outbox, "sent", after=False),
    Point("end-audited", Outbox, "forget", after=False),
    Point("spool-emptied", Journal, "forget", after=False),
    Point("end-met", Journal, "ended", after=False),
    Point("end-journalled", Journal, "ended"),
    Point("end-told", ServerApi, "report", wanted=_is_last),
)


def set_clock(ahead: float) -> None:
    """What the node decides and numbers by the time of day, it asks this clock."""
    right = Clock.now

    def wrong(self: Clock) -> float:
        return right(self) + ahead

    Clock.now = wrong  # type: ignore[method-assign]


if __name__ == "__main__":
    set_clock(float(os.environ.get(AHEAD, "0")))
    install(NODE_POINTS)
    main()
