from typing import Any

from django.core.management.base import CommandParser

from apps.audit.actors import SYSTEM
from apps.commands import ServiceCommand
from apps.organizations.services import create_organization


class Command(ServiceCommand):
    help = "Create an organization: a site that takes part."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name")

    def handle(self, *args: Any, **options: Any) -> None:
        organization = create_organization(name=options["name"], actor=SYSTEM)
        self.stdout.write(f"organization {organization.pk}: {organization}")
