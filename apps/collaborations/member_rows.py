"""Members of collaborations as rows of a file, and what each would do.

A line invites an organization, or says whether one that takes part may send tasks.
Nobody is excluded by one, and no state is set: organizations consent themselves.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from tablib import Dataset

from apps.accounts.models import User
from apps.audit.actors import Actor
from apps.collaborations.choices import ParticipationStatus
from apps.collaborations.consents import invite_organization, set_may_create_tasks
from apps.collaborations.models import Collaboration, Participation
from apps.collaborations.roster import Roster
from apps.csv_files import Columns
from apps.csv_rows import SAME, WRONG, Line, Rows, column
from apps.organizations.models import Organization

COLUMNS = Columns(
    ("collaboration", "organization", "state", "may_create_tasks", "since"),
    required=("collaboration", "organization"),
)
# A spreadsheet writes the second pair of its own accord.
ANSWERS = {"yes": True, "no": False, "true": True, "false": False, "": None}
STANDING = (ParticipationStatus.INVITED, ParticipationStatus.ACCEPTED)


class Kind(StrEnum):
    INVITATION = "new invitation"
    SENDING = "changed"
    SAME = SAME
    WRONG = WRONG


@dataclass
class PartyLine(Line):
    collaboration: Collaboration | None = None
    organization: Organization | None = None
    participation: Participation | None = None
    state_before: str = ""
    might: bool | None = None  # send tasks; nothing is said of who is no member
    wanted: bool | None = None  # an empty cell leaves it as it is

    @property
    def pair(self) -> tuple[str, str]:
        return self.cells["collaboration"], self.cells["organization"]

    @property
    def may(self) -> bool:
        """Whether its people may send tasks once the line is carried out."""
        before = self.might is not False
        return before if self.wanted is None else self.wanted

    @property
    def changes_sending(self) -> bool:
        return self.may != (self.might is not False)


class PartyRows(Rows[PartyLine]):
    columns = COLUMNS
    collaboration = column("collaboration", "collaboration__name")
    organization = column("organization", "organization__name")
    state = column("state", "status")
    may_create_tasks = column("may_create_tasks", "may_create_tasks")
    since = column("since", "invited_at")

    def __init__(self, reader: User) -> None:
        super().__init__()
        self.reader = reader

    def dehydrate_may_create_tasks(self, participation: Participation) -> str:
        return "yes" if participation.may_create_tasks else "no"

    def dehydrate_since(self, participation: Participation) -> str:
        """Since when it is in this state."""
        at = participation.answered_at or participation.invited_at
        return at.isoformat(timespec="seconds")

    def before_import(self, dataset: Dataset, **kwargs: Any) -> None:
        pairs = zip(dataset["collaboration"], dataset["organization"], strict=True)
        self.roster = Roster(self.reader, list(pairs))

    def line_of(self, number: int, cells: dict[str, str]) -> PartyLine:
        line = PartyLine(number, cells)
        line.collaboration = self.roster.collaborations.get(cells["collaboration"])
        line.organization = self.roster.organization(line.pair)
        line.wanted = ANSWERS.get(cells["may_create_tasks"].lower())
        if participation := self.roster.participations.get(line.pair):
            line.participation = participation
            line.state_before = str(participation.status)
            line.might = participation.may_create_tasks
            line.earlier = f"{line.state_before} {line.might}"
        return line

    def errors_of(self, line: PartyLine) -> dict[str, list[str]]:
        errors = {}
        if line.cells["may_create_tasks"].lower() not in ANSWERS:
            errors["may_create_tasks"] = ["One of yes, no."]
        if line.collaboration is None:
            errors["collaboration"] = ["You manage no collaboration of this name."]
        elif self.roster.is_repeated(line.pair):
            said = "An earlier line names this organization here already."
            errors["organization"] = [said]
        elif self.kind_of(line) != Kind.SAME and line.collaboration.is_archived:
            said = "It is archived: nothing in it changes any more."
            errors["collaboration"] = [said]
        else:
            errors |= self._errors_of_change(line)
        return errors

    def _errors_of_change(self, line: PartyLine) -> dict[str, list[str]]:
        errors = {}
        if line.organization is None:
            errors["organization"] = ["There is no organization of this name."]
        if line.cells["state"].lower() not in ("", line.state_before):
            said = "It is another. Leave this empty: an import only invites."
            errors["state"] = [said]
        accepted = line.state_before == ParticipationStatus.ACCEPTED
        if line.changes_sending and not accepted:
            errors["may_create_tasks"] = ["This is changed once it takes part."]
        return errors

    def kind_of(self, line: PartyLine) -> Kind:
        if line.changes_sending:
            return Kind.SENDING
        # A line that says itself that the organization has left does not call it back.
        left_alone = line.state_before and line.cells["state"]
        if line.state_before in STANDING or left_alone:
            return Kind.SAME
        return Kind.INVITATION

    def carry_out(self, line: PartyLine) -> None:
        actor = Actor.user(self.reader.pk)
        if line.participation and line.kind == Kind.SENDING:
            set_may_create_tasks(
                participation=line.participation, allowed=line.may, actor=actor
            )
            return
        assert line.collaboration is not None  # noqa: S101 (else the line is wrong)
        assert line.organization is not None  # noqa: S101
        invite_organization(
            collaboration=line.collaboration,
            organization=line.organization,
            actor=actor,
        )
