"""A large result on lines that break, from the site to its reader."""

import hashlib
from typing import Any

from tools.drills.large import Large
from tools.drills.passage import Passage
from tools.drills.recipe import Recipe
from tools.drills.stage import Stage
from tools.drills.verdict import Promise
from tools.rig.errors import RigError
from tools.rig.line import Line
from tools.rig.memory import Growth
from tools.rig.process import free_port
from tools.rig.research import Api

GROWTH = 64_000_000
SENT_AGAIN = 0.02
ARRIVAL_SECONDS = 3600.0  # not a promise: it depends on the machine
BLOCK = 1 << 20


def line_breaks(stage: Stage) -> Promise:
    """Upload and download go on where they were, and nobody holds the whole."""
    site, large = stage.sites[0], stage.large
    with (
        Line(stage.server.port, large.breaks_at) as line,
        Passage(site.link.network, free_port(), line.port) as passage,
        site.reached_over(f"http://127.0.0.1:{passage.port}"),
    ):
        stage.send(site)  # idle is who has done something before
        stage.await_finished()
        growths = {"node": Growth(site.process.pid), "server": Growth(stage.server.pid)}
        before = line.sent
        stage.send(site, size=large.size)
        if stage.sent.unfinished(ARRIVAL_SECONDS):
            raise RigError(f"The result was not there after {ARRIVAL_SECONDS:g} s.")
        _check_line(stage, line, line.sent - before)
        _check_download(stage, large)
        _check_memory(stage, growths)
    return Promise()


def _check_line(stage: Stage, line: Line, sent: int) -> None:
    large = stage.large
    again = sent / large.size - 1
    stage.notes.append(f"line broken {line.broken} times, {again:.2%} sent again")
    if line.broken != large.breaks:
        raise RigError(f"The line broke {line.broken} times, not {large.breaks}.")
    if again > SENT_AGAIN:
        raise RigError(f"{again:.2%} of the result was sent again.")


def _check_download(stage: Stage, large: Large) -> None:
    """Read it in parts: at each break the connection ends, and a range goes on."""
    api = stage.platform.api
    [result] = api.get("results/", task=stage.sent.tasks[-1]).json()["results"]
    digest = hashlib.sha256()
    offset = 0
    for part in range(1, large.breaks + 2):
        stop = result["size"] * part // (large.breaks + 1)
        offset = _read_on(api, result["id"], offset, stop, digest)
    if digest.hexdigest() != result["sha256"]:
        raise RigError("The download in parts has other bytes than the result.")


def _read_on(api: Api, result: int, offset: int, stop: int, digest: Any) -> int:
    """Read from `offset` to `stop` at least, then hang up; return where that was."""
    address = f"{api.root}/results/{result}/download/"
    headers = {"Range": f"bytes={offset}-"}
    with api.session.get(address, headers=headers, stream=True, timeout=60) as answer:
        answer.raise_for_status()
        for block in answer.iter_content(BLOCK):
            digest.update(block)
            offset += len(block)
            if offset >= stop:
                break
    return offset


def _check_memory(stage: Stage, growths: dict[str, Growth]) -> None:
    for who, growth in growths.items():
        grown = growth.bytes
        stage.notes.append(f"{who} took {grown / 1e6:.0f} MB more than idle")
        if grown > GROWTH:
            raise RigError(f"The {who} took {grown / 1e6:.0f} MB more than idle.")


LARGE = (Recipe("line broken again and again under a large result", line_breaks),)
