"""The daemon's log, as lines for people or for programs."""

import json
import logging
import sys
from typing import TextIO

from ptm_node.terminal import printable


class PlainLines(logging.Formatter):
    """A message is one line, whatever a registry or an engine said in it."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802
        return printable(super().formatMessage(record))


class JsonLines(logging.Formatter):
    """One object a line."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "at": self.formatTime(record),
            "level": record.levelname,
            "from": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line)


class _Standing(logging.StreamHandler[TextIO]):
    """Writes to what stderr is at the time: bars put themselves before it."""

    def emit(self, record: logging.LogRecord) -> None:
        self.stream = sys.stderr
        super().emit(record)


def set_up_logging(*, as_json: bool) -> None:
    """The service manager shows these lines; libraries speak only of trouble."""
    style = "%(asctime)s %(levelname)s %(name)s: %(message)s"
    handler = _Standing()
    handler.setFormatter(JsonLines() if as_json else PlainLines(style))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    for library in ("urllib3", "docker", "websockets"):
        logging.getLogger(library).setLevel(logging.ERROR)
