"""Whom and what the reader of a file knows of all that it names, asked once."""

from collections.abc import Iterable

from django.core.exceptions import ValidationError

from apps.accounts.models import User
from apps.accounts.people import NewPerson
from apps.organizations.models import Membership, Organization
from apps.organizations.selectors import people_known_to

COLUMN_OF = {
    "username": "username",
    "first_name": "first name",
    "last_name": "last name",
    "email": "email",
}


class Roster:
    def __init__(
        self, reader: User, usernames: Iterable[str], organizations: Iterable[str]
    ) -> None:
        named = set(usernames)
        own = Organization.objects.permitted_to(reader, "manage_members")
        people = people_known_to(reader).filter(username__in=named)
        taken = User.objects.filter(username__in=named)
        self.organizations = {
            found.name: found for found in own.filter(name__in=set(organizations))
        }
        self.people = {person.username: person for person in people}
        taken_by = set(taken.values_list("username", flat=True))
        self.taken_elsewhere = taken_by.difference(self.people)
        self._roles = {
            (membership.user_id, membership.organization_id): str(membership.role)
            for membership in Membership.objects.filter(
                user__in=self.people.values(),
                organization__in=self.organizations.values(),
            )
        }
        self.introduced: dict[str, NewPerson] = {}
        self._seen: set[tuple[str, str]] = set()

    def role(self, user: User | None, organization: Organization | None) -> str:
        if user is None or organization is None:
            return ""
        return self._roles.get((user.pk, organization.pk), "")

    def errors(self, person: NewPerson, organization: str) -> dict[str, list[str]]:
        """What is wrong with a line, by its columns."""
        errors = self._person_errors(person)
        if organization not in self.organizations:
            errors["organization"] = ["You manage no organization of this name."]
        if (person.username, organization) in self._seen:
            errors["username"] = ["An earlier line names this person here already."]
        self._seen.add((person.username, organization))
        return errors

    def _person_errors(self, person: NewPerson) -> dict[str, list[str]]:
        if known := self.people.get(person.username):
            return _differences(person, known)
        if person.username in self.taken_elsewhere:
            taken = "This username is taken. Choose another, or ask a platform admin."
            return {"username": [taken]}
        if earlier := self.introduced.get(person.username):
            return _differences(person, earlier)
        return _faults(person)


def _differences(person: NewPerson, known: User | NewPerson) -> dict[str, list[str]]:
    """A name that differs may mean another person, who would get the role."""
    sentence = "Not as this person is known. Leave it empty, or check the username."
    return {
        column: [sentence]
        for name, column in COLUMN_OF.items()
        if getattr(person, name) not in ("", getattr(known, name))
    }


def _faults(person: NewPerson) -> dict[str, list[str]]:
    given = {name: getattr(person, name) for name in COLUMN_OF}
    try:
        User(**given).clean_fields(exclude=["password"])
    except ValidationError as error:
        found = error.message_dict
        return {COLUMN_OF[name]: texts for name, texts in found.items()}
    return {}
