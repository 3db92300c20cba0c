"""Draw docs/permissions.md: `python -m tools.permissions [--check]`."""

import sys
from pathlib import Path

from tools.permissions.page import page

TARGET = Path(__file__).resolve().parents[2] / "docs" / "permissions.md"


def main(arguments: list[str]) -> int:
    drawn = page()
    if arguments == ["--check"]:
        if TARGET.exists() and TARGET.read_text() == drawn:
            return 0
        print("docs/permissions.md is out of date: run python -m tools.permissions")
        return 1
    TARGET.write_text(drawn)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
