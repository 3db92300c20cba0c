"""What a draft shows of a site, and of a database that the function reads."""

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


@dataclass(frozen=True)
class Need:
    """A database that the function reads, and the labels that are there for it."""

    number: int
    description: str
    types: str
    offered: dict[str, int]  # label: how many of the chosen sites release it
    asked: int  # how many sites are chosen
    label: str

    @property
    def field(self) -> str:
        return f"database_{self.number}"
