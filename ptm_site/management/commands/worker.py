import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from ptm_site.schema_version import why_not_served
from ptm_site.worker import PERIOD_SECONDS, sweep_all


class Command(BaseCommand):
    help = "Run the sweeps: deadlines, abandoned uploads, expired tokens and keys."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--once", action="store_true", help="one round, then end")

    def handle(self, *args: Any, **options: Any) -> None:
        if reason := why_not_served():
            raise CommandError(reason)
        sweep_all()
        while not options["once"]:
            time.sleep(PERIOD_SECONDS)
            sweep_all()
