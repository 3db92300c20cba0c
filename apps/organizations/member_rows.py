"""Members as rows of a file: what each would do, and what is wrong with it.

The reader's own view decides: an organization that they do not manage and one that
does not exist are answered alike, and so for people whom they do not know.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from import_export import fields, resources, widgets
from import_export.instance_loaders import BaseInstanceLoader
from tablib import Dataset

from apps.accounts.models import User
from apps.accounts.people import FirstPassword, NewPerson
from apps.audit.actors import Actor
from apps.errors import Refusal
from apps.formulas import harmless
from apps.organizations.choices import Role
from apps.organizations.member_files import COLUMNS, LINE
from apps.organizations.models import Organization
from apps.organizations.roster import Roster
from apps.organizations.services import admit_person, grant_membership

ROLES = {str(text).lower(): role for role in Role for text in (role.value, role.label)}


class Kind(StrEnum):
    PERSON = "new person"
    MEMBER = "new member"
    ROLE = "changed"
    SAME = "unchanged"
    WRONG = "wrong"


@dataclass
class Line:
    """One line of the file, and what it would do."""

    number: int
    cells: dict[str, str]
    organization: Organization | None = None
    user: User | None = None
    role: Role = Role.VIEWER
    earlier: str = ""
    kind: Kind = Kind.WRONG
    errors: dict[str, list[str]] = field(default_factory=dict)

    @property
    def person(self) -> NewPerson:
        return NewPerson(
            username=self.cells["username"],
            first_name=self.cells["first name"],
            last_name=self.cells["last name"],
            email=self.cells["email"],
        )

    @property
    def faults(self) -> list[tuple[str, str, list[str]]]:
        """Each column that is wrong, what stands in it, and why it is wrong."""
        return [
            (column, self.cells[column], self.errors[column])
            for column in COLUMNS
            if column in self.errors
        ]

    @property
    def agreed(self) -> str:
        """What a person agrees to who has seen this line."""
        return f"{self.kind}:{self.earlier}"

    @property
    def role_now(self) -> str:
        return Role(self.role).label.capitalize()

    @property
    def role_before(self) -> str:
        return Role(self.earlier).label.capitalize() if self.earlier else ""


class _Cell(widgets.Widget):
    def render(self, value: Any, obj: Any = None, **kwargs: Any) -> str:
        return harmless(str(value))


def _column(name: str, attribute: str) -> fields.Field:
    return fields.Field(attribute, name, _Cell())


class MemberRows(resources.Resource):
    """Exports memberships; imports lines, all or none, and deletes nothing."""

    organization = _column("organization", "organization__name")
    username = _column("username", "user__username")
    first_name = _column("first name", "user__first_name")
    last_name = _column("last name", "user__last_name")
    email = _column("email", "user__email")
    role = _column("role", "role")

    class Meta:
        instance_loader_class = BaseInstanceLoader
        skip_diff = True
        report_skipped = True
        clean_model_instances = False

    def __init__(
        self, reader: User, passwords: dict[str, FirstPassword] | None = None
    ) -> None:
        super().__init__()
        self.reader, self.passwords = reader, passwords or {}
        self.lines: list[Line] = []

    def before_import(self, dataset: Dataset, **kwargs: Any) -> None:
        self.roster = Roster(self.reader, dataset["username"], dataset["organization"])

    def get_instance(self, instance_loader: Any, row: dict[str, Any]) -> Line | None:
        line = Line(int(row[LINE]), {name: str(row[name]) for name in COLUMNS})
        self.lines.append(line)
        line.organization = self.roster.organizations.get(line.cells["organization"])
        line.user = self.roster.people.get(line.cells["username"])
        line.earlier = self.roster.role(line.user, line.organization)
        return line if line.earlier else None

    def init_instance(self, row: Any = None) -> Line:
        return self.lines[-1]

    def import_instance(self, line: Line, row: Any, **kwargs: Any) -> None:
        role = ROLES.get(line.cells["role"].lower())
        line.role = role or line.role
        errors = self.roster.errors(line.person, line.cells["organization"])
        if role is None:
            errors["role"] = [f"One of {', '.join(Role.values)}."]
        own = line.user == self.reader and str(line.role) != line.earlier
        if own and not errors:
            errors["role"] = ["Nobody changes their own role: ask another admin."]
        if errors:
            raise ValidationError(errors)

    def skip_row(self, line: Line, original: Any, row: Any, errors: Any = None) -> bool:
        """Nothing is done for a line that says what is so already."""
        line.kind = Kind.WRONG if errors else self._kind(line)
        return line.kind == Kind.SAME

    def _kind(self, line: Line) -> Kind:
        if line.earlier:
            return Kind.SAME if line.role == line.earlier else Kind.ROLE
        known = line.user or line.cells["username"] in self.roster.introduced
        self.roster.introduced.setdefault(line.cells["username"], line.person)
        return Kind.MEMBER if known else Kind.PERSON

    def do_instance_save(self, line: Line, is_create: bool) -> None:
        try:
            self._grant(line)
        except Refusal as refusal:
            raise ValidationError(
                refusal.errors or {"organization": [refusal.detail]}
            ) from refusal

    def save_instance(self, line: Line, is_create: bool, row: Any, **kw: Any) -> None:
        """A preview stops here: nothing is written to be taken back."""
        if not kw["dry_run"]:
            self.do_instance_save(line, is_create)

    def _grant(self, line: Line) -> None:
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


def exported(reader: User, memberships: QuerySet[Any]) -> str:
    """As CSV, with headings that an import understands."""
    text: str = MemberRows(reader).export(memberships).export("csv")
    return text
