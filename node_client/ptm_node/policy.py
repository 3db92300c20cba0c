"""What one run may use at this site, and on which terms: whatever the server says."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import msgspec

from ptm_node.errors import RunFailure
from ptm_node.images import parse_image
from ptm_node.messages import Assignment, Code, Label, Status
from ptm_node.rules import Terms, decide, question_of
from ptm_node.sections import Config, Database, FileDatabase, Folder, Sql


@dataclass(frozen=True, slots=True)
class Permit:
    """One exact image, these databases, and the terms of the rule that allows it."""

    image: str
    databases: dict[str, Database]
    terms: Terms


def check(config: Config, assignment: Assignment) -> Permit:
    """Says what the site allows, or raises RunFailure with the site's answer."""
    verdict = decide(config, question_of(assignment))
    image = parse_image(assignment.image)
    if image is None or not verdict.runs:
        shared = config.policy.share_reasons
        raise _refused(verdict.reason if shared else "the site does not say why")
    if assignment.contract != "ptm":
        raise _refused(f"this node does not know the contract {assignment.contract!r}")
    if assignment.function_type != "partial":
        raise _refused("this node does not run central functions")
    if hashlib.sha256(assignment.input).hexdigest() != assignment.input_sha256:
        detail = "the input does not have the checksum that came with it"
        raise RunFailure(Code.INTERNAL, detail, retry=True)
    if _called(assignment) not in (None, assignment.function):
        raise _refused("the input calls another function than the task names")
    return Permit(str(image), _databases(config, assignment), verdict.terms)


def _called(assignment: Assignment) -> object:
    """The function that the input names, in the form that our server gives it."""
    try:
        said = msgspec.json.decode(assignment.input)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return None
    return said.get("method") if isinstance(said, dict) else None


def _databases(config: Config, assignment: Assignment) -> dict[str, Database]:
    collaboration = assignment.task.collaboration.id
    return {
        each.label: _with_query(_database(config, each.label, collaboration), each)
        for each in assignment.databases
    }


def _with_query(database: Database, named: Label) -> Database:
    if named.query is None:
        return database
    if isinstance(database, Sql) and database.researcher_queries:
        return msgspec.structs.replace(database, query=named.query)
    what = f"no query of a researcher for the database {named.label}"
    raise _refused(f"this site takes {what}")


def _database(config: Config, label: str, collaboration: int) -> Database:
    own = config.released(collaboration).get(label)
    # One answer for both: what is not released is not even said to exist.
    if own is None:
        raise RunFailure(
            Code.DATABASE_UNKNOWN,
            "this node has no database of that label for the collaboration",
            status=Status.QUEUED,
        )
    database = config.databases[own]
    if isinstance(database, FileDatabase) and not _is_there(database):
        detail = f"the database {label} cannot be opened at this site"
        raise RunFailure(Code.DATABASE_UNKNOWN, detail)
    return database


def _is_there(database: FileDatabase) -> bool:
    path = Path(database.uri)
    return path.is_dir() if isinstance(database, Folder) else path.is_file()


def _refused(detail: str) -> RunFailure:
    return RunFailure(Code.POLICY_REFUSED, detail, status=Status.REJECTED)
