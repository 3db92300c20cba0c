"""`ptm-node policy`: what the site's rules would say, before a task comes."""

import json
from typing import Annotated

import typer
from msgspec.structs import asdict

from ptm_node import config
from ptm_node.cli_options import ConfigOption, JsonOption
from ptm_node.errors import ExamplesFail
from ptm_node.rules import (
    Question,
    Verdict,
    decide,
    question_of_example,
    with_digest,
)

_OUTCOMES = {
    "run": "would run",
    "ask": "would wait for an approval",
    "refuse": "would be refused",
}

app = typer.Typer(
    help="What this site's rules say of a task.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command()
def explain(
    config_file: ConfigOption,
    image: Annotated[str, typer.Option(help="host/name, or host/name@sha256:…")],
    function: Annotated[str, typer.Option(help="The function that is called.")],
    collaboration: Annotated[int, typer.Option(help="Its number.")],
    database: Annotated[
        list[str] | None, typer.Option(help="A label; may be given several times.")
    ] = None,
    organization: Annotated[
        int | None, typer.Option(help="The number of the one that sent it.")
    ] = None,
    user: Annotated[str | None, typer.Option(help="Who sent it.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Say whether such a task would run here, and by which rule."""
    labels = database or []
    image = with_digest(image)
    question = Question(image, function, collaboration, labels, organization, user)
    verdict = decide(config.load(config_file), question)
    typer.echo(json.dumps(as_data(verdict)) if as_json else in_words(verdict))


@app.command("test")
def try_examples(config_file: ConfigOption, as_json: JsonOption = False) -> None:
    """Try the examples of the configuration. Exit status 1 if one is not as meant."""
    settings = config.load(config_file)
    results = [
        (example, decide(settings, question_of_example(example)))
        for example in settings.policy.examples
    ]
    rows = [
        {
            "example": number,
            "expect": example.expect,
            "as_meant": verdict.answer == example.expect,
            **as_data(verdict),
        }
        for number, (example, verdict) in enumerate(results, 1)
    ]
    typer.echo(json.dumps(rows) if as_json else _table(rows))
    wrong = sum(not row["as_meant"] for row in rows)
    if wrong:
        raise ExamplesFail(f"{wrong} of {len(rows)} examples are not as meant")


def as_data(verdict: Verdict) -> dict[str, object]:
    terms = {**verdict.terms._asdict(), "limits": asdict(verdict.terms.limits)}
    return {"answer": verdict.answer, **verdict._asdict(), "terms": terms}


def in_words(verdict: Verdict) -> str:
    lines = [*verdict.steps, f"{_OUTCOMES[verdict.answer]}: {verdict.reason}"]
    if verdict.runs and verdict.terms.release == "review":
        lines.append("its result would wait for a release")
    return "\n".join(lines)


def _table(rows: list[dict[str, object]]) -> str:
    if not rows:
        return "There are no [[policy.examples]] in the configuration."
    return "\n".join(
        f"{'as meant' if row['as_meant'] else 'NOT AS MEANT'}  example"
        f" {row['example']}, {row['expect']}: {row['reason']}"
        for row in rows
    )
