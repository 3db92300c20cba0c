"""Disks and networks of the drills' own: only root may make them."""

import os
import subprocess
from pathlib import Path

from tools.rig.process import find_program


def is_root() -> bool:
    return os.geteuid() == 0


def command(program: str, *arguments: str | Path) -> str:
    """Run it, and return what it printed."""
    found = [find_program(program), *arguments]
    done = subprocess.run(found, check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout
