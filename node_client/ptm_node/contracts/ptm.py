"""The platform's own contract: three files, the environment, and the databases.

/app/input.txt   what the researcher sent, read-only
/app/output.txt  empty; what stands in it at exit status 0 is the result
/app/token.txt   empty, because only central functions speak to anyone
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path

from ptm_node.config import read_secret
from ptm_node.messages import Assignment
from ptm_node.policy import Permit
from ptm_node.runtimes.base import (
    ContainerSpec,
    Credentials,
    Limits,
    Mount,
    sandbox_user,
)
from ptm_node.sections import Config
from ptm_node.sources import Source

_SUFFIX = re.compile(r"(\.[A-Za-z0-9]{1,16})*")


def lay_out(
    assignment: Assignment,
    permit: Permit,
    sources: Mapping[str, Source],
    config: Config,
    folder: Path,
) -> ContainerSpec:
    """Writes the run's files into its empty folder and describes its container."""
    files = (
        _file(folder / "input.txt", assignment.input, 0o400),
        _file(output_file(folder), b"", 0o600),
        _file(folder / "token.txt", b"", 0o400),
    )
    places = {label: _place(label, source) for label, source in sources.items()}
    databases = (
        Mount(str(sources[label].path), place, read_only=True)
        for label, place in places.items()
    )
    return ContainerSpec(
        key=assignment.key,
        image=permit.image,
        environment=_environment(config, sources, places),
        mounts=(*files, *databases),
        limits=_limits(permit),
        credentials=_credentials(config, permit.image),
    )


def output_file(folder: Path) -> Path:
    return folder / "output.txt"


def _file(path: Path, content: bytes, mode: int) -> Mount:
    path.write_bytes(content)
    path.chmod(mode)
    if os.getuid() == 0:
        os.chown(path, *sandbox_user())
    return Mount(str(path), f"/app/{path.name}", read_only=mode == 0o400)


def _place(label: str, source: Source) -> str:
    suffix = source.suffixes
    return f"/data/{label}" + (suffix if _SUFFIX.fullmatch(suffix) else "")


def _environment(
    config: Config, sources: Mapping[str, Source], places: dict[str, str]
) -> dict[str, str]:
    environment = {
        "INPUT_FILE": "/app/input.txt",
        "OUTPUT_FILE": "/app/output.txt",
        "TOKEN_FILE": "/app/token.txt",
        "HOME": "/tmp",  # noqa: S108 (the container's own)
        "PTM_MIN_COUNT": str(config.policy.min_count),
    }
    if config.policy.share_extremes:
        environment["PTM_SHARE_EXTREMES"] = "1"
    if places:
        environment["DATABASE_URI"] = next(iter(places.values()))
    for label, place in places.items():
        source, name = sources[label], label.upper()
        environment[f"{name}_DATABASE_URI"] = place
        environment[f"{name}_DATABASE_TYPE"] = source.type
        if source.sheet is not None:
            environment[f"{name}_SHEET_NAME"] = source.sheet
    return environment


def _limits(permit: Permit) -> Limits:
    limits = permit.terms.limits
    return Limits(
        cpus=limits.cpus,
        memory=limits.memory,
        pids=limits.pids,
        tmp=limits.tmp,
        # One byte more than allowed, which shows that there was more to come.
        file_size=limits.output + 1,
        log=limits.log,
    )


def _credentials(config: Config, image: str) -> Credentials | None:
    login = config.registry.get(image.split("/")[0])
    if login is None:
        return None
    return Credentials(login.username, read_secret(Path(login.password_file)))
