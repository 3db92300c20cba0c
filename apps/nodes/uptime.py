"""A node's last 30 days, as small bars and as a sentence."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from apps.nodes.models import Node, OnlineDay
from apps.nodes.online_days import by_day, midnight
from ptm_site.templatetags.page import span_in_words

DAYS = 30
NAMED = 2  # days that the sentence names
GAP = timedelta(minutes=1)  # less is a restart, not an absence
WHOLE = timedelta(days=1)
HEIGHT, STEP, LEAST = 20, 11, 3


@dataclass(frozen=True)
class Day:
    """A day of UTC: how much of it is known, and in how much the node was heard."""

    day: date
    known: timedelta
    online: timedelta

    @property
    def offline(self) -> timedelta:
        gap = self.known - self.online
        return gap if gap >= GAP else timedelta()

    @property
    def name(self) -> str:
        return f"{self.day:%-d %b}"

    @property
    def words(self) -> str:
        if not self.known:
            return "nothing recorded"
        if not self.offline:
            return "online"
        return f"offline {self.absence}"

    @property
    def absence(self) -> str:
        return "all day" if self.offline == WHOLE else span_in_words(self.offline)

    @property
    def level(self) -> int:
        """The height of what is drawn as online."""
        if not self.offline:
            return HEIGHT
        share = self.online / self.known
        return min(max(round(share * HEIGHT), LEAST), HEIGHT - LEAST) if share else 0


@dataclass(frozen=True)
class Bar:
    day: Day
    x: int

    @property
    def y(self) -> int:
        return HEIGHT - self.day.level


@dataclass(frozen=True)
class Uptime:
    days: Sequence[Day]

    @property
    def bars(self) -> list[Bar]:
        return [Bar(day, number * STEP) for number, day in enumerate(self.days)]

    @property
    def sentence(self) -> str:
        gaps = [day for day in self.days if day.offline]
        if not gaps:
            return f"Online all of the time {self._since}."
        online = sum((day.online for day in self.days), timedelta())
        if not online:
            return f"Offline all of the time {self._since}."
        known = sum((day.known for day in self.days), timedelta())
        percent = min(max(round(100 * (online / known)), 1), 99)
        share = f"Online {percent}\u00a0% of the time {self._since}"
        return f"{share}; offline {_absences(gaps)}."

    @property
    def _since(self) -> str:
        first = next((day for day in self.days if day.known), self.days[-1])
        if first is self.days[0]:
            return f"in the last {DAYS} days"
        return f"since {first.name}"


def uptime_of(node: Node, now: datetime) -> Uptime | None:
    """The node's last days up to now; None if it was never heard."""
    rows: list[OnlineDay] = list(node.online_days.all())
    begin = _begin(node, rows)
    if begin is None:
        return None
    online = {row.day: row.seconds for row in rows}
    if node.last_seen_at is not None and node.online_at(now):
        for day, seconds in by_day(node.last_seen_at, now):  # not counted yet
            online[day] = online.get(day, 0) + seconds
    today = now.astimezone(UTC).date()
    days = [today - timedelta(days=ago) for ago in reversed(range(DAYS))]
    return Uptime([_day(day, online.get(day, 0), begin, now) for day in days])


def _begin(node: Node, rows: Iterable[OnlineDay]) -> datetime | None:
    """Since when it is known whether the node was there."""
    first = min((row.day for row in rows), default=None)
    if first is None:
        return node.last_seen_at
    return max(midnight(first), node.created_at)


def _day(day: date, seconds: float, begin: datetime, now: datetime) -> Day:
    start = max(midnight(day), begin)
    end = min(midnight(day + timedelta(days=1)), now)
    known = max(end - start, timedelta())
    return Day(day, known, min(timedelta(seconds=seconds), known))


def _absences(gaps: Sequence[Day]) -> str:
    """The longest absences in their order, and on how many other days there were."""
    longest = sorted(gaps, key=lambda day: day.offline, reverse=True)[:NAMED]
    named = [f"{day.absence} on {day.name}" for day in gaps if day in longest]
    if others := len(gaps) - len(named):
        named.append(f"on {others} other day{'s' if others > 1 else ''}")
    return " and ".join([", ".join(named[:-1]), named[-1]]) if named[1:] else named[0]
