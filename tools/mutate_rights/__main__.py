"""`python -m tools.mutate_rights [--sample N] [--only apps/nodes] [--list]`.

Each check is removed in a copy of the tree; tests/rights and the quick tests of its
app must notice. Exit status 1 if one survives that known.txt does not explain.
"""

import argparse
import random
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tools.mutate_rights.checks import Mutation, checks_in

ROOT = Path(__file__).resolve().parents[2]
KNOWN = Path(__file__).parent / "known.txt"
SECONDS = 900
# Tests that say nothing about rights, or need more than Python.
SLOW = ("e2e", "browser", "rig", "node", "algorithms")
TESTS_OF = {"algorithms": "algorithms_catalogue"}


def all_checks(root: Path) -> list[Mutation]:
    files = _tracked(root, "apps/*.py", "ptm_site/*.py")
    wanted = [path for path in files if "/migrations/" not in path]
    return [mutation for path in wanted for mutation in checks_in(root, path)]


def _tracked(root: Path, *patterns: str) -> list[str]:
    listed = subprocess.run(
        ["git", "ls-files", *patterns], cwd=root, check=True, capture_output=True
    )
    return listed.stdout.decode().split()


def explained() -> set[str]:
    """Names of mutations that change nothing that anybody could notice."""
    lines = KNOWN.read_text().splitlines()
    return {line for line in lines if line and not line.startswith("#")}


def copy_tree(folder: Path) -> None:
    for path in _tracked(ROOT):
        if (ROOT / path).is_file():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / path, folder / path)
    for place in (".venv", "static/dist"):
        (folder / place).symlink_to((ROOT / place).resolve())


def tests_of(mutation: Mutation) -> list[str]:
    app = Path(mutation.path).parts[1]
    own = f"tests/{TESTS_OF.get(app, app)}"
    others = [own, "tests/site"] if (ROOT / own).is_dir() else ["tests/site"]
    return ["tests/rights", *others]


def survives(folder: Path, mutation: Mutation) -> bool:
    place = folder / mutation.path
    source = place.read_bytes()
    place.write_bytes(mutation.applied(source))
    try:
        return _pass(folder, tests_of(mutation))
    finally:
        place.write_bytes(source)


def _pass(folder: Path, tests: list[str]) -> bool:
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider"]
    try:
        done = subprocess.run(
            [*command, "--no-header", "--timeout=300", *tests],
            cwd=folder,
            timeout=SECONDS,
            capture_output=True,
        )
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sample", type=int, help="so many, drawn by lot")
    parser.add_argument("--only", default="", help="files whose path begins so")
    parser.add_argument("--list", action="store_true", help="only say what there is")
    options = parser.parse_args()
    checks = [m for m in all_checks(ROOT) if m.path.startswith(options.only)]
    if options.sample:
        chosen = random.sample(checks, min(options.sample, len(checks)))  # noqa: S311
        checks = [mutation for mutation in checks if mutation in chosen]
    if options.list:
        print(*checks, sep="\n")
        return 0
    return run(checks)


def run(checks: list[Mutation]) -> int:
    known, survivors = explained(), 0
    with tempfile.TemporaryDirectory(prefix="mutate-rights-") as name:
        folder = Path(name)
        copy_tree(folder)
        if not _pass(folder, ["tests/rights"]):
            print("tests/rights fail already, with every check in place")
            return 1
        for number, mutation in enumerate(checks, 1):
            alive = survives(folder, mutation)
            word = "survived" if alive else "caught"
            if alive and mutation.name in known:
                word = "known"
            survivors += word == "survived"
            print(f"{number}/{len(checks)} {word:<8} {mutation}", flush=True)
    print(f"{len(checks)} checks removed in turn, {survivors} survived")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
