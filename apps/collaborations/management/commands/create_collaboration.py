from typing import Any

from django.core.management.base import CommandError, CommandParser

from apps.audit.actors import SYSTEM
from apps.collaborations.choices import Visibility
from apps.collaborations.consents import invite_organization
from apps.collaborations.services import create_collaboration
from apps.commands import ServiceCommand
from apps.organizations.models import Organization


class Command(ServiceCommand):
    help = "Create a collaboration and invite organizations to it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name")
        parser.add_argument("--purpose", default="")
        parser.add_argument(
            "--visibility", choices=Visibility.values, default="organization"
        )
        parser.add_argument(
            "--invite", action="append", default=[], metavar="ORGANIZATION"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        invited = list(Organization.objects.filter(name__in=options["invite"]))
        unknown = set(options["invite"]) - {o.name for o in invited}
        if unknown:
            raise CommandError(
                f"There is no organization {', '.join(sorted(unknown))}."
            )
        collaboration = create_collaboration(
            name=options["name"],
            purpose=options["purpose"],
            visibility=Visibility(options["visibility"]),
            actor=SYSTEM,
        )
        for organization in invited:
            invite_organization(
                collaboration=collaboration, organization=organization, actor=SYSTEM
            )
        self.stdout.write(f"collaboration {collaboration.pk}: {collaboration}")
