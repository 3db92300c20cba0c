"""Speaks docs/node-protocol.md to the test server, one instance of a daemon."""

import base64
import copy
import hashlib
import uuid
from typing import Any

from rest_framework.test import APIClient

from apps.nodes.keys import Key
from apps.nodes.models import Node

OCTETS = "application/offset+octet-stream"
JSON = "application/json"


def result_path(run: dict[str, Any]) -> str:
    return f"/api/v1/node/runs/{run['run']}/result/?attempt={run['attempt']}"


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def holding(run: dict[str, Any]) -> dict[str, int]:
    """What the journal says of an assignment."""
    return {"run": run["run"], "attempt": run["attempt"]}


class NodeClient:
    def __init__(self, node: Node, key: Key, boot: int = 1) -> None:
        self.node = node
        self.key = key
        self.boot = boot
        self.instance = str(uuid.uuid4())
        self.last_claim = 0
        self.client = APIClient()

    def __deepcopy__(self, memo: dict[int, Any]) -> "NodeClient":
        twin = NodeClient(copy.deepcopy(self.node, memo), self.key, self.boot)
        twin.instance, twin.last_claim = self.instance, self.last_claim
        return twin

    @property
    def headers(self) -> dict[str, str]:
        return {
            "Authorization": f"Node {self.key.text}",
            "PTM-Instance": self.instance,
            "PTM-Protocol": "1",
        }

    def post(self, path: str, body: Any = None) -> Any:
        return self.client.post(
            f"/api/v1/node/{path}", body or {}, format="json", headers=self.headers
        )

    def hello(
        self,
        collaborations: list[dict[str, Any]],
        held: list[dict[str, int]] | None = None,
        **announced: Any,
    ) -> Any:
        return self.post(
            "hello/",
            {
                "instance": self.instance,
                "boot": self.boot,
                "version": "0.1.0",
                "last_claim": self.last_claim,
                "held": held or [],
                "announce": {
                    "collaborations": collaborations,
                    "contracts": ["ptm"],
                    "runtime": "docker 28",
                    "concurrent_runs": 2,
                    **announced,
                },
            },
        )

    def restarted(self) -> "NodeClient":
        """The next start of the same daemon, with the same journal."""
        again = NodeClient(self.node, self.key, self.boot + 1)
        again.last_claim = self.last_claim
        return again

    def claim(self, capacity: int = 10, number: int | None = None, **more: Any) -> Any:
        number = number if number is not None else self.last_claim + 1
        answer = self.post("claim/", {"claim": number, "capacity": capacity, **more})
        if answer.status_code == 200:
            self.last_claim = max(self.last_claim, number)
        return answer

    def claimed(self, capacity: int = 10) -> list[dict[str, Any]]:
        """The assignments of a claim that is answered."""
        answer = self.claim(capacity)
        assert answer.status_code == 200, answer.json()
        runs: list[dict[str, Any]] = answer.json()["runs"]
        return runs

    def heartbeat(self, held: list[dict[str, int]], **more: Any) -> Any:
        return self.post(
            "heartbeat/", {"last_claim": self.last_claim, "held": held, **more}
        )

    def report(self, run: int, attempt: int, status: str, **fields: Any) -> Any:
        return self.post(
            f"runs/{run}/report/", {"attempt": attempt, "status": status, **fields}
        )

    def log(self, run: dict[str, Any], offset: int, data: bytes) -> Any:
        return self.client.patch(
            f"/api/v1/node/runs/{run['run']}/log/?attempt={run['attempt']}",
            data,
            content_type=OCTETS,
            headers={**self.headers, "Upload-Offset": str(offset)},
        )

    @property
    def tus_headers(self) -> dict[str, str]:
        return {**self.headers, "Tus-Resumable": "1.0.0"}

    def announce(
        self,
        run: dict[str, Any],
        data: bytes,
        length: int | str | None = None,
        sha256: str | None = None,
        media_type: str = JSON,
    ) -> Any:
        """Create an upload for `data`, or for something else than it will be."""
        digest = sha256 or hashlib.sha256(data).hexdigest()
        metadata = f"sha256 {encoded(digest)},media_type {encoded(media_type)}"
        size = str(len(data) if length is None else length)
        return self.client.post(
            result_path(run),
            headers={
                **self.tus_headers,
                "Upload-Length": size,
                "Upload-Metadata": metadata,
            },
        )

    def bring(self, run: dict[str, Any], data: bytes, first: bytes) -> Any:
        """Create an upload for `data` by a request that has the first bytes itself."""
        digest = hashlib.sha256(data).hexdigest()
        client: Any = self.client  # whose types know of texts only
        return client.generic(
            "POST",
            result_path(run),
            first,
            content_type=OCTETS,
            headers={
                **self.tus_headers,
                "Upload-Length": str(len(data)),
                "Upload-Metadata": f"sha256 {encoded(digest)}",
            },
        )

    def patch(self, location: str, data: bytes, offset: int = 0) -> Any:
        return self.client.patch(
            location,
            data,
            content_type=OCTETS,
            headers={**self.tus_headers, "Upload-Offset": str(offset)},
        )

    def offset(self, location: str) -> int:
        answer = self.client.head(location, headers=self.tus_headers)
        assert answer.status_code == 200
        return int(answer["Upload-Offset"])

    def upload(self, run: dict[str, Any], data: bytes) -> Any:
        created = self.announce(run, data)
        assert created.status_code == 201, created.json()
        return self.patch(created["Location"], data)

    def complete(self, run: dict[str, Any], data: bytes = b'{"n": 1}') -> None:
        """Report and upload until the server has acknowledged the result."""
        for status in ("preparing", "running"):
            answer = self.report(run["run"], run["attempt"], status)
            assert answer.status_code == 200, answer.json()
        assert self.upload(run, data).status_code == 204
