"""Hours of the day in which a site begins nothing new."""

import re
from datetime import datetime, time

SPAN = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)")


class Span(str):
    """Local time of every day, written like "22:00-06:30": its end is not in it."""

    __slots__ = ()

    @property
    def end(self) -> str:
        return self.partition("-")[2]

    def holds(self, moment: datetime) -> bool:
        begin, end = map(time.fromisoformat, self.split("-"))
        now = moment.time()
        return begin <= now < end if begin <= end else now >= begin or now < end


def quiet_until(spans: tuple[Span, ...], moment: datetime) -> str | None:
    """When the quiet hours end in which the moment lies, like "06:30"."""
    return next((span.end for span in spans if span.holds(moment)), None)
