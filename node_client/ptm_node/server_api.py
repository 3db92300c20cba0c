"""The server's node API, one method for each request of docs/node-protocol.md."""

import msgspec
from msgspec import Struct

from ptm_node.messages import (
    Beat,
    Claim,
    Claimed,
    Confirmation,
    Enrolled,
    Enrolment,
    Head,
    Heartbeat,
    Hello,
    Holdings,
    Key,
    Report,
    Welcome,
)
from ptm_node.sections import Server
from ptm_node.transport import ANSWER_SECONDS, Answer, Transport

_JSON = {"Content-Type": "application/json"}
_BYTES = "application/offset+octet-stream"


class ServerApi:
    """Speaks for one start of the daemon (`instance`) with the node's key."""

    def __init__(self, server: Server, key: str, instance: str) -> None:
        self.headers = {"Authorization": f"Node {key}", "PTM-Instance": instance}
        self.transport = Transport(server, self.headers)

    def hello(self, hello: Hello) -> Welcome:
        return self._post("hello/", hello).decode(Welcome)

    def claim(self, claim: Claim, wait: int) -> Claimed:
        """Asks for work; `wait` seconds are held by the server, 0 answers at once."""
        path = f"claim/?wait={wait}" if wait else "claim/"
        return self._post(path, claim, ANSWER_SECONDS + wait).decode(Claimed)

    def heartbeat(self, holdings: Holdings, audit: Head) -> Beat:
        beat = Heartbeat(holdings.last_claim, holdings.held, holdings.stopping, audit)
        return self._post("heartbeat/", beat).decode(Beat)

    def report(self, run: int, report: Report) -> Confirmation:
        return self._post(f"runs/{run}/report/", report).decode(Confirmation)

    def send_log(self, key: Key, offset: int, data: bytes) -> int:
        """Adds bytes to the log on the server and returns its new length."""
        answer = self.transport.send(
            "PATCH",
            f"runs/{key.run}/log/?attempt={key.attempt}",
            body=data,
            headers={"Content-Type": _BYTES, "Upload-Offset": str(offset)},
        )
        return int(answer.headers.get("Upload-Offset", offset + len(data)))

    def goodbye(self) -> None:
        self.transport.send("POST", "goodbye/", patience=3.0)

    def _post(
        self, path: str, message: Struct, patience: float = ANSWER_SECONDS
    ) -> Answer:
        body = msgspec.json.encode(message)
        return self.transport.send(
            "POST", path, body=body, headers=_JSON, patience=patience
        )


def enrol(server: Server, enrolment: Enrolment) -> Enrolled:
    """Exchanges a one-time code for an identity; needs no key yet."""
    transport = Transport(server, {})
    try:
        body = msgspec.json.encode(enrolment)
        answer = transport.send("POST", "enrol/", body=body, headers=_JSON)
        return answer.decode(Enrolled)
    finally:
        transport.close()
