from argparse import ArgumentTypeError
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone
from django.utils.dateparse import parse_date

from apps.audit.export import by_id, json_lines
from apps.audit.models import Event


def day(text: str) -> datetime:
    found = parse_date(text)
    if found is None:
        raise ArgumentTypeError(f"{text} is not a day such as 2027-01-31")
    start = datetime(found.year, found.month, found.day)  # noqa: DTZ001 (made aware)
    return timezone.make_aware(start)


class Command(BaseCommand):
    help = "Print the audit as JSON lines, oldest first."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--since", type=day, help="a day, such as 2027-01-31 (UTC)")
        parser.add_argument(
            "--without-addresses", action="store_true", help="for readers elsewhere"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        events = Event.objects.all()
        if options["since"]:
            events = events.filter(at__gte=options["since"])
        for found in by_id(events):
            lines = json_lines(found, addresses=not options["without_addresses"])
            self.stdout.write("".join(lines), ending="")
