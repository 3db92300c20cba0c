"""What the Makefile asks of the rig, as commands.

`python -m tools.rig images` makes the algorithms' base image, keeps its layers as a
registry takes them, and makes the node's image, once;
`python -m tools.rig engine -- CMD…` runs CMD with a Docker engine;
`python -m tools.rig services -- CMD…` runs CMD with PostgreSQL and Redis.
"""

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tools.rig.box import node_image
from tools.rig.engine import docker_engine
from tools.rig.errors import RigError
from tools.rig.folders import VAR
from tools.rig.images import ensure_base_image
from tools.rig.postgres import Postgres
from tools.rig.process import as_user, find_program, free_port, sigterm_unwinds
from tools.rig.redis import Redis
from tools.rig.registry import Registry

USAGE = (
    "usage: python -m tools.rig images | engine -- COMMAND [ARGUMENT …]"
    " | services -- COMMAND [ARGUMENT …]"
)
STOP_SECONDS = 10


def main(arguments: Sequence[str]) -> int:
    try:
        with sigterm_unwinds():
            return run(list(arguments))
    except RigError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def run(arguments: list[str]) -> int:
    match arguments:
        case ["images"]:
            prepare_images()
            return 0
        case ["engine", "--", *command] if command:
            with docker_engine():
                return _run(command, os.environ)
        case ["services", "--", *command] if command:
            return run_with_services(command)
    print(USAGE, file=sys.stderr)
    return 2


def prepare_images() -> None:
    start = time.monotonic()
    with docker_engine() as client, _scratch(VAR, "registry-") as folder:
        name = ensure_base_image(client)
        with Registry(folder, free_port()) as registry:
            registry.push(client, name, "ptm/base", "1")
        names = [name, node_image(client)]
    seconds = time.monotonic() - start
    print(f"Images {' and '.join(names)} … ready in {seconds:.0f} s")


def run_with_services(command: Sequence[str], folder: Path = VAR) -> int:
    """Run `command` beside new, empty services; its exit status."""
    with contextlib.ExitStack() as stack:
        place = stack.enter_context(_scratch(folder, "services-"))
        postgres = stack.enter_context(Postgres(place / "postgres", free_port()))
        redis = stack.enter_context(Redis(place / "redis", free_port()))
        urls = {"DATABASE_URL": postgres.url, "REDIS_URL": redis.url}
        return _run(command, {**os.environ, **urls})


@contextlib.contextmanager
def _scratch(folder: Path, prefix: str) -> Iterator[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=prefix) as scratch:
        yield Path(scratch)


def _run(command: Sequence[str], env: Mapping[str, str]) -> int:
    # It ends with us in any case: a signal may come between here and the next line.
    launcher = as_user(None, "--pdeathsig", "TERM")
    program = [find_program(command[0]), *command[1:]]
    child = subprocess.Popen([*launcher, *program], env=dict(env))
    try:
        status = child.wait()
    except BaseException:
        # Ctrl-C has reached the child too; SIGTERM has not.
        child.terminate()
        _wait_or_kill(child)
        raise
    # As a shell tells the end by a signal.
    return status if status >= 0 else 128 - status


def _wait_or_kill(child: subprocess.Popen[bytes]) -> None:
    try:
        child.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
