"""The server: the way to it, its certificate, the node's identity, the clocks."""

import time
from collections.abc import Iterator
from contextlib import closing
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

from websockets.exceptions import WebSocketException

from ptm_node.channel import open_socket
from ptm_node.doctor.certificates import certificate_problem
from ptm_node.doctor.findings import Finding, failed, ok, warning
from ptm_node.errors import NodeError, Refused, Revoked, Trouble
from ptm_node.journal import BOOT
from ptm_node.messages import Myself
from ptm_node.proxies import proxy_of, without_password
from ptm_node.sections import Config
from ptm_node.server_api import ServerApi
from ptm_node.status import open_journal
from ptm_node.transport import Answer

_APART_SECONDS = 30


def check(config: Config, key: str) -> Iterator[Finding]:
    yield _proxy(config)
    problem = certificate_problem(config.server)
    if problem is not None:
        yield problem
        return
    api = ServerApi(config.server, key or "none", instance=str(uuid4()))
    with closing(api.transport):
        try:
            answer = api.transport.send("GET", "me/")
        except Trouble as trouble:
            yield _unreachable(config, trouble)
            return
        except Revoked as error:
            yield ok("server", f"{config.server.url} answers")
            if key:
                remedy = "ask the organization's admin for a new code, and enrol again"
                yield failed("identity", str(error), remedy)
            return
        except NodeError as error:
            yield _refused(error)
            return
        yield ok("server", f"{config.server.url} answers")
        yield _identity(config, answer.decode(Myself))
        yield _clock(answer)
        yield _socket(config, api)


def _proxy(config: Config) -> Finding:
    proxy = proxy_of(config.server.url)
    if proxy is None:
        return ok("proxy", "none is set for this address: the node goes straight there")
    return ok("proxy", f"the node goes through {without_password(proxy)}")


def _unreachable(config: Config, trouble: Trouble) -> Finding:
    host = urlsplit(config.server.url).netloc
    remedy = f"see that this machine may connect to {host}: name, port, firewall, proxy"
    return failed("server", f"{config.server.url} does not answer: {trouble}", remedy)


def _refused(error: NodeError) -> Finding:
    if isinstance(error, Refused):
        remedy = "see that server.url is the address of a PyTaskManager of today"
    else:
        remedy = "update the older of the two, node or server"
    return failed("server", str(error), remedy)


def _identity(config: Config, me: Myself) -> Finding:
    whose = f"{me.name!r} of {me.organization.name!r}"
    who = f"the server knows this node as {me.node}, {whose}"
    state = Path(config.node.state)
    known = 0
    if (state / "journal.sqlite3").exists():
        with open_journal(state) as journal:
            known = int(journal.noted(BOOT) or 0)
    if me.boot > known:
        remedy = "stop the other one, or enrol this machine anew with a code of its own"
        what = f"{who}, but another machine or folder started later with this key"
        return failed("identity", what, remedy)
    return ok("identity", who)


def _clock(answer: Answer) -> Finding:
    try:
        told = parsedate_to_datetime(answer.headers.get("Date", "")).timestamp()
    except ValueError:
        return warning("clock", "the server did not tell the time", "compare by hand")
    apart = abs(time.time() - told)
    if apart > _APART_SECONDS:
        remedy = "let this machine set its clock by NTP (`timedatectl set-ntp true`)"
        return warning("clock", f"it is {apart:.0f} s off the server's", remedy)
    return ok("clock", f"it agrees with the server's, within {_APART_SECONDS} s")


def _socket(config: Config, api: ServerApi) -> Finding:
    """An instance that never said hello: it is let in, told so, and disturbs nobody."""
    if config.server.channel == "polling":
        return ok("channel", "long polling, as configured")
    try:
        with open_socket(config.server, api.headers):
            return ok("channel", "the WebSocket gets through")
    except (OSError, WebSocketException) as error:
        if config.server.channel == "auto":
            what = "the WebSocket does not get through; long polling does the same"
            remedy = "let the proxy pass WebSockets, to spare it held requests"
            return warning("channel", what, remedy)
        remedy = 'set server.channel = "auto", or let the proxy pass WebSockets'
        what = f"the WebSocket does not get through ({type(error).__name__})"
        return failed("channel", what, remedy)
