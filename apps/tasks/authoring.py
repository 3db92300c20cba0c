"""Checks a request for a task, field by field, before anything is written."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings

from apps.algorithms.choices import FunctionType, VersionStatus
from apps.algorithms.column_names import Named
from apps.algorithms.images import ImageReference
from apps.algorithms.manifests import argument_errors
from apps.algorithms.models import AlgorithmVersion
from apps.algorithms.registry import resolve_digest
from apps.algorithms.selectors import VersionQuerySet
from apps.collaborations.models import Collaboration
from apps.errors import Invalid, Refusal
from apps.nesting import fit_to_store
from apps.organizations.models import Organization
from apps.prepared import Prepared
from apps.tasks.columns import having, lacking, sentence
from apps.tasks.sites import serving_nodes

LONGEST_QUERY = 20_000
MOST_TOLD = 100  # fields that are wrong


@dataclass(frozen=True)
class TaskRequest:
    """What a researcher asks for. Ids are not trusted; names are for people."""

    collaboration: int
    organizations: list[int]
    image: str
    function: str
    name: str
    purpose: str = ""
    arguments: dict[str, Any] = field(default_factory=dict)
    databases: list[dict[str, str]] = field(default_factory=list)
    organization: int | None = None
    study: int | None = None


def allowed_version(collaboration: Collaboration, image: str) -> AlgorithmVersion:
    """Return the pinned version; a tag is resolved at the registry first."""
    reference = ImageReference.parse(image)
    found = _allowed.objects(
        collaboration=collaboration.pk,
        repository=reference.repository,
        digest=reference.digest or _resolved(collaboration, reference),
    )
    if not found:
        raise Invalid(
            "image", "image_not_allowed", "The collaboration does not allow this image."
        )
    version: AlgorithmVersion = found[0]
    return version


def _resolved(collaboration: Collaboration, reference: ImageReference) -> str:
    """Ask for the tag's digest, but only in repositories of this collaboration."""
    allowed = active_versions(collaboration)
    if not allowed.filter(algorithm__repository=reference.repository).exists():
        return ""
    return resolve_digest(reference)


def active_versions(collaboration: Collaboration) -> VersionQuerySet:
    """The versions that the collaboration allows and nobody has withdrawn."""
    active: VersionQuerySet = collaboration.allowed_versions.filter(
        status=VersionStatus.ACTIVE
    )
    return active


def _build_allowed(
    *, collaboration: int, repository: str, digest: str
) -> VersionQuerySet:
    active = active_versions(Collaboration(pk=collaboration))
    named = active.filter(algorithm__repository=repository, digest=digest)
    return named.select_related("algorithm").order_by()


_allowed = Prepared(_build_allowed)


def function_of(version: AlgorithmVersion, name: str) -> dict[str, Any]:
    function = version.function(name)
    if function is None:
        raise Invalid(
            "function", "function_unknown", "The image has no function of this name."
        )
    if function["type"] == FunctionType.CENTRAL:
        raise Invalid(
            "function",
            "function_central",
            "Central functions cannot be sent yet; combine the results yourself.",
        )
    return function


def input_bytes(
    version: AlgorithmVersion, function: dict[str, Any], arguments: dict[str, Any]
) -> bytes:
    """Return what the container reads: JSON with method, args and kwargs."""
    if not fit_to_store(arguments):
        raise Invalid(
            "arguments",
            "arguments_invalid",
            "A text holds NUL or half of a surrogate pair, which no text may.",
        )
    if errors := argument_errors(function, arguments):
        raise Refusal(
            "arguments_invalid",
            "The arguments do not fit the function.",
            status=422,
            errors=errors,
        )
    call = {"method": function["name"], "args": [], "kwargs": arguments}
    data = json.dumps(call, ensure_ascii=False, allow_nan=False).encode()
    if len(data) > settings.MAX_INPUT_BYTES:
        raise Invalid(
            "arguments",
            "arguments_too_large",
            f"The arguments exceed {settings.MAX_INPUT_BYTES:,} bytes.",
        )
    return data


def check_database_count(
    function: dict[str, Any], databases: list[dict[str, str]]
) -> None:
    if len(databases) != len(function["databases"]):
        raise Invalid(
            "databases",
            "databases_count",
            f"The function reads {len(function['databases'])} database(s).",
        )


def check_databases(
    collaboration: Collaboration,
    organizations: list[Organization],
    version: AlgorithmVersion,
    function: dict[str, Any],
    databases: list[dict[str, str]],
    columns: Sequence[Named],
) -> list[str]:
    """Every addressed organization needs a node that releases all of them.

    It has the columns too, as far as it announces what it has. Returns the columns if
    another of its nodes lacks one: not every node may claim the run.
    """
    check_database_count(function, databases)
    serving = serving_nodes(collaboration, organizations, with_columns=bool(columns))
    labels = [database["label"] for database in databases]
    missing: dict[str, list[str]] = {}
    some_lack = False
    for organization in organizations:
        able = [n for n in serving.get(organization.pk, ()) if n.runs(version)]
        if not able:
            raise Invalid(
                "organizations",
                "organization_unavailable",
                f"{organization} has no node that serves this collaboration"
                " and runs such images.",
            )
        fit = [n for n in able if suits(n.released, function, databases)]
        if not fit:
            raise Invalid(
                "databases",
                "database_unknown",
                f"No node of {organization} releases {', '.join(labels)} to this"
                " collaboration in a type that the function reads.",
            )
        for path, name in lacking(fit, labels, columns):
            said = sentence(organization, name, labels)
            missing.setdefault(path, []).append(said)
        some_lack |= having(fit, labels, columns) != fit
    if missing:
        raise _column_unknown(missing)
    return list({named.name: None for named in columns}) if some_lack else []


def _column_unknown(missing: dict[str, list[str]]) -> Refusal:
    """By the field's path what is said of it; the first is the detail."""
    told = dict(list(missing.items())[:MOST_TOLD])
    detail = next(iter(told.values()))[0]
    return Refusal("column_unknown", detail, status=422, errors=told)


def suits(
    offer: dict[str, str], function: dict[str, Any], databases: list[dict[str, str]]
) -> bool:
    """Whether what a node releases (label to type) is what the function reads."""
    wanted = function["databases"]
    return len(databases) == len(wanted) and all(
        offer.get(database["label"]) in needed["types"]
        for database, needed in zip(databases, wanted, strict=True)
    )
