"""A node's last 30 days in bars and in words."""

from datetime import UTC, date, datetime, timedelta

import pytest

from apps.nodes.models import Node, OnlineDay
from apps.nodes.uptime import DAYS, HEIGHT, Uptime, uptime_of
from tests.worlds import World

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
DAY = 24 * 3600.0

pytestmark = pytest.mark.django_db


def day(ago: int) -> date:
    return NOW.date() - timedelta(days=ago)


def shown(
    world: World,
    seconds: dict[int, float],
    *,
    created: datetime = NOW - timedelta(days=90),
    seen: datetime | None = NOW - timedelta(hours=2),
) -> Uptime | None:
    """What is shown of a node that was heard so many seconds so many days ago."""
    node = Node.objects.get(pk=world.nodes[0].node.pk)
    node.online_days.all().delete()
    for ago, heard in seconds.items():
        OnlineDay.objects.create(node=node, day=day(ago), seconds=heard)
    node.created_at, node.last_seen_at, node.left_at = created, seen, None
    return uptime_of(node, NOW)


def sentence(uptime: Uptime | None) -> str:
    assert uptime is not None
    return uptime.sentence.replace("\u00a0", " ")


ALWAYS = {0: DAY / 2, **dict.fromkeys(range(1, 40), DAY)}


def test_a_node_that_was_always_there(world: World) -> None:
    uptime = shown(world, ALWAYS)
    assert sentence(uptime) == "Online all of the time in the last 30 days."
    assert uptime is not None
    assert [bar.day.level for bar in uptime.bars] == [HEIGHT] * DAYS
    assert {bar.day.words for bar in uptime.bars} == {"online"}


def test_restarts_are_no_absence(world: World) -> None:
    found = shown(world, {ago: heard - 50 for ago, heard in ALWAYS.items()})
    assert sentence(found) == "Online all of the time in the last 30 days."


def test_absences_are_named_with_their_days(world: World) -> None:
    uptime = shown(world, {**ALWAYS, 10: DAY - 5 * 3600})
    assert sentence(uptime) == (
        "Online 99 % of the time in the last 30 days; offline 5 hours on 12 Nov."
    )
    assert uptime is not None
    partly = uptime.bars[-11]
    assert (partly.day.name, partly.day.words) == ("12 Nov", "offline 5 hours")
    assert 0 < partly.day.level < HEIGHT
    assert partly.y == HEIGHT - partly.day.level


def test_the_longest_absences_come_first_and_the_others_are_counted(
    world: World,
) -> None:
    gone = {9: DAY - 90, 7: DAY - 7200, 5: DAY - 120, 3: 0.0}
    uptime = shown(world, {**ALWAYS, **gone})
    assert sentence(uptime).endswith(
        "; offline 2 hours on 15 Nov, all day on 19 Nov and on 2 other days."
    )
    two = shown(world, {**ALWAYS, 7: DAY - 7200, 3: 0.0})
    assert sentence(two).endswith("; offline 2 hours on 15 Nov and all day on 19 Nov.")


def test_a_few_minutes_in_a_month_are_not_rounded_away(world: World) -> None:
    uptime = shown(world, {**ALWAYS, 4: DAY - 61})
    assert "Online 99 % of the time" in sentence(uptime)
    assert uptime is not None
    assert uptime.bars[-5].day.level < HEIGHT


def test_what_was_before_the_node_is_not_held_against_it(world: World) -> None:
    let_in = NOW - timedelta(days=2, hours=6)
    uptime = shown(world, {0: DAY / 2, 1: DAY, 2: 18 * 3600}, created=let_in)
    assert sentence(uptime) == "Online all of the time since 20 Nov."
    assert uptime is not None
    assert [bool(bar.day.known) for bar in uptime.bars] == [False] * 27 + [True] * 3
    assert uptime.bars[0].day.words == "nothing recorded"


def test_what_was_before_the_record_is_not_held_against_it(world: World) -> None:
    uptime = shown(world, {0: DAY / 2, 1: DAY})
    assert sentence(uptime) == "Online all of the time since 21 Nov."


def test_a_node_that_is_there_counts_up_to_this_moment(world: World) -> None:
    just_now = NOW - timedelta(seconds=40)
    new = NOW - timedelta(minutes=2)
    uptime = shown(world, {0: 80}, created=new, seen=just_now)
    assert sentence(uptime) == "Online all of the time since 22 Nov."
    assert uptime is not None
    assert uptime.days[-1].online == timedelta(minutes=2)


def test_a_node_that_has_gone_says_so(world: World) -> None:
    long_ago = NOW - timedelta(days=50)
    for heard in ({50: 60.0}, {}):
        uptime = shown(world, heard, seen=long_ago)
        assert sentence(uptime) == "Offline all of the time in the last 30 days."
        assert uptime is not None
        assert {bar.day.level for bar in uptime.bars} == {0}


def test_a_node_that_was_never_heard_has_no_history(world: World) -> None:
    assert shown(world, {}, seen=None) is None


def test_a_node_that_was_heard_for_the_first_time_right_now(world: World) -> None:
    uptime = shown(world, {}, created=NOW, seen=NOW)
    assert sentence(uptime) == "Online all of the time since 22 Nov."
