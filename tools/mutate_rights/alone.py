"""Tries one mutation in a tree and in a process of its own, as it would be written."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tools.mutate_rights.mutation import Mutation
from tools.mutate_rights.told import Told

PYTEST = ("-m", "pytest", "-x", "-q", "--no-header")
FAILED = re.compile(r"^FAILED (.+?)(?: - .*)?$", re.MULTILINE)


def alone(number: int, mutation: Mutation, root: Path, tests: Sequence[str]) -> Told:
    """What the tests say; one that fails is asked twice."""
    if not tests:
        return Told(number, "alive", why="no test that runs through it fails")
    with tempfile.TemporaryDirectory(prefix="mutate-rights-") as name:
        folder = Path(name) / "tree"
        shutil.copytree(root, folder, symlinks=True, copy_function=os.link)
        place = folder / mutation.path
        mutated = mutation.applied(place.read_bytes())
        place.unlink()  # elsewhere, it is still what it was
        place.write_bytes(mutated)
        told = _ask(number, folder, tests)
        left = list(tests)
        while told.by and not _ask(number, folder, [told.by]).by:
            left.remove(told.by)  # it failed by chance
            told = _ask(number, folder, left)
        return told


def _ask(number: int, folder: Path, tests: Sequence[str]) -> Told:
    (folder / "tests.txt").write_text("\n".join(tests))
    command = [sys.executable, *PYTEST, "-p", "no:cacheprovider", "@tests.txt"]
    done = subprocess.run(command, cwd=folder, capture_output=True, check=False)
    said = done.stdout.decode(errors="replace")
    failed = FAILED.search(said)
    if done.returncode == 0:
        return Told(number, "alive")
    if done.returncode != 1 or failed is None:
        return Told(number, "error", why=said[-2000:] + done.stderr.decode()[-1000:])
    word = "timed out" if "Timeout (>" in said else "caught"
    return Told(number, word, failed[1], said)
