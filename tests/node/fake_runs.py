"""Runs as the fake server keeps them: reports, logs and results of their attempts."""

import base64
import hashlib
import threading
import uuid
from dataclasses import dataclass, field
from typing import Any

from tests.node.fake_http import Problem, Reply

TERMINAL = {"completed", "failed", "rejected", "withheld", "cancelled", "expired"}
ORDER = [
    "queued",
    "claimed",
    "awaiting_approval",
    "preparing",
    "running",
    "awaiting_release",
]
API = "/api/v1/node/"
Json = dict[str, Any]


@dataclass
class Run:
    """One run and everything that the node said about it."""

    id: int
    assignment: Json
    status: str = "queued"
    attempt: int = 0
    claim: int | None = None
    code: str | None = None
    detail: str = ""
    retry: bool | None = None
    cancelling: bool = False
    history: list[str] = field(default_factory=list)
    result: bytes | None = None
    media_type: str = ""
    log: bytearray = field(default_factory=bytearray)


@dataclass
class Upload:
    run: int
    attempt: int
    length: int
    sha256: str
    media_type: str
    data: bytearray = field(default_factory=bytearray)


class FakeRuns:
    """Attempts, terminal states and offsets; all of it is guarded by `changed`."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.runs: dict[int, Run] = {}
        self.uploads: dict[str, Upload] = {}

    def _report(self, run: Run, report: Json) -> Reply:
        status = report["status"]
        self._fence(run, report["attempt"])
        if run.status in TERMINAL:
            if run.status != status:
                raise Problem(409, "run_terminal")
        elif status == "queued":
            run.claim, run.code = None, report["code"]
            self._move(run, "queued")
        elif status in TERMINAL:
            run.code, run.detail = report.get("code"), report.get("detail", "")
            run.retry = report.get("retry")
            self.end(run, status)
        elif ORDER.index(status) > ORDER.index(run.status):
            self._move(run, status)
        stop = run.cancelling and run.status not in TERMINAL
        answer = {"run": run.id, "attempt": run.attempt, "status": run.status}
        return Reply(200, {**answer, "stop": stop})

    def _log(self, run: Run, attempt: int, headers: Any, body: bytes) -> Reply:
        self._fence(run, attempt)
        at = {"Upload-Offset": str(len(run.log))}
        if int(headers["Upload-Offset"]) != len(run.log):
            raise Problem(409, "offset_conflict", at)
        if len(run.log) + len(body) > 1 << 20:
            raise Problem(413, "log_full")
        run.log += body
        return Reply(204, headers={"Upload-Offset": str(len(run.log))})

    def _create_upload(
        self, run: Run, attempt: int, headers: Any, body: bytes
    ) -> Reply:
        self._fence(run, attempt)
        if run.cancelling:
            raise Problem(409, "run_cancelled")
        said = dict(part.split(" ") for part in headers["Upload-Metadata"].split(","))
        sha256, media_type = (
            base64.b64decode(said[name]).decode() for name in ("sha256", "media_type")
        )
        length = int(headers["Upload-Length"])
        for name, upload in self.uploads.items():
            if (upload.run, upload.attempt, upload.sha256) == (run.id, attempt, sha256):
                return _created(name, upload)
        if run.status in TERMINAL:
            raise Problem(409, "run_terminal")
        name = str(uuid.uuid4())
        upload = Upload(run.id, attempt, length, sha256, media_type)
        self.uploads[name] = upload
        self._append(name, upload, body)
        return _created(name, upload)

    def has_result(self, run: Run, data: bytes) -> None:
        """The run was completed by these bytes before the daemon was there."""
        sha256 = hashlib.sha256(data).hexdigest()
        upload = Upload(run.id, run.attempt, len(data), sha256, "application/json")
        upload.data += data
        with self.changed:
            self.uploads[str(uuid.uuid4())] = upload
            run.result = data
            self.end(run, "completed")

    def _upload(self, method: str, name: str, headers: Any, body: bytes) -> Reply:
        upload = self.uploads.get(name)
        if upload is None:
            raise Problem(404, "not_found")
        if method == "HEAD":
            return Reply(200, headers={"Upload-Offset": str(len(upload.data))})
        run = self.runs[upload.run]
        self._fence(run, upload.attempt)
        if run.cancelling:
            raise Problem(409, "run_cancelled")
        if int(headers["Upload-Offset"]) != len(upload.data):
            at = {"Upload-Offset": str(len(upload.data))}
            raise Problem(409, "offset_conflict", at)
        self._append(name, upload, body)
        return Reply(204, headers={"Upload-Offset": str(len(upload.data))})

    def _append(self, name: str, upload: Upload, body: bytes) -> None:
        run = self.runs[upload.run]
        upload.data += body
        if len(upload.data) == upload.length:
            if hashlib.sha256(upload.data).hexdigest() != upload.sha256:
                del self.uploads[name]
                raise Problem(422, "checksum_mismatch")
            run.result, run.media_type = bytes(upload.data), upload.media_type
            self.end(run, "completed")

    def _fence(self, run: Run, attempt: int) -> None:
        if attempt != run.attempt:
            raise Problem(409, "attempt_stale")

    def end(self, run: Run, status: str) -> None:
        self._move(run, status)
        run.claim = None

    def _move(self, run: Run, status: str) -> None:
        run.status = status
        run.history.append(status)


def _created(name: str, upload: Upload) -> Reply:
    location = f"{API}uploads/{name}/"
    offset = str(len(upload.data))
    return Reply(201, headers={"Location": location, "Upload-Offset": offset})
