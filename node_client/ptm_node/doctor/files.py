"""The node's own files: for the owner's eyes only."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from ptm_node.doctor.findings import Finding, failed, ok, warning
from ptm_node.sections import Config

_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


def check(path: Path, config: Config) -> Iterator[Finding]:
    """The configuration decides what may run, so nobody else may write it."""
    mode = path.stat().st_mode
    remedy = f"run `chmod 600 {path}`"
    if mode & _OTHERS_WRITE:
        yield failed("configuration", f"others may change {path}", remedy)
    elif mode & _OTHERS:
        yield warning("configuration", f"others may read {path}", remedy)
    else:
        yield ok("configuration", f"{path} is in order, and the owner's alone")
    yield _state(Path(config.node.state))


def _state(state: Path) -> Finding:
    if not state.exists():
        what = f"{state} is not there yet; the first start makes it"
        return ok("state folder", what)
    found = state.stat()
    if found.st_uid != os.getuid():
        remedy = "run this command and the daemon as the same user, its owner"
        return failed("state folder", f"{state} belongs to another user", remedy)
    if found.st_mode & _OTHERS:
        remedy = f"run `chmod 700 {state}`"
        return failed("state folder", f"others may enter {state}", remedy)
    return ok("state folder", f"{state} is the owner's alone")
