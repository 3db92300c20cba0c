from typing import Any

from django.core.management.base import CommandError, CommandParser

from apps.accounts.models import User
from apps.collaborations.choices import ParticipationStatus
from apps.collaborations.consents import answer_as_admin
from apps.collaborations.models import Participation
from apps.commands import ServiceCommand


class Command(ServiceCommand):
    help = "Accept an invitation in the name of the organization's own admin."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("collaboration")
        parser.add_argument("organization")
        parser.add_argument("--as", dest="admin", required=True, metavar="USERNAME")

    def handle(self, *args: Any, **options: Any) -> None:
        participation = Participation.objects.filter(
            collaboration__name=options["collaboration"],
            organization__name=options["organization"],
        ).first()
        admin = User.objects.filter(username=options["admin"]).first()
        if participation is None or admin is None:
            raise CommandError("There is no such invitation or person.")
        answer_as_admin(
            participation=participation,
            answer=ParticipationStatus.ACCEPTED,
            admin=admin,
        )
        self.stdout.write(f"{options['organization']} takes part")
