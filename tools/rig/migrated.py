"""An SQLite database with every migration applied, made once for this state of code.

Django takes four seconds of computing for it, and a copy takes none.
"""

import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tools.rig.folders import CACHE, ROOT
from tools.rig.process import free_port
from tools.rig.server import Server

KEPT = CACHE / "migrated"
FILE_NAME = "db.sqlite3"
# What can change a database that was migrated; more than that does no harm.
SOURCES = ("apps/**/*.py", "ptm_site/**/*.py", "requirements*.txt")


def copy_migrated(target: Path) -> None:
    """Begin `target` as a copy, with nothing in it but what migrations put there."""
    with _one_at_a_time():
        kept = KEPT / f"{_digest()}.sqlite3"
        if not kept.exists():
            for outdated in KEPT.glob("*.sqlite3"):
                outdated.unlink()
            _migrate(kept)
        shutil.copyfile(kept, target)


def _migrate(kept: Path) -> None:
    with tempfile.TemporaryDirectory(dir=KEPT) as folder:
        server = Server(Path(folder), free_port())
        server.env.pop("DATABASE_URL", None)
        server.manage("migrate")
        (Path(folder) / FILE_NAME).replace(kept)


def _digest() -> str:
    digest = hashlib.sha256()
    for file in sorted(file for each in SOURCES for file in ROOT.glob(each)):
        digest.update(f"{file.relative_to(ROOT)}\0".encode() + file.read_bytes())
    return digest.hexdigest()


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    KEPT.mkdir(parents=True, exist_ok=True)
    # A lock on the folder itself, which no process removes.
    folder = os.open(KEPT, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)
