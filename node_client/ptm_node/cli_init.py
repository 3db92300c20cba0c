"""`ptm-node init`: on a terminal it asks for what it was not told."""

import socket
import sys
from pathlib import Path
from typing import Annotated, NamedTuple

import msgspec
import typer

from ptm_node.cli_options import ConfigOption, JsonOption
from ptm_node.errors import ConfigError, NotTrusted, Terminal, Trouble
from ptm_node.messages import Enrolled

_TRIES = 3


class _Answers(NamedTuple):
    server: str
    code: str
    name: str
    ca_bundle: str | None


def init(
    config_file: ConfigOption,
    server: Annotated[str, typer.Option(help="The address of the server.")] = "",
    code: Annotated[str, typer.Option(help="The one-time enrolment code.")] = "",
    name: Annotated[str, typer.Option(help="What to call this node.")] = "",
    ca_bundle: Annotated[
        Path | None, typer.Option(help="Certificates to trust, as a PEM file.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Enrol this node, and write its key and a configuration with comments."""
    bundle = str(ca_bundle.absolute()) if ca_bundle else None
    given = _Answers(server, code, name, bundle)
    if sys.stdin.isatty() and not as_json:
        enrolled = _enrol_and_ask(config_file, given)
    else:
        enrolled = _enrol(config_file, _complete(given))
    if as_json:
        typer.echo(msgspec.json.encode(enrolled).decode())
        return
    typer.echo(f"Enrolled as node {enrolled.node} of {enrolled.organization.name}.")
    typer.echo(f"Now release databases and images in {config_file}, then start it:")
    typer.echo(f"  ptm-node run --config {config_file}")


def _complete(given: _Answers) -> _Answers:
    for option in ("server", "code"):
        if not getattr(given, option):
            raise ConfigError(
                f"--{option} is missing, and nobody is there to be asked."
            )
    return given._replace(name=given.name or socket.gethostname())


def _enrol(path: Path, answers: _Answers) -> Enrolled:
    from ptm_node.enrol import initialise

    return initialise(path, *answers)


def _enrol_and_ask(path: Path, given: _Answers) -> Enrolled:
    """A wrong answer is asked for again, and costs no other."""
    from ptm_node.enrol import check_path

    check_path(path)
    found = _ask_way(given)
    if not found.name:
        name = typer.prompt("What to call this node", default=socket.gethostname())
        found = found._replace(name=name)
    for _ in range(_TRIES - 1):
        if not found.code:
            found = found._replace(code=typer.prompt("The one-time enrolment code"))
        try:
            return _enrol(path, found)
        except Terminal as refused:
            typer.echo(f"{refused}", err=True)
            found = found._replace(code="")
    return _enrol(path, found._replace(code=typer.prompt("The code, once more")))


def _ask_way(given: _Answers) -> _Answers:
    """Asks until the server answers and its certificate is trusted."""
    from ptm_node.enrol import check_way

    found = given
    while True:
        if not found.server:
            address = typer.prompt("The address of the server (https://…)")
            found = found._replace(server=address.strip())
        try:
            check_way(found.server, found.ca_bundle)
            return found
        except NotTrusted as problem:
            typer.echo(f"{problem}", err=True)
            bundle = Path(typer.prompt("Certificates to trust, as a PEM file"))
            found = found._replace(ca_bundle=str(bundle.expanduser().absolute()))
        except (ConfigError, Trouble) as problem:
            typer.echo(f"{problem}", err=True)
            found = found._replace(server="")
