"""A site's node in a container: its image, and the script that sites use."""

import fcntl
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import docker
from ptm_node.runtimes.base import sandbox_user

from tools.rig.errors import RigError
from tools.rig.folders import ROOT, VAR
from tools.rig.images import build, ensure_base_image
from tools.rig.process import Process

IMAGE = "ptm-test/node"
DEPLOYED = ROOT / "deploy" / "node"
REQUIREMENTS = DEPLOYED / "requirements.txt"
WHEELS = VAR / "wheels"


def node_image(client: docker.DockerClient) -> str:
    """The name of the node's image, built as docs/site.md says."""
    base = ensure_base_image(client)
    with _alone():
        build(
            client,
            ROOT,
            IMAGE,
            base,
            dockerfile=DEPLOYED / "Dockerfile",
            of=(DEPLOYED, ROOT / "node_client" / "ptm_node"),
            prepare=_fetch_wheels,
        )
    return IMAGE


class Box:
    """The node of one folder. It runs as nobody if the tests are root's."""

    def __init__(self, folder: Path, image: str, data: Sequence[Path] = ()) -> None:
        self.folder = folder
        self.container = f"ptm-test-node-{secrets.token_hex(4)}"
        settings = {
            "CONFIG": folder / "node.toml",
            "FOLDERS": folder,
            "DATA": ":".join(map(str, data)),
            "IMAGE": image,
            "CONTAINER": self.container,
        }
        named = [f"PTM_NODE_{name}={value}" for name, value in settings.items()]
        self.client = ("env", *named, str(DEPLOYED / "ptm-node"))

    def enrol(self, *, server: str, code: str, name: str) -> Path:
        """Exchange the code for an identity; return the new configuration file."""
        hand_over(self.folder)
        arguments = ["--server", server, "--code", code, "--name", name]
        done = subprocess.run(
            [*self.client, "init", *arguments], capture_output=True, text=True
        )
        if done.returncode:
            raise RigError(f"The node {name} could not be enrolled: {done.stderr}")
        return self.folder / "node.toml"

    def process(self) -> Process:
        return _BoxedProcess(self)


def hand_over(folder: Path) -> None:
    """What root made in the folder becomes the node's own."""
    if os.getuid() == 0:
        for path in (folder, *folder.rglob("*")):
            os.chown(path, *sandbox_user(), follow_symlinks=False)


class _BoxedProcess(Process):
    """The command that follows the container, and hands signals on."""

    def __init__(self, box: Box) -> None:
        name, log = f"The node {box.folder.name}", box.folder / "node.log"
        super().__init__(name, [*box.client, "run"], log=log, stop_timeout=30)
        self._container = box.container

    def kill(self) -> None:
        """End the container at once; the command ends when it is gone."""
        subprocess.run(["docker", "kill", self._container], capture_output=True)
        self._started().wait()


def _fetch_wheels() -> None:
    kept = WHEELS / REQUIREMENTS.name
    if kept.exists() and kept.read_bytes() == REQUIREMENTS.read_bytes():
        return
    shutil.rmtree(WHEELS, ignore_errors=True)
    command = [sys.executable, "-m", "pip", "download", "--quiet"]
    command += ["--only-binary", ":all:", "--python-version", "3.11"]
    command += ["--dest", str(WHEELS), "--requirement", str(REQUIREMENTS)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RigError(f"The node's packages could not be fetched.\n{done.stderr}")
    shutil.copy(REQUIREMENTS, kept)


@contextmanager
def _alone() -> Iterator[None]:
    """Test sessions on one machine share the packages and the image."""
    VAR.mkdir(exist_ok=True)
    with (VAR / "wheels.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
