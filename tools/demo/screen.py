"""What the demo shows: steps, a live line per site, and the comparison."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.table import Table

from tools.demo.compare import Row

STYLES = {
    "completed": "green",
    "failed": "red",
    "rejected": "magenta",
    "running": "blue",
    "queued": "bright_black",
}


class Screen:
    def __init__(self) -> None:
        self.console = Console(highlight=False)

    @contextmanager
    def step(self, what: str) -> Iterator[None]:
        """Say what begins, and how long it took."""
        start = time.monotonic()
        self.console.print(f"{what} … ", end="")
        yield
        self.console.print(f"[bright_black]{time.monotonic() - start:.1f} s[/]")

    @contextmanager
    def lanes(self) -> Iterator["Lanes"]:
        """A live line per site while the task runs."""
        lanes = Lanes()
        with Live(lanes.table(), console=self.console, refresh_per_second=12) as live:
            lanes.live = live
            yield lanes

    def comparison(self, rows: list[Row]) -> None:
        table = Table(box=None, header_style="bold", pad_edge=False)
        for title in ("column", "figure", "three sites", "pooled", "difference"):
            numeric = title not in ("column", "figure")
            table.add_column(title, justify="right" if numeric else "left")
        for row in rows:
            style = "green" if row.agrees else "red"
            table.add_row(
                row.column,
                row.figure,
                f"{row.federated:.10g}",
                f"{row.pooled:.10g}",
                f"[{style}]{row.difference:.1e}[/]",
            )
        self.console.print(table)

    def say(self, text: str = "") -> None:
        self.console.print(text)


class Lanes:
    """The state of every site's run, as it was last heard."""

    live: Live

    def __init__(self) -> None:
        self.start = time.monotonic()
        self.runs: list[dict[str, Any]] = []
        self.ended: dict[int, float] = {}

    def show(self, task: dict[str, Any]) -> None:
        self.runs = task["runs"]
        for run in self.runs:
            if run["finished_at"]:
                self.ended.setdefault(run["id"], time.monotonic())
        self.live.update(self.table(), refresh=True)

    def table(self) -> Table:
        table = Table(box=None, show_header=False, pad_edge=False)
        for run in self.runs:
            seconds = self.ended.get(run["id"], time.monotonic()) - self.start
            style = STYLES.get(run["status"], "cyan")
            table.add_row(
                f"  {run['organization']['name']}",
                f"[{style}]{run['status']:<10}[/]",
                f"[bright_black]{seconds:5.1f} s[/]",
                run["detail"],
            )
        return table
