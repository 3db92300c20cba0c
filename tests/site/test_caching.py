"""The cache between processes, which every request asks."""

from contextvars import Context

import pytest
from django.conf import LazySettings
from django.core.cache import caches
from django.core.cache.backends.base import BaseCache
from redis import Redis

REQUESTS = 20


def ask() -> BaseCache:
    """As each request does: in a context of its own, for which Django makes a cache."""
    caches["default"].get("asked")
    return caches["default"]


@pytest.mark.backends
def test_requests_share_their_connections_to_redis(settings: LazySettings) -> None:
    if not settings.REDIS_URL:
        pytest.skip("The cache is in memory.")
    with Redis.from_url(settings.REDIS_URL) as redis:
        before = len(redis.client_list())
        made = [Context().run(ask) for _ in range(REQUESTS)]
        assert len(set(map(id, made))) == REQUESTS
        assert len(redis.client_list()) <= before + 1
