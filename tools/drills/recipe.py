"""A recipe: a fault with a name, staged while tasks are under way."""

from collections.abc import Callable
from dataclasses import dataclass

import requests

from tools.drills.stage import Stage
from tools.drills.verdict import Judge, Promise, Verdict
from tools.rig.errors import RigError

Act = Callable[[Stage], Promise]


@dataclass(frozen=True)
class Recipe:
    """`act` returns when the fault is gone, with what it allows."""

    name: str
    act: Act
    of_root: bool = False  # who alone can stage it


def drill(stage: Stage, recipe: Recipe, judge: Judge) -> Verdict:
    """Stage one recipe, and look at what it left."""
    stage.begin()
    try:
        promise = recipe.act(stage)
    except (RigError, requests.RequestException) as error:
        stage.mend()
        return Verdict(broken=[str(error)], notes=[*stage.notes])
    verdict = judge.judge(promise)
    verdict.notes += stage.notes
    return verdict
