"""Runs that no database holds, from noon on."""

from datetime import UTC, datetime, timedelta
from typing import Any

from apps.organizations.models import Organization
from apps.tasks.models import Run

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
MAASTRO = Organization(name="Maastro")


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


def run_in(status: str, **fields: Any) -> Run:
    values = {"created_at": NOON, "status_since": NOON, "organization": MAASTRO}
    return Run(pk=1, status=status, **{**values, **fields})
