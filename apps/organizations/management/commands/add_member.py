import sys
from getpass import getpass
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.management.base import CommandError, CommandParser

from apps.accounts.models import User
from apps.audit.actors import SYSTEM
from apps.commands import ServiceCommand
from apps.organizations.choices import Role
from apps.organizations.models import Organization
from apps.organizations.services import grant_membership


class Command(ServiceCommand):
    help = (
        "Give a person a role in an organization. A new person's password is asked for,"
        " or read from standard input."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")
        parser.add_argument("organization")
        parser.add_argument("role", choices=Role.values)

    def handle(self, *args: Any, **options: Any) -> None:
        organization = Organization.objects.filter(name=options["organization"]).first()
        if organization is None:
            raise CommandError(f"There is no organization {options['organization']!r}.")
        user = User.objects.filter(username=options["username"]).first()
        user = user or self._create(options["username"])
        role = Role(options["role"])
        grant_membership(user=user, organization=organization, role=role, actor=SYSTEM)
        self.stdout.write(f"{user} is {role.label} of {organization}")

    def _create(self, username: str) -> User:
        interactive = sys.stdin.isatty()
        password = getpass() if interactive else sys.stdin.readline().rstrip("\n")
        user = User(username=username)
        validate_password(password, user)
        user.set_password(password)
        user.full_clean()
        user.save()
        return user
