"""What several commands share."""

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
