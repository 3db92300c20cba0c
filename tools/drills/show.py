"""A line for each recipe, as a person reads it."""

from collections.abc import Sequence

from tools.drills.recipe import Recipe
from tools.drills.verdict import Verdict

NAME_WIDTH = 70


def line(recipe: Recipe, found: Verdict, seconds: float) -> str:
    mark = "BROKEN" if found.broken else "ok"
    counts = [
        counted(found.runs, "run"),
        counted(found.starts, "start"),
        counted(found.results, "result"),
        f"ended {found.ended_after:.1f} s after the fault",
    ]
    said = (
        f"{mark:<7}{recipe.name:<{NAME_WIDTH}} {seconds:5.1f} s   {', '.join(counts)}"
    )
    below = [*found.notes, *found.broken]
    return "\n".join([said, *(f"       {each}" for each in below)])


def summary(found: Sequence[Verdict]) -> str:
    broken = [each for verdict in found for each in verdict.broken]
    recipes = len(found) - 1
    if not broken:
        return (
            f"{counted(recipes, 'recipe')}: nothing lost, nothing twice, nothing left."
        )
    wrong = [f"       {each}" for each in found[-1].broken]
    return "\n".join([*wrong, f"{counted(len(broken), 'promise')} broken."])


def counted(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
