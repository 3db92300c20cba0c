"""`ptm-node init`: exchanges a one-time code for an identity of the node's own."""

import hashlib
import json
import os
import re
import secrets
from pathlib import Path

from ptm_node import config, config_checks, sections
from ptm_node.doctor.certificates import certificate_problem
from ptm_node.errors import ConfigError, NotTrusted, Refused, Terminal
from ptm_node.messages import Enrolled, Enrolment
from ptm_node.server_api import enrol
from ptm_node.template import TEMPLATE
from ptm_node.transport import Transport


def initialise(
    path: Path, server: str, code: str, name: str, ca_bundle: str | None
) -> Enrolled:
    """Writes key and configuration. Costs nothing to repeat if the answer got lost.

    The key is on disk before the server hears of it, so that a repeat shows the same
    key, which the server recognises.
    """
    check_path(path)
    address = check_way(server, ca_bundle)
    path.parent.mkdir(parents=True, exist_ok=True)
    key_file = path.with_suffix(".key")
    fresh = not key_file.exists()
    if fresh:
        _write_secret(key_file, _new_key() + "\n")
    key = config.read_key(key_file)
    sha256 = hashlib.sha256(key.encode()).hexdigest()
    try:
        enrolled = enrol(address, Enrolment(code, name, config.key_prefix(key), sha256))
    except Refused as refused:
        if fresh:
            key_file.unlink()
        raise Terminal(f"not enrolled: {refused}") from None
    _write_secret(path, _configuration(path, address, name))
    return enrolled


def check_path(path: Path) -> None:
    if path.exists():
        raise ConfigError(
            f"{path}: this node is enrolled already; name another file for another."
        )


def check_way(url: str, ca_bundle: str | None) -> sections.Server:
    """The server, if it can be trusted and answers; nothing is written by then."""
    if not config_checks.is_safe(url):
        raise ConfigError(f"{url}: only https is safe outside this machine.")
    server = sections.Server(url=url, ca_bundle=ca_bundle)
    problem = certificate_problem(server)
    if problem is not None:
        raise NotTrusted(f"certificate: {problem.what}; {problem.remedy}.")
    transport = Transport(server, {})
    try:
        transport.send("GET", "me/")
    except (Terminal, Refused):
        pass  # without a key it says no, in the words of a PyTaskManager server
    finally:
        transport.close()
    return server


def _new_key() -> str:
    return f"ptmn_{secrets.token_hex(6)}_{secrets.token_urlsafe(32)}"


def _configuration(path: Path, server: sections.Server, name: str) -> str:
    settings = {
        "url": server.url,
        "name": name,
        "key_file": f"{path.stem}.key",
        "state": f"{path.stem}-state",
    }
    if server.ca_bundle:
        settings["ca_bundle"] = server.ca_bundle
    text = TEMPLATE
    for key, value in settings.items():
        line = f"{key} = {json.dumps(value, ensure_ascii=False)}"
        before, after = re.split(rf"(?m)^#?{key} = .*$", text, maxsplit=1)
        text = before + line + after
    return text


def _write_secret(path: Path, text: str) -> None:
    """Whole or not at all, for the owner's eyes only, and never over another file."""
    part = path.with_name(f".{path.name}.part")
    part.unlink(missing_ok=True)
    number = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(number, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.link(part, path)
    part.unlink()
