"""`ptm-node runs|logs|pause|resume|stop|gc`: the daemon from day to day."""

import json
import signal
import sys
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from ptm_node import config
from ptm_node.cli_options import ConfigOption, JsonOption
from ptm_node.errors import StillThere


def runs(
    config_file: ConfigOption,
    limit: Annotated[int, typer.Option(min=1, help="How many ended ones.")] = 50,
    as_json: JsonOption = False,
) -> None:
    """List what this node holds, and what has ended here, newest first."""
    from ptm_node import history

    told = history.read(_state(config_file), limit)
    typer.echo(json.dumps(told) if as_json else history.describe(told))


def logs(
    config_file: ConfigOption,
    run: Annotated[int, typer.Argument(help="The number of the run.")],
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on until the run ends.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Show what a run's container wrote, in its newest attempt."""
    from ptm_node import reading

    state = _state(config_file)
    key = reading.newest_attempt(state, run)
    for piece in reading.pieces(state, key, follow=follow):
        text = piece.decode(errors="replace")
        if as_json:
            line = {"run": key.run, "attempt": key.attempt, "text": text}
            typer.echo(json.dumps(line))
        elif sys.stdout.isatty():
            typer.echo(_tame(text), nl=False)
        else:
            sys.stdout.buffer.write(piece)
        sys.stdout.flush()


def pause(
    config_file: ConfigOption,
    reason: Annotated[str, typer.Option(help="Shown by `status`.")] = "by the operator",
    as_json: JsonOption = False,
) -> None:
    """Begin nothing new until `resume`, over any restart. What runs goes on."""
    from ptm_node import status

    status.pause(_state(config_file), reason)
    said = json.dumps({"paused": reason}) if as_json else "Paused: no new run begins."
    typer.echo(said)


def resume(config_file: ConfigOption, as_json: JsonOption = False) -> None:
    """Take work again after `pause`."""
    from ptm_node import status

    status.pause(_state(config_file), "")
    said = json.dumps({"paused": ""}) if as_json else "Resumed: the node asks for work."
    typer.echo(said)


def stop(
    config_file: ConfigOption,
    now: Annotated[
        bool, typer.Option("--now", help="Do not wait for what runs: it goes on.")
    ] = False,
    within: Annotated[
        str, typer.Option(help="How long to wait, like 5m; else until it has ended.")
    ] = "",
    as_json: JsonOption = False,
) -> None:
    """End the daemon, and wait until it has. Exit status 1 if it has not by then."""
    from ptm_node import state

    folder = _state(config_file)
    seconds = config.duration(within) if within else None
    running = state.is_used(folder)
    # Two kinds, because a second signal of one kind may be lost in the first.
    signals = [signal.SIGTERM, signal.SIGINT] if now else [signal.SIGTERM]
    if not state.end(folder, *signals, seconds=seconds):
        raise StillThere("the daemon still waits for its runs; --now leaves them alone")
    if as_json:
        typer.echo(json.dumps({"ended": running}))
    else:
        typer.echo("The daemon has ended." if running else "No daemon runs.")


def gc(
    config_file: ConfigOption,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be removed.")
    ] = False,
    unused_for: Annotated[
        str, typer.Option(help="How long logs are kept, and images a day at most.")
    ] = "30d",
    as_json: JsonOption = False,
) -> None:
    """Remove what no run needs: containers, files, old logs, images beyond a bound."""
    from ptm_node.clock import Clock
    from ptm_node.rubbish import Collector
    from ptm_node.runtimes.docker import DockerRuntime
    from ptm_node.sections import Size

    settings = config.load(config_file)
    node = config.key_prefix(config.read_key(Path(settings.node.key_file)))
    runtime = DockerRuntime(node, Clock())
    with runtime.connected() as client:
        collector = Collector(
            settings, runtime, client, config.duration(unused_for), dry_run=dry_run
        )
        found = list(collector.collect())
    if as_json:
        typer.echo(msgspec.json.encode(found).decode())
        return
    for each in found:
        typer.echo(f"{each.kind} {each.name}: {Size(each.size).in_words}")
    freed = Size(sum(each.size for each in found)).in_words
    typer.echo(f"{'Would free' if dry_run else 'Freed'} {freed}.")


def _state(config_file: Path) -> Path:
    return Path(config.load(config_file).node.state)


def _tame(text: str) -> str:
    """A container's words, in which nothing can steer the terminal."""
    from ptm_node.terminal import printable

    return "\n".join(printable(line.expandtabs()) for line in text.split("\n"))
