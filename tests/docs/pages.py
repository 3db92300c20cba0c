"""Follows a page of the documentation: writes its files and runs its commands.

A comment above each fenced block says what to do with it: `<!-- file: NAME -->`,
`<!-- run -->`, `<!-- run: exits 2 -->`, `<!-- output -->` (what the block before it
printed), or `<!-- shown: WHY -->` for what a test cannot or need not do.
"""

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"<!-- (\w+)(?:: ([^\n]*?))? -->\n```\w+\n(.*?)^```$", re.M | re.S)
FENCE = re.compile(r"^```\w+$", re.M)


@dataclass(frozen=True)
class Block:
    """A fenced block, and what the comment above it says to do with it."""

    action: str
    detail: str | None
    text: str


@dataclass(frozen=True)
class Desk:
    """An empty folder of somebody who follows the page, and the environment."""

    folder: Path
    environment: dict[str, str]

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)

    def run(self, script: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=100,
        )


def blocks_of(page: str) -> list[Block]:
    """Return the page's blocks; every fenced block must say what to do with it."""
    blocks = [Block(*match.groups()) for match in BLOCK.finditer(page)]
    assert len(blocks) == len(FENCE.findall(page))
    assert {block.action for block in blocks} <= {"file", "run", "output", "shown"}
    return blocks


def follow(desk: Desk, blocks: list[Block]) -> str:
    """Do what the page says from top to bottom; return what was printed last."""
    said = ""
    for block in blocks:
        if block.action == "file":
            assert block.detail
            desk.write(block.detail, block.text)
        elif block.action == "shown":
            assert block.detail
        elif block.action == "output":
            assert said.strip() == block.text.strip()
        else:
            done = desk.run(block.text)
            said = done.stdout
            expected = int((block.detail or "exits 0").removeprefix("exits "))
            assert done.returncode == expected, said
    return said
