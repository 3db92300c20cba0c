"""The site's own rules. They hold whatever the server says."""

import hashlib
import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from ptm_node.config import LABEL, Config, Database
from ptm_node.errors import RunFailure
from ptm_node.messages import Assignment, Code, Status

_IMAGE = re.compile(
    r"(?P<repository>[a-z0-9][a-z0-9.-]*(:[0-9]{1,5}(?=/))?"
    r"(/[a-z0-9]+([._-]+[a-z0-9]+)*)*)"
    r"(:[\w][\w.-]{0,127})?@(?P<digest>sha256:[0-9a-f]{64})",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Permit:
    """What a run may use at this site: one exact image, and these databases."""

    image: str
    databases: dict[str, Database]


def check(config: Config, assignment: Assignment) -> Permit:
    """Says what the site allows, or raises RunFailure with the site's answer."""
    if assignment.task.collaboration.id not in config.collaborations:
        raise _refused("this node does not serve the collaboration")
    if assignment.contract != "ptm":
        raise _refused(f"this node does not know the contract {assignment.contract!r}")
    if assignment.function_type != "partial":
        raise _refused("this node does not run central functions")
    image = _image(config, assignment.image)
    if hashlib.sha256(assignment.input).hexdigest() != assignment.input_sha256:
        detail = "the input does not have the checksum that came with it"
        raise RunFailure(Code.INTERNAL, detail, retry=True)
    return Permit(image, _databases(config, assignment))


def _image(config: Config, image: str) -> str:
    match = _IMAGE.fullmatch(image)
    if match is None:
        raise _refused("the image is not named by its digest")
    repository = match["repository"]
    if not any(fnmatchcase(repository, each) for each in config.policy.images):
        raise _refused(f"the image {repository} is not on this site's list")
    # Without the tag: it could say something else than the digest.
    return f"{repository}@{match['digest']}"


def _databases(config: Config, assignment: Assignment) -> dict[str, Database]:
    collaboration = assignment.task.collaboration.id
    return {
        label: _database(config, label, collaboration)
        for label in (each.label for each in assignment.databases)
    }


def _database(config: Config, label: str, collaboration: int) -> Database:
    database = config.databases.get(label) if LABEL.fullmatch(label) else None
    # One answer for both: what is not released is not even said to exist.
    if database is None or collaboration not in database.collaborations:
        raise RunFailure(
            Code.DATABASE_UNKNOWN,
            "this node has no database of that label for the collaboration",
            status=Status.QUEUED,
        )
    path = Path(database.uri)
    there = path.is_dir() if database.type == "folder" else path.is_file()
    if not there:
        detail = f"the database {label} cannot be opened at this site"
        raise RunFailure(Code.DATABASE_UNKNOWN, detail)
    return database


def _refused(detail: str) -> RunFailure:
    return RunFailure(Code.POLICY_REFUSED, detail, status=Status.REJECTED)
