"""Small files that hold secrets."""

import os
from pathlib import Path


def write_private(file: Path, text: str) -> None:
    """Write whole or not at all, readable by the owner alone."""
    half = file.with_name(f"{file.name}.half")
    half.unlink(missing_ok=True)
    descriptor = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as stream:
        stream.write(text)
    half.replace(file)
