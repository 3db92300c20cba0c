from typing import Any

from apps.audit.actors import SYSTEM
from apps.nodes.commands import NodeCommand
from apps.nodes.services import revoke_node


class Command(NodeCommand):
    help = "Shut a node out for good; what it held goes back into the queue."

    def handle(self, *args: Any, **options: Any) -> None:
        node = self.named(options)
        revoke_node(node=node, actor=SYSTEM)
        self.stdout.write(f"{node} is revoked")
