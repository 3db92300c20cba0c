"""What the commands about one node have in common."""

from typing import Any

from django.core.management.base import CommandError, CommandParser

from apps.commands import ServiceCommand
from apps.nodes.models import Node


class NodeCommand(ServiceCommand):
    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("organization")
        parser.add_argument("node", help="the node's name")

    def named(self, options: dict[str, Any]) -> Node:
        node: Node | None = (
            Node.objects.in_use()
            .filter(organization__name=options["organization"], name=options["node"])
            .first()
        )
        if node is None:
            raise CommandError("The organization has no such node in use.")
        return node
