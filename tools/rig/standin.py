"""A root file system with Python 3.11, from the Debian mirror of this machine."""

import contextlib
import os
import re
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tools.rig.errors import RigError
from tools.rig.process import find_program

SUITE = "bookworm"
PACKAGES = "python3-minimal,python3-pip,python-is-python3,ca-certificates"
APT_FOLDER = Path("/etc/apt")
LOG_LINES_SHOWN = 5


def make_standin(target: Path) -> None:
    """Write the tar file, whole or not at all."""
    if os.geteuid() != 0:
        raise RigError(
            "The base image python:3.11-slim cannot be pulled, "
            "and only root can make a stand-in for it."
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    half = target.with_name(f"{target.name}.{os.getpid()}.half")
    with (
        tempfile.TemporaryDirectory(dir=target.parent, prefix="standin-") as name,
        contextlib.ExitStack() as undo,
    ):
        undo.callback(half.unlink, missing_ok=True)
        root = Path(name) / "root"
        _debootstrap(root, debian_mirror())
        _fit_for_images(root)
        _run(["tar", "-C", str(root), "-cf", str(half), "."], "be packed")
        half.replace(target)


def debian_mirror(apt: Path = APT_FOLDER) -> str:
    """The first package source of this machine."""
    modern = sorted(apt.glob("sources.list.d/*.sources"))
    for file in [*modern, apt / "sources.list"]:
        text = file.read_text() if file.exists() else ""
        found = re.search(
            r"^(?:URIs:|deb(?:\s+\[.*?\])?)\s+(https?://\S+)", text, re.MULTILINE
        )
        if found is not None:
            return found[1]
    raise RigError(
        "The base image python:3.11-slim cannot be pulled, "
        "and this machine knows no Debian mirror to make a stand-in from."
    )


def _debootstrap(root: Path, mirror: str) -> None:
    # Its mounts of /proc and /sys live in a name space of their own: if it is
    # killed, nothing that is mounted stays below a folder that we delete.
    command = ["unshare", "--mount", find_program("debootstrap")]
    command += ["--variant=minbase", f"--include={PACKAGES}"]
    _run([*command, SUITE, str(root), mirror], "be made from Debian packages")


def _fit_for_images(root: Path) -> None:
    """Behave as the official image: pip may install, and no package cache."""
    for pattern in (
        "usr/lib/python3*/EXTERNALLY-MANAGED",
        "var/cache/apt/archives/*.deb",
        "var/lib/apt/lists/*Packages",
    ):
        for file in root.glob(pattern):
            file.unlink()


def _run(command: Sequence[str], what: str) -> None:
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    if done.returncode != 0:
        said = f"{done.stdout}\n{done.stderr}".strip().splitlines()
        last = [f"  {line}" for line in said[-LOG_LINES_SHOWN:]]
        reason = f"The stand-in for python:3.11-slim could not {what}"
        raise RigError("\n".join([f"{reason} (status {done.returncode}).", *last]))
