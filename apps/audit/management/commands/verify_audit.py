from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection

from apps.audit import rules
from apps.audit.verification import Head, unchained, verify


class Command(BaseCommand):
    help = "Follow the audit's chain; name the first broken link, if there is one."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--expect",
            type=Head.parse,
            metavar="NUMBER:HASH",
            help="a head that was printed earlier and kept elsewhere",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        verdict = verify(options["expect"])
        head = verdict.head
        self.stdout.write(f"Verified {head.number} events. Head: {head}")
        self.stdout.write(f"Not in the chain yet: {unchained()}")
        problems = [verdict.wrong] if verdict.wrong else []
        if rules_missing := rules.missing(connection):
            problems.append(f"The database lacks its rules: {', '.join(rules_missing)}")
        if problems:
            raise CommandError(". ".join(problems) + ".")
