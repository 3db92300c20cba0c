"""Runs an algorithm image as a node does, with the default sandbox's options."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
from docker.models.containers import Container
from docker.types import Mount, Ulimit

UID = 65534
MEBIBYTE = 1 << 20
DATABASE = "/data/default.csv"


SANDBOX: Mapping[str, Any] = {
    "init": True,
    "network_mode": "none",
    "read_only": True,
    "cap_drop": ["ALL"],
    "security_opt": ["no-new-privileges"],
    "user": f"{UID}:{UID}",
    "tmpfs": {"/tmp": "size=16m,mode=1777"},  # noqa: S108
    "pids_limit": 64,
    "mem_limit": "256m",
    "memswap_limit": "256m",
    "nano_cpus": 1_000_000_000,
    "ulimits": [Ulimit(name="fsize", soft=64 * MEBIBYTE, hard=64 * MEBIBYTE)],
}


@dataclass(frozen=True)
class Outcome:
    exit_code: int
    output: bytes
    log: str

    def json(self) -> Any:
        assert self.exit_code == 0, self.log
        return json.loads(self.output)


def start(
    client: docker.DockerClient,
    image: str,
    folder: Path,
    call: object,
    *,
    database: Path | None = None,
    environment: Mapping[str, str] | None = None,
    **limits: Any,
) -> Container:
    """Start the image with its files in `folder`; the caller removes the container."""
    mounts = _files(folder, json.dumps(call))
    variables = {"HOME": "/tmp"}  # noqa: S108
    variables |= {Path(m["Target"]).stem.upper() + "_FILE": m["Target"] for m in mounts}
    if database is not None:
        mounts.append(_mount(database, DATABASE, mode=0o444))
        variables |= {"DATABASE_URI": DATABASE, "DEFAULT_DATABASE_URI": DATABASE}
        variables["DEFAULT_DATABASE_TYPE"] = "csv"
    variables |= environment or {}
    options = {**SANDBOX, **limits, "mounts": mounts, "environment": variables}
    return client.containers.run(image, detach=True, **options)


def run(
    client: docker.DockerClient, image: str, folder: Path, call: object, **more: Any
) -> Outcome:
    """Run the image to its end and remove the container."""
    container = start(client, image, folder, call, **more)
    try:
        exit_code = container.wait(timeout=60)["StatusCode"]
        log = container.logs().decode(errors="replace")
    finally:
        container.remove(force=True)
    return Outcome(exit_code, (folder / "output.txt").read_bytes(), log)


def _files(folder: Path, call: str) -> list[Mount]:
    mounts = []
    for name, text, mode in (
        ("input.txt", call, 0o444),
        ("output.txt", "", 0o666),
        ("token.txt", "", 0o444),
    ):
        (folder / name).write_text(text)
        mounts.append(_mount(folder / name, f"/app/{name}", mode=mode))
    return mounts


def _mount(path: Path, target: str, *, mode: int) -> Mount:
    path.chmod(mode)
    return Mount(target, str(path), type="bind", read_only=mode == 0o444)
