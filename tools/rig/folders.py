"""Where the rig keeps what it makes: all of it under var/, which git ignores."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VAR = ROOT / "var"
CACHE = VAR / "cache"
LOGS = VAR / "log"
