"""Management commands that speak to an operator in sentences."""

from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from apps.errors import Refusal


class ServiceCommand(BaseCommand):
    """Calls a service; what the service refuses becomes one sentence."""

    def execute(self, *args: Any, **options: Any) -> str | None:
        try:
            return super().execute(*args, **options)
        except Refusal as refusal:
            raise CommandError(refusal.detail) from refusal
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
