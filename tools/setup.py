"""Prepare this machine: `python3 -m tools.setup check|demo|test`.

Needs nothing but Python's standard library, changes nothing that is in place, and
ends in one sentence if something cannot be done.
"""

import contextlib
import fcntl
import hashlib
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tools.needs import PROFILES, ROOT, Need, has_program

OLDEST_PYTHON = (3, 11)
REQUIREMENTS = ("requirements.txt", "requirements-dev.txt")
NODE_FILES = ("node_client/pyproject.toml", "deploy/node/requirements.txt")
NETWORK_TROUBLE = re.compile(
    r"Could not (resolve|connect)|Unable to connect|Temporary failure"
    r"|Connection failed|Retrying \(Retry\("
    r"|ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH"
)


class SetupError(Exception):
    """Set-up cannot go on; the message is one sentence for a user."""


@contextlib.contextmanager
def step(title: str) -> Iterator[None]:
    """One calm line: what is done, and how long it took."""
    print(f"{title} … ", end="", flush=True)
    start = time.monotonic()
    try:
        yield
    except BaseException:
        print("failed", flush=True)
        raise
    print(f"done in {time.monotonic() - start:.0f} s", flush=True)


@contextlib.contextmanager
def one_at_a_time(root: Path) -> Iterator[None]:
    """Let a second set-up wait: two installers in one folder ruin each other's work."""
    folder = root / "var" / "setup"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def check_python(version: tuple[int, int] = sys.version_info[:2]) -> None:
    if version < OLDEST_PYTHON:
        has = f"{version[0]}.{version[1]}"
        raise SetupError(f"Python 3.11 or newer is needed, and this is Python {has}.")


def run_logged(
    command: Sequence[str], log: Path, env: Mapping[str, str] = os.environ
) -> tuple[bool, str]:
    """Whether it succeeded, and what it said, which `log` keeps."""
    with log.open("a+") as stream:
        begin = stream.tell()
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            env=dict(env),
        )
        stream.seek(begin)
        return done.returncode == 0, stream.read()


def reason_of(said: str, log: Path) -> str:
    """The end of a sentence about a failure of apt, pip or npm."""
    if NETWORK_TROUBLE.search(said):
        return f"the package server cannot be reached (see {log})."
    errors = [line for line in said.splitlines() if line.startswith(("E: ", "ERROR: "))]
    told = (errors or said.splitlines() or ["it said nothing"])[0]
    return f"{told.split(': ', 1)[-1].rstrip('.')} (see {log})."


def install_packages(needs: Sequence[Need], root: Path = ROOT) -> None:
    """Install the Debian packages of the needs that are not met."""
    half_done = unfinished([need.package for need in needs])
    missing = [need for need in needs if need.package in half_done or not need.is_met()]
    if not missing:
        return
    packages = [need.package for need in missing]
    check_that_apt_may(packages)
    log = root / "var" / "setup" / "apt.log"
    with step(f"System packages ({', '.join(packages)})"):
        apt_install(packages, log)
        for need in missing:
            if not need.is_met():
                raise SetupError(f"{need.package} was installed and does not work.")


def unfinished(packages: Sequence[str]) -> set[str]:
    """Those that dpkg has unpacked and not set up: an installation broke off."""
    if not has_program("dpkg-query"):
        return set()
    ask = ["dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\\n", *packages]
    told = subprocess.run(ask, capture_output=True, text=True).stdout
    states = [line.split() for line in told.splitlines()]
    done = ("installed", "not-installed", "config-files")
    return {package for package, state in states if state not in done}


def check_that_apt_may(packages: Sequence[str]) -> None:
    names = " and ".join(packages)
    verb = "is" if len(packages) == 1 else "are"
    yourself = " or install Docker Engine yourself" if "docker.io" in packages else ""
    if not has_program("apt-get"):
        raise SetupError(
            f"{names} {verb} not installed, and this set-up can install packages on "
            "Debian and Ubuntu only: please install the like of them yourself."
        )
    if os.geteuid() != 0:
        command = f"`sudo apt-get install {' '.join(packages)}`"
        raise SetupError(
            f"{names} {verb} not installed, and installing needs root: "
            f"run {command}{yourself}."
        )


