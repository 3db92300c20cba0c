"""What the benchmarks found, on the screen and in benchmarks/latest.json."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

LATEST = Path(__file__).with_name("latest.json")


@dataclass(frozen=True)
class Figure:
    """A number with its unit; if there is an aim, `aim` is the most that it should be,
    or `floor` the least."""

    name: str
    value: float
    unit: str
    aim: float | None = None
    floor: float | None = None

    @property
    def met(self) -> bool | None:
        if self.floor is not None:
            return self.value >= self.floor
        return None if self.aim is None else self.value <= self.aim

    @property
    def aimed_at(self) -> str:
        if self.floor is not None:
            return f"≥ {self.floor:g}"
        return "" if self.aim is None else f"≤ {self.aim:g}"


def percentile(values: list[float], share: float) -> float:
    """The value below which `share` of the values lie (nearest rank)."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def show(figures: list[Figure]) -> None:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for title in ("figure", "value", "unit", "aim"):
        numeric = title in ("value", "aim")
        table.add_column(title, justify="right" if numeric else "left")
    marks = {None: "", True: "[green]met[/]", False: "[red]not met[/]"}
    for figure in figures:
        value = f"{figure.value:.3g}" if figure.value < 100 else f"{figure.value:.0f}"
        table.add_row(
            figure.name, value, figure.unit, figure.aimed_at, marks[figure.met]
        )
    Console(highlight=False).print(table)


def save(figures: list[Figure]) -> None:
    found = [{**asdict(figure), "met": figure.met} for figure in figures]
    LATEST.write_text(json.dumps({"figures": found}, indent=2) + "\n")
