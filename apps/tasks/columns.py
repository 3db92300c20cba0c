"""Whether sites have the columns that arguments name, as far as they announce them."""

from collections.abc import Sequence
from typing import Any

from apps.algorithms.column_names import Named, columns_named
from apps.organizations.models import Organization
from apps.tasks.sites import ServingNode


def columns_asked(
    function: dict[str, Any], arguments: Any, databases: Sequence[dict[str, str]]
) -> list[Named]:
    """Return the columns to look for; what a query of one's own gives nobody knows."""
    if any("query" in database for database in databases):
        return []
    return columns_named(function, arguments)


def lacking(
    nodes: Sequence[ServingNode], labels: Sequence[str], asked: Sequence[Named]
) -> list[Named]:
    """Return what no node has; if each lacks another column, what the fullest lacks."""
    lacks = [_lacks(node, labels, asked) for node in nodes]
    nowhere = set(lacks[0]).intersection(*lacks) if lacks else set()
    return [named for named in asked if named in nowhere] or min(
        lacks, key=len, default=[]
    )


def _lacks(
    node: ServingNode, labels: Sequence[str], asked: Sequence[Named]
) -> list[Named]:
    """A column may be in any of the databases; a silent one may have them all."""
    announced = [node.columns.get(label) for label in labels]
    if not announced or None in announced:
        return []
    known = {column["name"] for columns in announced for column in columns or ()}
    return [named for named in asked if named.name not in known]


def having(
    nodes: Sequence[ServingNode], labels: Sequence[str], asked: Sequence[Named]
) -> list[ServingNode]:
    return [node for node in nodes if not _lacks(node, labels, asked)]


def sentence(site: Organization | str, name: str, labels: Sequence[str]) -> str:
    return f"{site} has no column {name[:200]} in {' or '.join(labels)}."
