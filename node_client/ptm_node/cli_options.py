"""What several commands share."""

import json
import logging
from pathlib import Path
from typing import Annotated

import typer

ConfigOption = Annotated[
    Path,
    typer.Option(
        "--config",
        envvar="PTM_NODE_CONFIG",
        show_envvar=True,
        help="The configuration file of this node.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="For programs.")]


class JsonLines(logging.Formatter):
    """The daemon's log for programs: one object a line."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "at": self.formatTime(record),
            "level": record.levelname,
            "from": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)
