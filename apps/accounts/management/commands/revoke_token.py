from typing import Any

from django.core.management.base import CommandError, CommandParser

from apps.accounts.models import AccessToken
from apps.accounts.services import revoke_token
from apps.audit.actors import SYSTEM
from apps.commands import ServiceCommand


class Command(ServiceCommand):
    help = "Revoke a personal access token: from now on it opens nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")
        parser.add_argument("name", help="the token's name")

    def handle(self, *args: Any, **options: Any) -> None:
        token = AccessToken.objects.filter(
            user__username=options["username"], name=options["name"]
        ).first()
        if token is None:
            raise CommandError("There is no such token.")
        revoke_token(token=token, actor=SYSTEM)
        self.stdout.write(f"{options['username']}'s token {options['name']!r} is gone")
