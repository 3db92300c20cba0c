"""What the demo shows: steps, a live line per site, and the comparison."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.table import Table

from tools.demo.compare import FIGURES, Row

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
        if not self.console.is_terminal:
            self.console.print()

    def comparison(self, rows: list[Row]) -> None:
        """A line per column, both ways side by side, and the verdict."""
        table = Table(box=None, header_style="bold", pad_edge=False)
        table.add_column("column")
        for figure in FIGURES:
            table.add_column(figure, justify="right")
            table.add_column("pooled", justify="right", style="bright_black")
        for column in dict.fromkeys(row.column for row in rows):
            cells = [row for row in rows if row.column == column]
            texts = [text for row in cells for text in _both(row)]
            table.add_row(column, *texts)
        self.console.print(table)
        largest = max(row.difference for row in rows)
        agree = all(row.agrees for row in rows)
        verdict = "[green]They agree[/]" if agree else "[red]They differ[/]"
        self.say(f"\n{verdict}: the largest relative difference is {largest:.1e}.")

    def say(self, text: str = "") -> None:
        self.console.print(text, soft_wrap=True)  # what is copied stays in one line


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


def _both(row: Row) -> tuple[str, str]:
    federated, pooled = f"{row.federated:.10g}", f"{row.pooled:.10g}"
    return federated if row.agrees else f"[red]{federated}[/]", pooled
