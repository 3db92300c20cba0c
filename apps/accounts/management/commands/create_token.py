from datetime import timedelta
from typing import Any

from django.core.management.base import CommandError, CommandParser

from apps.accounts.choices import TokenScope
from apps.accounts.models import User
from apps.accounts.services import create_token
from apps.audit.actors import SYSTEM
from apps.commands import ServiceCommand


class Command(ServiceCommand):
    help = "Make a personal access token and print it; it is not shown again."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")
        parser.add_argument("--name", required=True, help="what it is for")
        parser.add_argument("--scope", choices=TokenScope.values, default="tasks")
        parser.add_argument("--days", type=int, default=90)

    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.filter(username=options["username"]).first()
        if user is None:
            raise CommandError(f"There is no user {options['username']}.")
        if user.access_tokens.filter(name=options["name"]).exists():
            raise CommandError(f"{user} already has a token {options['name']!r}.")
        _, text = create_token(
            user=user,
            name=options["name"],
            scope=TokenScope(options["scope"]),
            lifetime=timedelta(days=options["days"]),
            actor=SYSTEM,
        )
        self.stdout.write(text)
