"""`ptm-node approve|reject|release|withhold`: what the site's people say."""

import json
import shutil
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Annotated, NamedTuple

import msgspec
import typer

from ptm_node import cases, config, decisions
from ptm_node.audit import Audit
from ptm_node.cli_options import ConfigOption, JsonOption
from ptm_node.decisions import Answer, Scope
from ptm_node.errors import NotWaiting
from ptm_node.journal import Journal, Phase, Row
from ptm_node.rules import decide, question_of
from ptm_node.sections import Config
from ptm_node.state import HEED, tell
from ptm_node.status import open_journal

RunArgument = Annotated[
    int | None, typer.Argument(help="The number of the run; without it, a list.")
]
NameOption = Annotated[
    str, typer.Option("--name", help="Who decides; without it, nothing is decided.")
]
ReasonOption = Annotated[str, typer.Option("--reason", help="Kept in the audit.")]


class _Desk(NamedTuple):
    config: Config
    journal: Journal
    audit: Audit

    @property
    def state(self) -> Path:
        return Path(self.config.node.state)


def approve(
    config_file: ConfigOption,
    run: RunArgument = None,
    name: NameOption = "",
    reason: ReasonOption = "",
    scope: Annotated[
        Scope, typer.Option("--for", help="What else the yes covers.")
    ] = Scope.RUN,
    lasts: Annotated[
        str, typer.Option(help="How long it does, like 30d; else as in [policy].")
    ] = "",
    as_json: JsonOption = False,
) -> None:
    """List what waits for an approval; show one run; with --name, say yes to it."""
    with _desk(config_file) as desk:
        seconds = config.duration(lasts) if lasts else desk.config.policy.approval_lasts
        until = None if scope is Scope.RUN else time.time() + seconds
        given = Answer(True, name, reason, scope, until)
        _show_or_decide(desk, Phase.AWAITING_APPROVAL, run, given, as_json)


def reject(
    config_file: ConfigOption,
    run: RunArgument = None,
    name: NameOption = "",
    reason: ReasonOption = "",
    as_json: JsonOption = False,
) -> None:
    """Say no to a run that waits for an approval."""
    with _desk(config_file) as desk:
        given = Answer(False, name, reason)
        _show_or_decide(desk, Phase.AWAITING_APPROVAL, run, given, as_json)


def release(
    config_file: ConfigOption,
    run: RunArgument = None,
    name: NameOption = "",
    reason: ReasonOption = "",
    save: Annotated[
        Path | None, typer.Option(help="Write the result there, to look at it.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """List which results wait; show one; with --name, let it leave the site."""
    with _desk(config_file) as desk:
        if run is not None and save is not None:
            row = _waiting(desk, Phase.AWAITING_RELEASE, run)
            shutil.copyfile(desk.state / "spool" / str(row.key), save)
        given = Answer(True, name, reason)
        _show_or_decide(desk, Phase.AWAITING_RELEASE, run, given, as_json)


def withhold(
    config_file: ConfigOption,
    run: RunArgument = None,
    name: NameOption = "",
    reason: ReasonOption = "",
    as_json: JsonOption = False,
) -> None:
    """Keep a result that waits for its release: it is deleted here."""
    with _desk(config_file) as desk:
        given = Answer(False, name, reason)
        _show_or_decide(desk, Phase.AWAITING_RELEASE, run, given, as_json)


@contextmanager
def _desk(config_file: Path) -> Iterator[_Desk]:
    settings = config.load(config_file)
    state = Path(settings.node.state)
    with (
        open_journal(state) as journal,
        closing(Audit(state / "audit.sqlite3")) as audit,
    ):
        yield _Desk(settings, journal, audit)


def _show_or_decide(
    desk: _Desk, phase: Phase, run: int | None, given: Answer, as_json: bool
) -> None:
    """Nothing is decided without a run and a name."""
    if run is None or not given.name:
        _show(desk, phase, run, as_json)
    else:
        _decide(desk, phase, run, given, as_json)


def _show(desk: _Desk, phase: Phase, run: int | None, as_json: bool) -> None:
    rows = cases.waiting(desk.journal, phase)
    if run is not None:
        rows = [_waiting(desk, phase, run)]
    found = [cases.case_of(row, desk.config, desk.audit) for row in rows]
    if as_json:
        shown = found if run is None else found[0]
        typer.echo(msgspec.json.encode(shown).decode())
    elif run is None:
        lines = map(cases.in_a_line, found)
        typer.echo("\n".join(lines) or "Nothing waits.")
    else:
        typer.echo(cases.in_full(found[0]))
        if phase is Phase.AWAITING_RELEASE:
            typer.echo("result\n" + cases.preview(desk.state / "spool", rows[0]))


def _decide(desk: _Desk, phase: Phase, run: int, given: Answer, as_json: bool) -> None:
    row = _waiting(desk, phase, run)
    # Blanks make no second person of the first.
    given = given._replace(name=" ".join(given.name.split()))
    if not given.name:
        raise NotWaiting("say who decides: --name is blank")
    terms = decide(desk.config, question_of(row.assignment)).terms
    if given.scope is Scope.IMAGE and terms.approval == "always":
        raise NotWaiting("this site asks for every run: use --for task, or none")
    before = decisions.standing(desk.audit, row, terms).names
    if given.yes and given.name.casefold() in map(str.casefold, before):
        raise NotWaiting(f"{given.name} has said yes already: somebody else has to")
    decisions.answer(desk.audit, row, given)
    names = [*before, given.name] if given.yes else []
    missing = max(terms.approvers - len(names), 0) if given.yes else 0
    runs = tell(desk.state, HEED)
    if as_json:
        answer = {"run": run, "yes": given.yes, "said_yes": names, "missing": missing}
        typer.echo(json.dumps(answer))
    elif missing:
        typer.echo(f"Kept. {missing} more has to say yes.")
    else:
        typer.echo("Done." if runs else "Kept: it holds when the daemon runs again.")


def _waiting(desk: _Desk, phase: Phase, run: int) -> Row:
    for row in cases.waiting(desk.journal, phase):
        if row.key.run == run:
            return row
    what = "its release" if phase is Phase.AWAITING_RELEASE else "an approval"
    raise NotWaiting(f"run {run} does not wait for {what}")
