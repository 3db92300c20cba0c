"""A site's node as a process that sees its own site's files only."""

import json
import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from ptm_node.enrol import initialise
from ptm_node.errors import NodeError

from tools.rig.errors import RigError
from tools.rig.files import write_private
from tools.rig.process import Process

CLIENT = (sys.executable, "-m", "ptm_node")
Section = Mapping[str, object]


def enrol(folder: Path, *, server: str, code: str, name: str) -> Path:
    """Exchange the code for an identity; return the new configuration file."""
    config = folder / "node.toml"
    try:
        initialise(config, server, code, name, ca_bundle=None)
    except NodeError as error:
        raise RigError(f"The node {name} could not be enrolled: {error}") from error
    return config


def write_config(config: Path, sections: Mapping[str, Section]) -> None:
    """Replace the configuration; values are written as JSON, which TOML reads too."""
    lines: list[str] = []
    for name, section in sections.items():
        lines.append(f"[{name}]")
        lines += [f"{key} = {inline(value)}" for key, value in section.items()]
    write_private(config, "\n".join(lines) + "\n")


def inline(value: object) -> str:
    """JSON, but for tables, which TOML writes in another way."""
    if isinstance(value, dict):
        pairs = ", ".join(f"{json.dumps(k)} = {inline(v)}" for k, v in value.items())
        return f"{{ {pairs} }}"
    if isinstance(value, list):
        return f"[{', '.join(map(inline, value))}]"
    return json.dumps(value)


def node_process(
    config: Path,
    *,
    hidden: Sequence[Path] = (),
    settings: Mapping[str, str] | None = None,
    program: Sequence[str] = CLIENT,
) -> Process:
    """The daemon of `config`; to it, the folders in `hidden` are empty.

    It lives in a mount namespace of its own in which those folders and /proc are
    covered, and has given up the right to uncover them. `settings` are added to its
    environment. `program` is the client, or what stands in for it.
    """
    daemon = [*program, "run", "--config", str(config)]
    return Process(
        f"The node {config.parent.name}",
        [*covering(hidden), *daemon],
        log=config.parent / "node.log",
        env={**os.environ, **(settings or {})},
        stop_timeout=30,
    )


def covering(folders: Sequence[Path]) -> list[str]:
    """The start of a command to which `folders` are empty."""
    if not folders:
        return []
    # /proc as well: through it a process reaches the files that another one sees.
    covers = [
        f"mount -t tmpfs -o ro,size=4k none {shlex.quote(str(folder))}"
        for folder in (*folders, "/proc")
    ]
    script = " && ".join([*covers, 'exec "$@"'])
    namespace = ["unshare", "--mount"]
    if os.geteuid() != 0:
        namespace += ["--user", "--map-root-user"]
    without_mounting = ["setpriv", "--bounding-set", "-sys_admin"]
    return [*namespace, "sh", "-c", script, "sh", *without_mounting]
