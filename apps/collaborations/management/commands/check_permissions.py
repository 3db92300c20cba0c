from typing import Any

from django.core.management.base import CommandError

from apps.collaborations.derived import differences
from apps.commands import ServiceCommand


class Command(ServiceCommand):
    help = (
        "Compare the stored groups and grants with what memberships and consent say;"
        " exit with 1 if they differ."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        found = differences()
        for sentence in found:
            self.stdout.write(sentence)
        if found:
            raise CommandError(f"{len(found)} differ from what is derived.")
        self.stdout.write("Stored rights are exactly what is derived.")
