"""Holds the federated figures against those of all rows in one table."""

from dataclasses import dataclass
from typing import Any

import pandas as pd

TOLERANCE = 1e-9
FIGURES = ("n", "mean", "variance")


@dataclass(frozen=True)
class Row:
    """One figure, computed in both ways."""

    column: str
    figure: str
    federated: float
    pooled: float

    @property
    def difference(self) -> float:
        """Relative to the pooled figure; absolute where that is 0."""
        return abs(self.federated - self.pooled) / (abs(self.pooled) or 1.0)

    @property
    def agrees(self) -> bool:
        # Not `>`: a figure that is no number at all must not agree.
        return self.difference <= TOLERANCE


def compare(combined: dict[str, Any], pooled: pd.DataFrame) -> list[Row]:
    """Return n, mean and sample variance of every combined column, both ways."""
    rows = []
    for name, column in combined["columns"].items():
        federated = column["groups"]["all"]
        values = pooled[name]
        expected = {
            "n": float(values.count()),
            "mean": float(values.mean()),
            "variance": float(values.var(ddof=1)),
        }
        rows += [
            Row(name, figure, float(federated[figure]), expected[figure])
            for figure in FIGURES
        ]
    return rows
