"""What the reader of a file of members knows of all that it names, asked once."""

from collections.abc import Collection

from apps.accounts.models import User
from apps.collaborations.models import Collaboration, Participation
from apps.collaborations.selectors import MANAGE
from apps.organizations.models import Organization


class Roster:
    def __init__(self, reader: User, pairs: Collection[tuple[str, str]]) -> None:
        """`pairs` are the names of collaborations with those of organizations."""
        managed = Collaboration.objects.permitted_to(reader, MANAGE)
        found = managed.filter(name__in={name for name, _ in pairs})
        self.collaborations = {each.name: each for each in found}
        self.open = {each.name: each.pk for each in found if not each.is_archived}
        taking_part = Participation.objects.filter(
            collaboration__in=self.collaborations.values(),
            organization__name__in={name for _, name in pairs},
        ).select_related("organization", "collaboration")
        self.participations = {
            (each.collaboration.name, each.organization.name): each
            for each in taking_part
        }
        # Whom a line would invite; of others nothing is asked, and so nothing told.
        asked = {
            organization
            for collaboration, organization in pairs
            if collaboration in self.open
        }
        by_name = Organization.objects.filter(name__in=asked)
        self.organizations = {each.name: each for each in by_name}
        seen = by_name.visible_to(reader).values_list("name", flat=True)
        known = {name for _, name in self.participations}
        self.out_of_sight = asked.difference(seen, known)
        self._named: set[tuple[str, str]] = set()

    def organization(self, pair: tuple[str, str]) -> Organization | None:
        if participation := self.participations.get(pair):
            found: Organization = participation.organization
            return found
        return self.organizations.get(pair[1]) if pair[0] in self.open else None

    def is_repeated(self, pair: tuple[str, str]) -> bool:
        """Whether an earlier line names this organization here already."""
        repeated = pair in self._named
        self._named.add(pair)
        return repeated
