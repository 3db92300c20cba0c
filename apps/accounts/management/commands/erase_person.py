from typing import Any

from django.core.management.base import CommandError, CommandParser

from apps.accounts.models import User
from apps.accounts.people import erase_person
from apps.audit.actors import SYSTEM
from apps.commands import ServiceCommand


class Command(ServiceCommand):
    help = "Erase who a person was, for good; what they did stays, under a number."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")

    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.filter(username=options["username"]).first()
        if user is None:
            raise CommandError(f"There is no user {options['username']}.")
        erase_person(user=user, actor=SYSTEM)
        self.stdout.write(f"{options['username']} is now {user.username}")