def apt_install(packages: Sequence[str], log: Path) -> None:
    quiet = {"DEBIAN_FRONTEND": "noninteractive", "NEEDRESTART_SUSPEND": "1"}
    env = {**os.environ, **quiet}
    apt = ["apt-get", "-y", "-o", "DPkg::Lock::Timeout=120"]
    # An update that fails may concern a source that we do not need.
    _, first = run_logged([*apt, "update"], log, env)
    install = [*apt, "install", "--no-install-recommends", *packages]
    succeeded, then = run_logged(install, log, env)
    if not succeeded:
        reason = reason_of(f"{first}\n{then}", log)
        names = " and ".join(packages)
        raise SetupError(f"{names} could not be installed: {reason}")


def install_python(root: Path = ROOT) -> None:
    """Make .venv hold exactly what the requirement files pin."""
    python = root / ".venv" / "bin" / "python"
    # Inside the folder that it speaks of, so that both go together.
    stamp = root / ".venv" / "requirements.sha256"
    wanted = requirements_hash(root)
    if python.exists() and stamp.exists() and stamp.read_text() == wanted:
        return
    log = root / "var" / "setup" / "pip.log"
    with step("Python packages"):
        stamp.unlink(missing_ok=True)
        make_venv(python, log)
        pip = [str(python), "-m", "pip", "--disable-pip-version-check", "--no-input"]
        files = ["-r", str(root / REQUIREMENTS[-1])]
        succeeded, said = run_logged([*pip, "install", *files], log)
        if not succeeded:
            reason = reason_of(said, log)
            raise SetupError(f"The Python packages could not be installed: {reason}")
        stamp.write_text(wanted)


def requirements_hash(root: Path) -> str:
    """Changes with the requirements, and where the folder was moved."""
    digest = hashlib.sha256(str(root).encode())
    for name in (*REQUIREMENTS, *NODE_FILES):
        file = root / name
        digest.update(file.read_bytes() if file.exists() else b"absent")
    return digest.hexdigest()


def make_venv(python: Path, log: Path) -> None:
    """Keep a virtual environment that works; one that was left half made does not."""
    if python.exists() and run_logged([str(python), "-m", "pip", "--version"], log)[0]:
        return
    make = [sys.executable, "-m", "venv", "--clear", str(python.parents[1])]
    succeeded, said = run_logged(make, log)
    if not succeeded:
        reason = reason_of(said, log)
        raise SetupError(f"The virtual environment could not be made: {reason}")


def install_frontend(root: Path = ROOT) -> None:
    """Build what browsers are given, unless that was done for these very packages."""
    program = root / "tools" / "frontend" / "__main__.py"
    build = [str(root / ".venv" / "bin" / "python"), str(program)]
    if subprocess.run([*build, "--check"]).returncode == 0:
        return
    log = root / "var" / "setup" / "npm.log"
    with step("Front-end packages"):
        succeeded, said = run_logged(build, log)
        if not succeeded:
            reason = reason_of(said, log)
            raise SetupError(f"The front-end packages could not be installed: {reason}")


def main(arguments: Sequence[str]) -> int:
    if len(arguments) != 1 or arguments[0] not in PROFILES:
        print(f"usage: python3 -m tools.setup {'|'.join(PROFILES)}", file=sys.stderr)
        return 2
    try:
        check_python()
        with one_at_a_time(ROOT):
            install_packages(PROFILES[arguments[0]])
            install_python()
            if arguments[0] != "check":
                install_frontend()
    except SetupError as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        print(f"Set-up stopped: {error}.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Set-up was interrupted.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
