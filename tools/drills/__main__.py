"""Stage the recipes one after another; say of each what was found.

`python -m tools.drills` runs all of them; words choose those whose names have them;
`--soak N` runs N at random, and `--seed` repeats such a choice. `--large MB` says how
large the large result is.
"""

import argparse
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tools.drills.large import SMALL, Large
from tools.drills.recipe import Recipe, drill
from tools.drills.recipes import ALL
from tools.drills.root import is_root
from tools.drills.show import line, summary
from tools.drills.stage import standing_stage
from tools.drills.verdict import Judge, Verdict
from tools.rig.engine import docker_engine
from tools.rig.errors import RigError
from tools.rig.folders import VAR
from tools.rig.process import sigterm_unwinds


def main(arguments: Sequence[str]) -> int:
    options = _parser().parse_args(arguments)
    chosen = [r for r in ALL if all(word in r.name for word in options.words)]
    if not chosen:
        print(f"No recipe is named like that: {' '.join(options.words)}.")
        return 2
    if options.soak:
        seed = options.seed or random.randrange(1 << 32)  # noqa: S311 (no secret)
        print(f"{options.soak} recipes at random, by the seed {seed}")
        chosen = random.Random(seed).choices(chosen, k=options.soak)  # noqa: S311
    return run(chosen, _large(options))


def run(recipes: Sequence[Recipe], large: Large) -> int:
    """Drill them on one platform; 1 if anything that was promised does not hold."""
    VAR.mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=VAR, prefix="drills-"))
    verdicts: list[Verdict] = []
    with docker_engine() as engine, standing_stage(folder, engine) as stage:
        stage.large = large
        judge = Judge(stage)
        for recipe in recipes:
            if recipe.of_root and not is_root():
                print(f"left out: {recipe.name}: only root can stage it")
                continue
            began = time.monotonic()
            verdicts.append(drill(stage, recipe, judge))
            print(line(recipe, verdicts[-1], time.monotonic() - began), flush=True)
        verdicts.append(Verdict(broken=judge.broken_audit()))
    print(summary(verdicts))
    if any(verdict.broken for verdict in verdicts):
        print(f"What is left to look at is in {folder}.")
        return 1
    shutil.rmtree(folder)
    return 0


def _large(options: argparse.Namespace) -> Large:
    if options.large:
        return Large(options.large * 10**6)
    # By chance it may come again and again, and the drills' disks keep every result.
    return SMALL if options.soak else Large()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make drills", description=__doc__)
    parser.add_argument("words", nargs="*")
    parser.add_argument("--soak", type=int, default=0, metavar="N")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--large", type=int, default=0, metavar="MB")
    return parser


if __name__ == "__main__":
    try:
        with sigterm_unwinds():
            sys.exit(main(sys.argv[1:]))
    except RigError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit(130)
