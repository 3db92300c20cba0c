"""Room for results and for images."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import docker

from ptm_node.doctor.findings import Finding, failed, ok, warning
from ptm_node.sections import Config, Size

_LITTLE = 5 << 30
_REMEDY = "make room there; `ptm-node gc` removes what no run needs"


def state_folder(config: Config) -> Finding:
    limits, state = config.limits, Path(config.node.state)
    while not state.exists():
        state = state.parent
    # Each run may write its output, and a copy of it is in the spool.
    needed = 2 * limits.output * limits.concurrent_runs
    return _room("disk of the state folder", state, needed)


def engine_folder(client: docker.APIClient) -> Iterator[Finding]:
    """Unless the engine is on another machine, or its folder cannot be looked at."""
    folder = Path(client.info()["DockerRootDir"])
    if folder.exists():
        yield _room("disk of Docker", folder, 1 << 30)


def _room(check: str, folder: Path, needed: int) -> Finding:
    free = shutil.disk_usage(folder).free
    what = f"{Size(free).in_words} are free at {folder}"
    if free < needed:
        return failed(
            check, f"{what}, and runs may need {Size(needed).in_words}", _REMEDY
        )
    return warning(check, what, _REMEDY) if free < _LITTLE else ok(check, what)
