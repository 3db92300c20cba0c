"""`python -m tools.mutate_rights [--sample N] [--only apps/nodes] [--list]`.

Each check is removed in turn in a copy of the tree; a test that runs through it must
fail. Exit status 1 if one survives that known.txt does not explain.
"""

import argparse
import random
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from tools.mutate_rights.checks import checks_in
from tools.mutate_rights.mutation import Mutation
from tools.mutate_rights.run import Run

ROOT = Path(__file__).resolve().parents[2]
KNOWN = Path(__file__).parent / "known.txt"
LINE = re.compile(r":\d+(?= )")


def all_checks(root: Path) -> list[Mutation]:
    files = [*root.glob("apps/**/*.py"), *root.glob("ptm_site/**/*.py")]
    paths = sorted(str(file.relative_to(root)) for file in files)
    # Commands are given by whoever runs the server, who may do everything.
    left_out = ("/migrations/", "/management/")
    wanted = [path for path in paths if not any(part in path for part in left_out)]
    return [mutation for path in wanted for mutation in checks_in(root, path)]


def explained() -> set[str]:
    """Names of mutations that change nothing that anybody could notice."""
    lines = KNOWN.read_text().splitlines()
    return {line for line in lines if line and not line.startswith("#")}


def caught(log: Path) -> set[str]:
    """What an earlier run printed as caught: that run need not be made again."""
    lines = [line.split(maxsplit=3) for line in log.read_text().splitlines()]
    return {line[3].strip() for line in lines if line[2:3] == ["caught"]}


def not_among(done: set[str], checks: list[Mutation]) -> list[Mutation]:
    """Leave out what was caught, also where lines have come or gone above it.

    A name that stands for several counts as caught as often as it was caught.
    """
    gone = done.difference(map(str, checks))
    moved = Counter(LINE.sub("", text, count=1) for text in gone)
    left = []
    for mutation in checks:
        if str(mutation) in done:
            continue
        moved[mutation.name] -= 1
        if moved[mutation.name] < 0:
            left.append(mutation)
    return left


def copy_tree(folder: Path) -> None:
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, check=True, capture_output=True
    )
    for path in listed.stdout.decode().split():
        if (ROOT / path).is_file():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / path, folder / path)
    for place in (".venv", "static/dist"):
        (folder / place).symlink_to((ROOT / place).resolve())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sample", type=int, help="so many, drawn by lot")
    parser.add_argument("--only", default="", help="files whose path begins so")
    parser.add_argument("--but", type=Path, help="not what this log calls caught")
    parser.add_argument("--list", action="store_true", help="only say what there is")
    parser.add_argument("--here", action="store_true", help="this tree is the copy")
    options = parser.parse_args()
    checks = [m for m in all_checks(ROOT) if m.path.startswith(options.only)]
    if options.but:
        checks = not_among(caught(options.but), checks)
    if options.sample:
        chosen = random.sample(checks, min(options.sample, len(checks)))  # noqa: S311
        checks = [mutation for mutation in checks if mutation in chosen]
    if options.list:
        print(*checks, sep="\n")
        return 0
    if options.here:
        return 1 if Run(ROOT, checks, explained()).all() else 0
    return in_a_copy()


def in_a_copy() -> int:
    with tempfile.TemporaryDirectory(prefix="mutate-rights-") as name:
        copy_tree(Path(name))
        command = [sys.executable, "-m", "tools.mutate_rights", "--here", *sys.argv[1:]]
        return subprocess.run(command, cwd=name, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
