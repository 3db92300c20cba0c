from typing import Any

from django.core.management.base import CommandError, CommandParser

from apps.audit.actors import SYSTEM
from apps.commands import ServiceCommand
from apps.nodes.models import Node
from apps.nodes.services import revoke_node


class Command(ServiceCommand):
    help = "Shut a node out for good; what it held goes back into the queue."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("organization")
        parser.add_argument("node", help="the node's name")

    def handle(self, *args: Any, **options: Any) -> None:
        node = (
            Node.objects.in_use()
            .filter(organization__name=options["organization"], name=options["node"])
            .first()
        )
        if node is None:
            raise CommandError("The organization has no such node in use.")
        revoke_node(node=node, actor=SYSTEM)
        self.stdout.write(f"{node} is revoked")
