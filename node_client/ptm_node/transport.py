"""HTTP to the server: one kept-alive session, time-outs on everything, typed errors."""

import logging
import re
from collections.abc import Callable
from http.cookiejar import DefaultCookiePolicy
from typing import Any, NamedTuple, Protocol, TypeVar
from urllib.parse import urlsplit

import msgspec
import requests
from requests.adapters import HTTPAdapter

from ptm_node import __version__, errors
from ptm_node.messages import Problem
from ptm_node.sections import Server

log = logging.getLogger(__name__)

PROTOCOL = "1"
CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 30.0
# A claim carries the inputs of its runs. More than this is not read into memory.
MAX_ANSWER = 64 << 20
# Each leaves within a time-out, on a slow line too.
_PIECE = 1 << 16

T = TypeVar("T")


class Readable(Protocol):
    def read(self, size: int = ..., /) -> bytes: ...


Body = bytes | Readable | None


class Answer(NamedTuple):
    status: int
    headers: requests.structures.CaseInsensitiveDict[str]
    body: bytes

    def decode(self, kind: type[T]) -> T:
        try:
            return msgspec.json.decode(self.body, type=kind)
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
            raise errors.Trouble(f"the server's answer is not {kind}") from error


class Transport:
    """Sends requests below one address. Safe to share between threads."""

    def __init__(self, server: Server, headers: dict[str, str]) -> None:
        parts = urlsplit(server.url)
        self._origin = f"{parts.scheme}://{parts.netloc}"
        self.base = f"{parts.path.rstrip('/')}/api/v1/node/"
        self._verify: str | bool = server.ca_bundle or True
        self._session = _session(headers)
        self._reached = False
        # Says hello, where there is a daemon that can.
        self.introduce: Callable[[], None] | None = None
        # How often the server has answered: shows whether HTTP gets through.
        self.answers = 0

    def send(
        self,
        method: str,
        path: str,
        *,
        body: Body = None,
        headers: dict[str, str] | None = None,
        patience: float = ANSWER_SECONDS,
    ) -> Answer:
        """One request; `path` is absolute or below the node API.

        Raises the errors of docs/node-protocol.md; anything that does not come from
        a PyTaskManager server (a proxy's page, a redirect) is Trouble.
        """
        address = self._origin + (path if path[0] == "/" else self.base + path)
        try:
            answer = self._exchange(method, address, body, headers, patience)
            _raise_for(method, path, answer)
        except errors.Superseded:
            if self.introduce is None:
                raise
            # By another daemon, whose hello was the later one: then this is refused.
            # A server that was put back from a copy has forgotten ours.
            self.introduce()
            raise errors.Trouble("the server knew another start of this node") from None
        except errors.Trouble as trouble:
            self._note_silence(trouble)
            raise
        self._note_contact()
        return answer

    def close(self) -> None:
        self._session.close()

    def _exchange(
        self,
        method: str,
        address: str,
        body: Body,
        headers: dict[str, str] | None,
        patience: float,
    ) -> Answer:
        try:
            with self._session.request(
                method,
                address,
                data=body,
                headers=headers,
                timeout=(CONNECT_SECONDS, patience),
                verify=self._verify,
                allow_redirects=False,
                stream=True,
            ) as response:
                content = _read(response)
                return Answer(response.status_code, response.headers, content)
        except requests.RequestException as error:
            # The text of the exception may hold the proxy's password.
            raise errors.Trouble(f"no answer ({type(error).__name__})") from None

    def _note_silence(self, trouble: errors.Trouble) -> None:
        if self._reached:
            log.warning("no contact with the server: %s; trying again", trouble)
        self._reached = False

    def _note_contact(self) -> None:
        if not self._reached:
            log.info("in contact with the server at %s", self._origin)
        self._reached = True
        self.answers += 1


class _Sign(requests.auth.AuthBase):
    """Adds the headers of the node's identity, and keeps ~/.netrc out of it."""

    def __init__(self, headers: dict[str, str]) -> None:
        self._headers = headers

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers.update(self._headers)
        return request


class _Adapter(HTTPAdapter):
    """Reads what it sends in larger pieces than the library's own 16 KiB."""

    def init_poolmanager(self, *sizes: Any, **options: Any) -> None:
        super().init_poolmanager(*sizes, blocksize=_PIECE, **options)

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        return super().proxy_manager_for(proxy, blocksize=_PIECE, **options)


def _session(headers: dict[str, str]) -> requests.Session:
    session = requests.Session()
    session.headers["User-Agent"] = f"ptm-node/{__version__}"
    session.auth = _Sign({**headers, "PTM-Protocol": PROTOCOL})
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    adapter = _Adapter(pool_maxsize=32)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session


def _read(response: requests.Response) -> bytes:
    content = bytearray()
    for piece in response.iter_content(1 << 16):
        content += piece
        if len(content) > MAX_ANSWER:
            raise errors.Trouble("the server's answer is too long")
    return bytes(content)


def _raise_for(method: str, path: str, answer: Answer) -> None:
    status = answer.status
    if status < 300:
        return
    problem = _problem(answer)
    if status == 429 or status >= 500:
        wait = answer.headers.get("Retry-After", "")
        raise errors.Trouble(
            f"status {status} {problem.code}".strip(),
            retry_after=float(wait) if re.fullmatch(r"\d{1,4}", wait) else 0.0,
        )
    if method == "HEAD" and status >= 400:  # has no body that could hold a code
        raise errors.Refused(status, "", "")
    if status == 413 and problem.code in ("", "chunk_too_large"):
        raise errors.TooLarge("status 413: the request is too large on its way")
    if not problem.code:
        raise errors.Trouble(f"status {status}, and not from a PyTaskManager server")
    raise _error(path, answer, problem)


def _problem(answer: Answer) -> Problem:
    try:
        return msgspec.json.decode(answer.body, type=Problem)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return Problem()


def _error(path: str, answer: Answer, problem: Problem) -> errors.NodeError:
    code, detail = problem.code, problem.detail[:500]
    match answer.status, code:
        case 401, _:
            return errors.Revoked(f"the server does not accept this node's key: {code}")
        case 409, "instance_superseded":
            kind = errors.Terminal if path == "hello/" else errors.Superseded
            return kind("another daemon runs with this node's identity")
        case 426, _:
            return errors.Terminal(f"the server does not speak this version: {detail}")
        case 409, "attempt_stale" | "run_terminal" | "run_cancelled":
            return errors.AttemptGone(code)
        case 409, "claim_stale":
            return errors.ClaimStale(problem.last_claim)
        case 409, "offset_conflict":
            offset = answer.headers.get("Upload-Offset", "")
            return errors.OffsetConflict(int(offset) if offset.isdecimal() else 0)
        case 404, "not_found" if path.startswith("runs/"):
            return errors.AttemptGone(code)
    return errors.Refused(answer.status, code, detail)
