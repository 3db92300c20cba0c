"""Whether sites have the columns that arguments name, as far as they announce them."""

from collections.abc import Sequence
from typing import Any

from apps.algorithms.column_names import Named, columns_named
from apps.organizations.models import Organization
from apps.tasks.models import Task
from apps.tasks.sites import Announced, ServingNode


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


def known(announced: Announced, labels: Sequence[str]) -> set[str] | None:
    """Return the columns of the databases together; None if one of them is silent."""
    listed = [announced.get(label) for label in labels]
    if not listed or None in listed:
        return None
    return {column["name"] for columns in listed for column in columns or ()}


def _lacks(
    node: ServingNode, labels: Sequence[str], asked: Sequence[Named]
) -> list[Named]:
    names = known(node.columns, labels)
    return [] if names is None else [each for each in asked if each.name not in names]


def having(
    nodes: Sequence[ServingNode], labels: Sequence[str], asked: Sequence[Named]
) -> list[ServingNode]:
    return [node for node in nodes if not _lacks(node, labels, asked)]


def has_columns(announced: Announced, task: Task) -> bool:
    """Whether a node that announces these may claim the task's run."""
    names = known(announced, [database["label"] for database in task.databases])
    return names is None or names.issuperset(task.columns)


def sentence(site: Organization | str, name: str, labels: Sequence[str]) -> str:
    return f"{site} has no column {name[:200]} in {' or '.join(labels)}."
