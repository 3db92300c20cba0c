"""`ptm-node audit`: what happened here, and whether the record of it is whole."""

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Annotated

import typer
from msgspec.structs import asdict

from ptm_node import config
from ptm_node.audit import Audit
from ptm_node.cli_options import ConfigOption, JsonOption
from ptm_node.errors import ConfigError
from ptm_node.messages import Head

app = typer.Typer(
    help="What happened at this site, in a chain that shows any change.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command()
def verify(
    config_file: ConfigOption,
    head: Annotated[
        str, typer.Option(help="NUMBER:SHA256, as the server shows it of this node.")
    ] = "",
    as_json: JsonOption = False,
) -> None:
    """Follow the chain. Exit status 1 if an entry was changed, or is gone."""
    with _audit(config_file) as audit:
        end = audit.verify(_head(head) if head else None)
    if as_json:
        typer.echo(json.dumps(asdict(end)))
    else:
        typer.echo(f"Whole: {end.number} entries, the newest {end.number}:{end.sha256}")


@app.command()
def export(config_file: ConfigOption) -> None:
    """Write every entry as a line of JSON, with its number and hash."""
    with _audit(config_file) as audit:
        for row in audit.entries():
            entry = json.loads(row["entry"])
            line = {"number": row["number"], **entry, "sha256": row["sha256"]}
            typer.echo(json.dumps(line))


@contextmanager
def _audit(config_file: Path) -> Iterator[Audit]:
    path = Path(config.load(config_file).node.state) / "audit.sqlite3"
    if not path.exists():
        raise ConfigError(f"{path}: there is no audit; this node never ran.")
    with closing(Audit(path)) as audit:
        yield audit


def _head(text: str) -> Head:
    number, _, digest = text.partition(":")
    if not number.isdecimal() or len(digest) != 64:
        raise ConfigError(f"{text!r} is not a number, a colon and a hash.")
    return Head(int(number), digest)
