"""Guessing is slowed per address, before any secret is compared."""

import time

from django.core.cache import cache
from django.http import HttpRequest
from rest_framework.exceptions import Throttled

ALLOWED_FAILURES = 10
WINDOW_SECONDS = 60


def _key(request: HttpRequest, door: str) -> tuple[str, int]:
    window, elapsed = divmod(int(time.time()), WINDOW_SECONDS)
    address = request.META.get("REMOTE_ADDR", "")
    return f"failures:{door}:{address}:{window}", WINDOW_SECONDS - elapsed


def refuse_after_failures(request: HttpRequest, door: str) -> None:
    """Raise Throttled when this address failed too often within the minute."""
    key, remaining = _key(request, door)
    if cache.get(key, 0) >= ALLOWED_FAILURES:
        raise Throttled(wait=remaining)


def count_failure(request: HttpRequest, door: str) -> None:
    key, _ = _key(request, door)
    cache.add(key, 0, timeout=2 * WINDOW_SECONDS)
    cache.incr(key)
