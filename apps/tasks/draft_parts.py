"""What a draft shows of a site, and of a database that the function reads."""

from collections.abc import Sequence
from dataclasses import dataclass

from apps.organizations.models import Organization
from apps.tasks.sites import ServingNode


@dataclass(frozen=True)
class Site:
    organization: Organization
    nodes: list[ServingNode]
    chosen: bool

    @property
    def databases(self) -> list[tuple[str, str]]:
        """What its nodes release to the collaboration: label and type."""
        pairs = {pair for node in self.nodes for pair in node.released.items()}
        return sorted(pairs)

    def columns(self, labels: Sequence[str]) -> dict[str, str]:
        """Name to type, of what its nodes announce of the databases."""
        return {
            column["name"]: column["type"]
            for node in self.nodes
            for label in labels
            for column in node.columns.get(label) or ()
        }


@dataclass(frozen=True)
class ColumnOffer:
    """What the arguments may name: the columns that all have who announce any."""

    columns: list[tuple[str, str]]  # name and type
    sharing: int  # sites that announce theirs
    silent: list[Organization]

    @classmethod
    def of(cls, sites: Sequence[Site], labels: Sequence[str]) -> "ColumnOffer":
        found = [(site, site.columns(labels)) for site in sites]
        announced = [columns for _, columns in found if columns]
        return cls(
            columns=_in_all(announced),
            sharing=len(announced),
            silent=[site.organization for site, columns in found if not columns],
        )


def _in_all(announced: Sequence[dict[str, str]]) -> list[tuple[str, str]]:
    """In the order of the first; types that differ are all named."""
    first, *others = announced or [{}]
    return [
        (name, " or ".join(dict.fromkeys(each[name] for each in announced)))
        for name in first
        if all(name in other for other in others)
    ]


@dataclass(frozen=True)
class Need:
    """A database that the function reads, and the labels that are there for it."""

    number: int
    description: str
    types: str
    offered: dict[str, int]  # label: how many of the chosen sites release it
    asked: int  # how many sites are chosen
    label: str
    query: str = ""  # to be asked of it instead of the site's own

    @property
    def field(self) -> str:
        return f"database_{self.number}"

    @property
    def query_field(self) -> str:
        return f"query_{self.number}"
