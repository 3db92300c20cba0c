"""How long a node was heard: counted as its words arrive, kept for two months."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import partial

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.nodes.choices import ONLINE_WITHIN
from apps.nodes.models import Node, OnlineDay
from apps.nodes.services import record_contact, record_goodbye
from apps.nodes.sweeps import delete_old_online_days
from ptm_site import worker
from tests.threads import at_once
from tests.worlds import World

NOON = datetime(2026, 11, 12, 12, tzinfo=UTC)
BEAT = timedelta(seconds=20)

SetClock = Callable[[datetime], None]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SetClock:
    def show(moment: datetime) -> None:
        monkeypatch.setattr(timezone, "now", lambda: moment)

    return show


def node_heard(world: World, at: datetime, left: datetime | None = None) -> Node:
    nodes = Node.objects.filter(pk=world.nodes[0].node.pk)
    nodes.update(last_seen_at=at, left_at=left)
    OnlineDay.objects.all().delete()
    return stored(world)


def stored(world: World) -> Node:
    node: Node = Node.objects.get(pk=world.nodes[0].node.pk)
    return node


def days(world: World) -> dict[date, float]:
    rows = OnlineDay.objects.filter(node=world.nodes[0].node.pk)
    return dict(rows.values_list("day", "seconds"))


def beats(world: World, clock: SetClock, *moments: datetime) -> None:
    for moment in moments:
        clock(moment)
        record_contact(node=stored(world))


@pytest.mark.backends
def test_the_time_between_two_words_counts(world: World, clock: SetClock) -> None:
    node_heard(world, NOON)
    beats(world, clock, NOON + BEAT, NOON + 2 * BEAT, NOON + 2.5 * BEAT)
    assert days(world) == {NOON.date(): 50.0}


@pytest.mark.backends
def test_a_span_across_midnight_is_shared_by_two_days(
    world: World, clock: SetClock
) -> None:
    late = datetime(2026, 11, 12, 23, 59, 55, tzinfo=UTC)
    node_heard(world, late)
    beats(world, clock, late + BEAT, late + 2 * BEAT)
    assert days(world) == {date(2026, 11, 12): 5.0, date(2026, 11, 13): 35.0}


def test_silence_longer_than_a_minute_is_absence(world: World, clock: SetClock) -> None:
    node_heard(world, NOON)
    back = NOON + ONLINE_WITHIN
    beats(world, clock, back, back + BEAT)
    assert days(world) == {NOON.date(): 20.0}


def test_what_came_after_a_goodbye_is_absence(world: World, clock: SetClock) -> None:
    node_heard(world, NOON)
    clock(NOON + BEAT)
    record_goodbye(node=stored(world))
    assert days(world) == {NOON.date(): 20.0}
    clock(NOON + 2 * BEAT)
    record_goodbye(node=stored(world))
    beats(world, clock, NOON + 2.5 * BEAT, NOON + 3 * BEAT)
    assert days(world) == {NOON.date(): 30.0}


def test_a_clock_that_was_set_back_takes_nothing_away(
    world: World, clock: SetClock
) -> None:
    node_heard(world, NOON)
    beats(world, clock, NOON - BEAT, NOON)
    assert days(world) == {NOON.date(): 20.0}


def test_a_quick_restart_is_no_absence_and_a_first_word_counts_nothing(
    world: World,
) -> None:
    node_heard(world, timezone.now() - timedelta(seconds=30))
    world.nodes[0].restarted().hello(world.released())
    assert 30 <= sum(days(world).values()) < 60
    Node.objects.update(last_seen_at=None)
    OnlineDay.objects.all().delete()
    world.nodes[0].restarted()
    record_contact(node=stored(world))
    assert days(world) == {}
    assert stored(world).is_online


def test_words_that_arrive_at_once_count_once(world: World, clock: SetClock) -> None:
    node_heard(world, NOON)
    one, other = stored(world), stored(world)
    clock(NOON + BEAT)
    record_contact(node=one)
    record_contact(node=other)
    assert days(world) == {NOON.date(): 20.0}


def test_a_heartbeat_that_is_overtaken_by_a_goodbye_does_not_undo_it(
    world: World, clock: SetClock
) -> None:
    node = node_heard(world, NOON)
    clock(NOON + BEAT)
    record_goodbye(node=stored(world))
    record_contact(node=node)
    assert stored(world).left_at == NOON + BEAT
    assert days(world) == {NOON.date(): 20.0}


@pytest.mark.backends
@pytest.mark.django_db(transaction=True)
def test_eight_heartbeats_in_eight_threads_count_once(world: World) -> None:
    node = node_heard(world, timezone.now() - timedelta(seconds=40))
    answers = at_once([partial(record_contact, node=node)] * 8)
    assert answers == [None] * 8
    assert 40 <= sum(days(world).values()) < 60


def written(captured: CaptureQueriesContext) -> list[str]:
    """The statements, without the marks of transactions."""
    sql = [query["sql"] for query in captured.captured_queries]
    return [each for each in sql if "SAVEPOINT" not in each and each != "BEGIN"]


def test_a_heartbeat_costs_one_statement_more_and_other_words_none(
    world: World,
) -> None:
    node = node_heard(world, timezone.now() - BEAT)
    with CaptureQueriesContext(connection) as captured:
        record_contact(node=node)
    assert [sql.split()[0] for sql in written(captured)] == ["UPDATE", "INSERT"]
    for act in (world.nodes[0].claim, world.nodes[0].claim):
        with CaptureQueriesContext(connection) as captured:
            assert act().status_code == 200
        assert not any("nodes_onlineday" in sql for sql in written(captured))


@pytest.mark.backends
def test_days_are_kept_for_two_months(world: World) -> None:
    node, today = stored(world), timezone.now().date()
    OnlineDay.objects.all().delete()
    for ago in (0, 60, 61, 400):
        day = today - timedelta(days=ago)
        OnlineDay.objects.create(node=node, day=day, seconds=1)
    assert delete_old_online_days() == 2
    assert set(days(world)) == {today, today - timedelta(days=60)}
    assert delete_old_online_days() == 0
    assert delete_old_online_days in worker.SWEEPS.values()
