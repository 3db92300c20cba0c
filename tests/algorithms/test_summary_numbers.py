"""The numbers of `summary` and `combine` are those of the pooled rows."""

import json
import math
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from algorithms.summary.cells import Numbers
from algorithms.summary.combine import combine
from tests.algorithms.helpers import OPEN, cell, summary, write_table

NUMERIC = ["age", "tsize", "pnodes", "progrec", "estrec", "time", "cens"]
CATEGORICAL = ["horTh", "menostat", "tgrade"]

doubles = st.floats(-1e150, 1e150) | st.integers(-99, 99).map(float)
values = st.lists(st.none() | doubles, min_size=1, max_size=30)


def test_gbsg2_in_three_unequal_sites_is_gbsg2(
    gbsg2: pd.DataFrame, thirds: list[Path]
) -> None:
    combined = combine([summary(site, *NUMERIC) for site in thirds])
    assert combined["n"] == 686
    assert combined["sites"] == 3
    for name in NUMERIC:
        pooled = cell(combined, name)
        assert pooled["n"] == 686
        assert pooled["mean"] == pytest.approx(np.mean(gbsg2[name]), rel=1e-12)
        assert pooled["variance"] == pytest.approx(gbsg2[name].var(), rel=1e-12)
        assert pooled["sd"] == pytest.approx(np.std(gbsg2[name], ddof=1), rel=1e-12)


def test_a_changed_row_changes_the_combined_numbers(
    gbsg2: pd.DataFrame, thirds: list[Path]
) -> None:
    frame = pd.read_csv(thirds[2])
    frame.loc[7, "age"] += 1
    frame.to_csv(thirds[2], index=False)
    combined = combine([summary(site, "age") for site in thirds])
    assert cell(combined, "age")["mean"] != pytest.approx(gbsg2["age"].mean(), rel=1e-9)


def test_groups_of_three_sites_are_the_groups_of_the_pooled_table(
    gbsg2: pd.DataFrame, thirds: list[Path]
) -> None:
    parts = [summary(site, *NUMERIC, group_by="menostat") for site in thirds]
    combined = combine(parts)
    for group, frame in gbsg2.groupby("menostat"):
        for name in NUMERIC:
            pooled = cell(combined, name, str(group))
            assert pooled["n"] == len(frame)
            assert pooled["mean"] == pytest.approx(frame[name].mean(), rel=1e-12)
            assert pooled["variance"] == pytest.approx(frame[name].var(), rel=1e-12)


def test_levels_of_three_sites_are_the_levels_of_the_pooled_table(
    gbsg2: pd.DataFrame, thirds: list[Path]
) -> None:
    combined = combine([summary(site, *CATEGORICAL) for site in thirds])
    for name in CATEGORICAL:
        assert cell(combined, name)["levels"] == dict(gbsg2[name].value_counts())
        assert cell(combined, name)["other"] == 0


def test_extremes_are_those_of_the_pooled_table(
    gbsg2: pd.DataFrame, thirds: list[Path]
) -> None:
    parts = [summary(site, "age", extremes=True, rules=OPEN) for site in thirds]
    pooled = cell(combine(parts), "age")
    assert (pooled["minimum"], pooled["maximum"]) == (21, 80)
    assert (gbsg2["age"].min(), gbsg2["age"].max()) == (21, 80)


def test_a_site_reads_its_own_mean_and_variance(thirds: list[Path]) -> None:
    own = pd.read_csv(thirds[0])["estrec"]
    result = cell(summary(thirds[0], "estrec"), "estrec")
    assert result["mean"] == pytest.approx(own.mean(), rel=1e-12)
    assert result["variance"] == pytest.approx(own.var(), rel=1e-12)


def test_digits_that_cancel_are_not_lost(tmp_path: Path) -> None:
    """Rounded sums of squares give 0, or a negative variance, for these."""
    rows = [[1e9 + i % 2 * 0.25] for i in range(100)]
    path = write_table(tmp_path / "t.csv", ["x"], rows)
    expected = 0.25**2 / 4 * 100 / 99
    assert cell(summary(path, "x"), "x")["variance"] == pytest.approx(
        expected, rel=1e-15
    )


@settings(deadline=None)
@given(values=values, cuts=st.lists(st.integers(0, 30), max_size=4))
def test_however_the_rows_are_split_the_combined_numbers_are_identical(
    values: list[float | None], cuts: list[int]
) -> None:
    edges = [0, *sorted(min(cut, len(values)) for cut in cuts), len(values)]
    parts = [values[first:last] for first, last in pairwise(edges) if first < last]
    with TemporaryDirectory() as folder:

        def result(rows: list[float | None]) -> dict[str, object]:
            texts = [["NA" if row is None else repr(row)] for row in rows]
            path = write_table(Path(folder) / "t.csv", ["x"], texts)
            sent = summary(path, "x", extremes=True, rules=OPEN)
            received: dict[str, object] = json.loads(json.dumps(sent, allow_nan=False))
            return received

        split = combine([result(part) for part in parts])
        pooled = combine([result(values)])
    assert split["columns"] == pooled["columns"]
    assert split["n"] == pooled["n"] == len(values)


@settings(deadline=None)
@given(st.lists(doubles, min_size=2, max_size=50))
def test_the_exact_mean_is_that_of_correctly_rounded_summation(xs: list[float]) -> None:
    numbers = Numbers()
    for x in xs:
        numbers.add(repr(x))
    mean = numbers.result(extremes=False)["mean"]
    assert mean == pytest.approx(math.fsum(xs) / len(xs), rel=1e-15, abs=1e-300)


@settings(deadline=None)
@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=50))
def test_the_exact_variance_is_that_of_numpy(xs: list[float]) -> None:
    numbers = Numbers()
    for x in xs:
        numbers.add(repr(x))
    variance = numbers.result(extremes=False)["variance"]
    lost_by_numpy = max(1e-12 * max(map(abs, xs)) ** 2, 1e-300)
    expected = pytest.approx(np.var(xs, ddof=1), rel=1e-9, abs=lost_by_numpy)
    assert variance == expected


def test_the_sums_stay_small_however_far_apart_the_numbers_are() -> None:
    numbers = Numbers()
    for text in ["1e150", "5e-324", "-1e150", "0.1"] * 1000:
        numbers.add(text)
    result = numbers.result(extremes=False)
    assert len(result["sum"]) + len(result["sum_of_squares"]) < 4000
    assert combine(
        [
            {
                "n": 4000,
                "group_by": None,
                "columns": {"x": {"kind": "numeric", "groups": {"all": result}}},
            }
        ]
    )


@pytest.mark.parametrize("kind", ["numeric", "text"])
def test_missing_values_are_those_of_pandas(tmp_path: Path, kind: str) -> None:
    fields = ["", "NA", "NaN", "nan", "None", "null", "N/A", "<NA>", "-nan", "1.#QNAN"]
    fields += ["7"] * 12 if kind == "numeric" else ["none", "na", ".", "7"] * 12
    path = write_table(tmp_path / "t.csv", ["x", "id"], [[f, 1] for f in fields])
    result = cell(summary(path, "x"), "x")
    assert result["missing"] == pd.read_csv(path)["x"].isna().sum() == 10
    assert result["n"] == len(fields) - 10
