"""Members as rows of a file: what each would do, and what is wrong with it.

The reader's own view decides: an organization that they do not manage and one that
does not exist are answered alike, and so for people whom they do not know.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from tablib import Dataset

from apps.accounts.models import User
from apps.accounts.people import FirstPassword, NewPerson
from apps.audit.actors import Actor
from apps.csv_files import Columns
from apps.csv_rows import SAME, WRONG, Line, Rows, column
from apps.organizations.choices import Role
from apps.organizations.models import Organization
from apps.organizations.roster import Roster
from apps.organizations.services import admit_person, grant_membership

COLUMNS = Columns(
    ("organization", "username", "first name", "last name", "email", "role"),
    required=("organization", "username", "role"),
)
ROLES = {str(text).lower(): role for role in Role for text in (role.value, role.label)}


class Kind(StrEnum):
    PERSON = "new person"
    MEMBER = "new member"
    ROLE = "changed"
    SAME = SAME
    WRONG = WRONG


@dataclass
class MemberLine(Line):
    organization: Organization | None = None
    user: User | None = None
    role: Role = Role.VIEWER

    @property
    def person(self) -> NewPerson:
        return NewPerson(
            username=self.cells["username"],
            first_name=self.cells["first name"],
            last_name=self.cells["last name"],
            email=self.cells["email"],
        )

    @property
    def role_now(self) -> str:
        return Role(self.role).label.capitalize()

    @property
    def role_before(self) -> str:
        return Role(self.earlier).label.capitalize() if self.earlier else ""


class MemberRows(Rows[MemberLine]):
    columns = COLUMNS
    organization = column("organization", "organization__name")
    username = column("username", "user__username")
    first_name = column("first name", "user__first_name")
    last_name = column("last name", "user__last_name")
    email = column("email", "user__email")
    role = column("role", "role")

    def __init__(
        self, reader: User, passwords: dict[str, FirstPassword] | None = None
    ) -> None:
        super().__init__()
        self.reader, self.passwords = reader, passwords or {}

    def before_import(self, dataset: Dataset, **kwargs: Any) -> None:
        self.roster = Roster(self.reader, dataset["username"], dataset["organization"])

    def line_of(self, number: int, cells: dict[str, str]) -> MemberLine:
        organization = self.roster.organizations.get(cells["organization"])
        user = self.roster.people.get(cells["username"])
        earlier = self.roster.role(user, organization)
        return MemberLine(
            number, cells, earlier=earlier, organization=organization, user=user
        )

    def errors_of(self, line: MemberLine) -> dict[str, list[str]]:
        role = ROLES.get(line.cells["role"].lower())
        line.role = role or line.role
        errors = self.roster.errors(line.person, line.cells["organization"])
        if role is None:
            errors["role"] = [f"One of {', '.join(Role.values)}."]
        own = line.user == self.reader and str(line.role) != line.earlier
        if own and not errors:
            errors["role"] = ["Nobody changes their own role: ask another admin."]
        return errors

    def kind_of(self, line: MemberLine) -> Kind:
        if line.earlier:
            return Kind.SAME if line.role == line.earlier else Kind.ROLE
        known = line.user or line.cells["username"] in self.roster.introduced
        self.roster.introduced.setdefault(line.cells["username"], line.person)
        return Kind.MEMBER if known else Kind.PERSON

    def carry_out(self, line: MemberLine) -> None:
        assert line.organization is not None  # noqa: S101 (else the line is wrong)
        username, actor = line.cells["username"], Actor.user(self.reader.pk)
        if line.kind == Kind.PERSON:
            membership, _ = admit_person(
                person=line.person,
                organization=line.organization,
                role=line.role,
                actor=actor,
                password=self.passwords.get(username),
            )
            self.roster.people[username] = membership.user
            return
        grant_membership(
            user=self.roster.people[username],
            organization=line.organization,
            role=line.role,
            actor=actor,
        )
