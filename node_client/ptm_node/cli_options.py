"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

ConfigOption = Annotated[
    Path, typer.Option("--config", help="The configuration file of this node.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="For programs.")]
