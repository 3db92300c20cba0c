"""Hints after a commit: all of them, or none, and a lost one takes no other along."""

import asyncio
import time
from typing import Any, cast

import pytest
from channels.layers import InMemoryChannelLayer, get_channel_layer
from django.conf import LazySettings
from django.db import transaction

from apps.notify import hint, notify

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What was sent; the layer fails for one group."""
    messages: list[dict[str, Any]] = []

    async def group_send(group: str, message: dict[str, Any]) -> None:
        if group == "broken":
            raise ConnectionError("the layer is away")
        messages.append(message)

    monkeypatch.setattr(get_channel_layer(), "group_send", group_send)
    return messages


def test_hints_leave_after_the_commit_in_their_order(
    heard: list[dict[str, Any]],
) -> None:
    with transaction.atomic():
        notify(hint("a", task=1), hint("b"))
        assert heard == []
    assert heard == [
        {"type": "hint", "group": "a", "task": 1},
        {"type": "hint", "group": "b"},
    ]


def test_nothing_is_said_of_what_was_undone(heard: list[dict[str, Any]]) -> None:
    with transaction.atomic():
        notify(hint("a"))
        transaction.set_rollback(True)
    assert heard == []


def test_a_lost_hint_fails_nothing_and_takes_no_other_along(
    heard: list[dict[str, Any]], caplog: pytest.LogCaptureFixture
) -> None:
    notify(hint("a"), hint("broken"), hint("b"))
    assert [message["group"] for message in heard] == ["a", "b"]
    assert "A hint to broken was lost" in caplog.text


async def test_who_joined_weeks_ago_still_hears(
    monkeypatch: pytest.MonkeyPatch, settings: LazySettings
) -> None:
    if settings.REDIS_URL:
        pytest.skip("Redis keeps its subscribers")
    layer = cast(InMemoryChannelLayer, get_channel_layer())
    channel = await layer.new_channel()
    await layer.group_add("work.1", channel)
    now = time.time()
    monkeypatch.setattr("channels.layers.time.time", lambda: now + 30 * 24 * 3600)
    await layer.group_send("work.1", {"type": "hint"})
    assert await asyncio.wait_for(layer.receive(channel), 5) == {"type": "hint"}
    await layer.group_discard("work.1", channel)
