"""A log as text that a page may show, whatever bytes a container wrote."""

import re
from dataclasses import dataclass

from apps.tasks.logs import log_length, read_log
from apps.tasks.models import Run

SHOWN_BYTES = 256 * 1024

# Colours, cursor moves and titles: CSI, OSC (and its kin) up to their end, the rest.
ANSI = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"
    r"|\x1b[\]PX^_][^\x07\x1b\n]*(?:\x07|\x1b\\)?"
    r"|\x1b[ -/]*[0-~]"
)
# What could hide or reorder text: controls, and marks of writing direction.
HARMFUL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]"
)


@dataclass(frozen=True)
class LogPart:
    """Lines of a log from a byte on, and where to read on.

    `unfinished` is the last line as far as it came; the next part begins with it.
    """

    lines: str
    unfinished: str
    offset: int
    size: int
    skipped: int = 0


def readable(data: bytes) -> str:
    text = data.decode("utf-8", errors="replace")
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return HARMFUL.sub("\N{REPLACEMENT CHARACTER}", ANSI.sub("", text))


def log_part(run: Run, offset: int = 0) -> LogPart:
    """Return the log from `offset`, of which only the last SHOWN_BYTES are shown."""
    size = log_length(run)
    begin = max(offset, size - SHOWN_BYTES)
    data = read_log(run, begin)
    if begin > offset:
        # Not from the middle of a line, if there is a whole one.
        cut = data.find(b"\n") + 1
        begin, data = begin + cut, data[cut:]
    end = data.rfind(b"\n") + 1
    return LogPart(
        lines=readable(data[:end]),
        unfinished=readable(data[end:]),
        offset=begin + end,
        size=size,
        skipped=begin - offset,
    )
