from typing import Any

from django.core.management.base import CommandError, CommandParser

from apps.accounts.models import User
from apps.commands import ServiceCommand
from apps.nodes.services import issue_enrolment_code
from apps.organizations.models import Organization


class Command(ServiceCommand):
    help = "Print a one-time code that lets a node in, issued by the site's own admin."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("organization")
        parser.add_argument("--as", dest="admin", required=True, metavar="USERNAME")

    def handle(self, *args: Any, **options: Any) -> None:
        organization = Organization.objects.filter(name=options["organization"]).first()
        admin = User.objects.filter(username=options["admin"]).first()
        if organization is None or admin is None:
            raise CommandError("There is no such organization or person.")
        self.stdout.write(
            issue_enrolment_code(organization=organization, issued_by=admin)
        )
