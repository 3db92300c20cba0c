"""`ptm-node doctor`: what is wrong, and what to do about it."""

import msgspec
import typer

from ptm_node.cli_options import ConfigOption, JsonOption
from ptm_node.errors import Unwell


def doctor(config_file: ConfigOption, as_json: JsonOption = False) -> None:
    """Check everything a run needs. Exit status 1 if a check failed."""
    from ptm_node.doctor.examination import examine
    from ptm_node.doctor.findings import Level, in_words

    findings = []
    for finding in examine(config_file):
        findings.append(finding)
        if not as_json:
            typer.echo(in_words([finding]))
    if as_json:
        typer.echo(msgspec.json.encode(findings).decode())
    wrong = sum(each.level is Level.FAILED for each in findings)
    if wrong:
        raise Unwell(f"{wrong} of {len(findings)} checks failed")
