import json
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from apps.algorithms.services import allow_version, register_version
from apps.audit.actors import SYSTEM
from apps.collaborations.models import Collaboration
from apps.commands import ServiceCommand


class Command(ServiceCommand):
    help = "Pin an image of the registry by digest, with its manifest, and allow it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("image", help="host/name:tag")
        parser.add_argument("manifest", type=Path)
        parser.add_argument(
            "--allow", action="append", default=[], metavar="COLLABORATION"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        manifest = json.loads(options["manifest"].read_text())
        allowed = list(Collaboration.objects.filter(name__in=options["allow"]))
        if len(allowed) != len(set(options["allow"])):
            raise CommandError("There is no collaboration of one of these names.")
        version = register_version(
            image=options["image"], manifest=manifest, actor=SYSTEM
        )
        for collaboration in allowed:
            allow_version(version=version, collaboration=collaboration, actor=SYSTEM)
        self.stdout.write(version.image)
