"""A Docker engine: the one that answers, or our own for as long as it is needed."""

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from socket import AF_UNIX
from socket import socket as unix_socket

import docker
from docker.errors import DockerException

from tools.rig.errors import RigError
from tools.rig.files import write_private
from tools.rig.folders import LOGS
from tools.rig.process import Process

DEFAULT_SOCKET = Path("/var/run/docker.sock")
PID_FILE = Path("/var/run/docker.pid")
ADMINS_FILE = Path("/etc/docker/daemon.json")
GVISOR = Path("/usr/bin/runsc")
# A mere --add-runtime is not enough, and its other platforms are not for every machine.
WITH_GVISOR: dict[str, object] = {
    "path": str(GVISOR),
    "runtimeArgs": ["--network=none", "--platform=ptrace"],
}
LATE_RUNTIME: dict[str, object] = {
    "path": str(Path(__file__).with_name("late_runtime.sh"))
}
START_SECONDS = 60.0
STOP_SECONDS = 30.0


@contextlib.contextmanager
def docker_engine(
    logs: Path = LOGS, *, socket: Path = DEFAULT_SOCKET
) -> Iterator[docker.DockerClient]:
    """A client of the engine at `socket`; root gets one started if none answers."""
    with contextlib.ExitStack() as stack:
        client = answering_engine(socket)
        if client is None:
            process = stack.enter_context(_started_engine(logs, socket))
            process.wait_ready(lambda: engine_answers(socket), START_SECONDS)
            client = answering_engine(socket)
        if client is None:
            raise RigError("The Docker engine stopped answering as soon as it began.")
        stack.callback(client.close)
        yield client


def engine_answers(socket: Path = DEFAULT_SOCKET) -> bool:
    client = answering_engine(socket)
    if client is not None:
        client.close()
    return client is not None


def answering_engine(socket: Path = DEFAULT_SOCKET) -> docker.DockerClient | None:
    """A client, unless nothing answers there."""
    # Asked first, because the SDK leaves its own socket open if nobody listens.
    if not _listens(socket):
        return None
    try:
        client = docker.DockerClient(base_url=f"unix://{socket}")
    except DockerException:
        return None
    return client


def _listens(socket: Path) -> bool:
    with contextlib.closing(unix_socket(AF_UNIX)) as probe:
        try:
            probe.connect(str(socket))
        except OSError:
            return False
    return True


def _started_engine(logs: Path, socket: Path) -> Process:
    if os.geteuid() != 0:
        raise RigError(
            f"No Docker engine answers at {socket}, and only root may start one: "
            "start Docker, or join the group that may use it."
        )
    remove_stale_pid_file()
    command = ["dockerd", "--host", f"unix://{socket}"]
    if not ADMINS_FILE.exists():
        runtimes = {"late": LATE_RUNTIME}
        if GVISOR.exists():
            runtimes["runsc"] = WITH_GVISOR
        logs.mkdir(parents=True, exist_ok=True)
        settings = logs / "dockerd.json"
        write_private(settings, json.dumps({"runtimes": runtimes}))
        command += ["--config-file", str(settings)]
    log = logs / "dockerd.log"
    return Process("The Docker engine", command, log=log, stop_timeout=STOP_SECONDS)


def remove_stale_pid_file(pid_file: Path = PID_FILE) -> None:
    """Forget an engine that was killed: its number may be another program's now."""
    with contextlib.suppress(FileNotFoundError):
        pid = pid_file.read_text().strip()
        name_file = Path("/proc") / pid / "comm"
        if not (name_file.exists() and name_file.read_text().strip() == "dockerd"):
            pid_file.unlink()
