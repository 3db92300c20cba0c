"""The command `ptm-node`.

Exit status: 0 done · 1 anything else, such as a check that failed · 2 the
configuration or the command is to be corrected · 3 the server refuses this node (key
unknown or revoked, superseded by another daemon, protocol not supported) · 4 another
daemon holds the state folder.
"""

import json
import signal
import sys
import threading
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from ptm_node import (
    __version__,
    cli_audit,
    cli_decisions,
    cli_doctor,
    cli_init,
    cli_life,
    cli_policy,
    config,
)
from ptm_node.cli_options import ConfigOption, JsonOption
from ptm_node.errors import NodeError
from ptm_node.log_lines import set_up_logging
from ptm_node.state import HEED

if TYPE_CHECKING:
    from ptm_node.agent import Agent

# Each command imports what only it needs, so that the daemon stays small.

app = typer.Typer(
    help="A node of PyTaskManager: runs algorithms beside a site's own data.",
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

app.add_typer(cli_policy.app, name="policy")
app.add_typer(cli_audit.app, name="audit")
for command in (
    cli_init.init,
    cli_decisions.approve,
    cli_decisions.reject,
    cli_decisions.release,
    cli_decisions.withhold,
    cli_doctor.doctor,
    cli_life.runs,
    cli_life.logs,
    cli_life.pause,
    cli_life.resume,
    cli_life.stop,
    cli_life.gc,
):
    app.command()(command)


@app.command()
def run(config_file: ConfigOption, as_json: JsonOption = False) -> None:
    """Run the daemon. The first SIGTERM or Ctrl-C drains it, a second ends it now."""
    from ptm_node.agent import Agent
    from ptm_node.cleaning import Cleaner
    from ptm_node.clock import Clock
    from ptm_node.doctor import paths
    from ptm_node.progress import Silent, bars
    from ptm_node.runtimes.docker import DockerRuntime

    set_up_logging(as_json=as_json)
    settings = config.load(config_file)
    key = config.read_key(Path(settings.node.key_file))
    paths.require(settings)
    signals = {signal.SIGTERM, signal.SIGINT, HEED}
    # Blocked in every thread; one thread takes them when they come.
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    clock = Clock()
    watched = sys.stderr.isatty() and not as_json
    with bars() if watched else nullcontext(Silent()) as progress:
        oci_runtime = settings.node.oci_runtime
        node = config.key_prefix(key)
        runtime = DockerRuntime(node, clock, oci_runtime, progress)
        cleaner = Cleaner(settings, runtime, clock)
        agent = Agent(settings, key, runtime, clock, progress, cleaner.look)
        threading.Thread(target=_obey, args=(agent, signals), daemon=True).start()
        agent.serve()


@app.command()
def status(
    config_file: ConfigOption,
    as_json: JsonOption = False,
) -> None:
    """Show what this node holds, and when it last heard from the server."""
    from ptm_node.status import describe, read

    found = read(Path(config.load(config_file).node.state))
    typer.echo(json.dumps(found) if as_json else describe(found))


@app.command()
def version(as_json: JsonOption = False) -> None:
    """Show the version."""
    typer.echo(json.dumps({"version": __version__}) if as_json else __version__)


def main() -> None:
    try:
        app()
    except NodeError as error:
        typer.echo(f"ptm-node: {error}", err=True)
        sys.exit(error.exit_code)


def _obey(agent: "Agent", signals: set[signal.Signals]) -> None:
    for end in (agent.drain, agent.leave):
        while signal.sigwait(signals) == HEED:
            agent.heed()
        end()
