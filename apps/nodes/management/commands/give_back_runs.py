from typing import Any

from apps.audit.actors import SYSTEM
from apps.nodes.commands import NodeCommand
from apps.nodes.services import give_back_runs


class Command(NodeCommand):
    help = "Wait for a node no longer: what it holds goes back into the queue."

    def handle(self, *args: Any, **options: Any) -> None:
        node = self.named(options)
        give_back_runs(node=node, actor=SYSTEM)
        self.stdout.write(f"{node} is not waited for any longer")
