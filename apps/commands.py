"""Management commands that speak to an operator in sentences."""

from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from apps.errors import Refusal


class ServiceCommand(BaseCommand):
    """Calls a service; what the service refuses becomes one sentence."""

    # They look through all pages and models, a fifth of a command that needs neither;
    # `make check` has done it.
    requires_system_checks = []

    def execute(self, *args: Any, **options: Any) -> str | None:
        try:
            return super().execute(*args, **options)
        except Refusal as refusal:
            raise CommandError(refusal.detail) from refusal
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
