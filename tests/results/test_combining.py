"""Combined numbers are those of the pooled rows, or there are none and a reason."""

import copy
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from algorithms.summary.arguments import Request
from algorithms.summary.disclosure import SiteRules
from algorithms.summary.summary import summarize
from apps.algorithms.manifests import check_manifest
from apps.errors import Invalid
from apps.results.combining import Combined, combined
from apps.results.manifest_views import Column, View
from apps.results.tables import Answer, Table
from tests.worlds import MANIFEST
from tools.demo.sites import all_patients

N = Column("n", combine="sum")
MEAN = Column("mean", title="Mean", combine="mean", weight="n")
VARIANCE = Column("variance", combine="variance", weight="n", mean="mean")
VIEW = View(1, "table", "T", "/*", columns=(N, MEAN, VARIANCE))
COMPLETE = View(1, "table", "T", "/*", columns=(N, MEAN, VARIANCE), complete=True)

NUMERIC = ["age", "tsize", "pnodes", "progrec", "estrec", "time"]
Cells = dict[str, Any] | None


def cells(n: Any, mean: Any, variance: Any = None) -> dict[str, Any]:
    return {"n": n, "mean": mean, "variance": variance}


def of(column: Column, *sites: Cells, view: View = VIEW) -> Combined:
    return combined(view, column, dict(zip("ABC", sites, strict=False)))


@pytest.fixture(scope="module")
def gbsg2() -> pd.DataFrame:
    """686 patients of the German Breast Cancer Study Group."""
    return all_patients()


def answers(
    gbsg2: pd.DataFrame, folder: Path, group_by: str | None = None
) -> list[Answer]:
    """What `summary` says at three unequal sites."""
    found = []
    for index, (first, last) in enumerate([(0, 120), (120, 351), (351, 686)]):
        path = folder / f"{index}.csv"
        gbsg2.iloc[first:last].to_csv(path, index=False)
        request = Request(NUMERIC, group_by)
        result = summarize(str(path), request, SiteRules(minimum=5, extremes=False))
        found.append(Answer(f"Site {index}", index, result, index))
    return found


def table_of(found: list[Answer]) -> Table:
    view = View(
        1,
        "table",
        "Summary",
        "/columns/*/groups/*",
        keys=("Column", "Group"),
        columns=(N, MEAN, VARIANCE),
        complete=True,
    )
    return Table(view, found, sites=len(found))


def test_gbsg2_at_three_sites_combines_to_gbsg2(
    gbsg2: pd.DataFrame, tmp_path: Path
) -> None:
    table = table_of(answers(gbsg2, tmp_path))
    for name in NUMERIC:
        n, mean, variance = (c.value for c in table.combined_line((name, "all")).cells)
        assert n == 686
        assert mean == pytest.approx(np.mean(gbsg2[name]), rel=1e-12)
        assert variance == pytest.approx(np.var(gbsg2[name], ddof=1), rel=1e-12)


def test_groups_of_gbsg2_combine_to_its_groups(
    gbsg2: pd.DataFrame, tmp_path: Path
) -> None:
    table = table_of(answers(gbsg2, tmp_path, group_by="menostat"))
    for group, rows in gbsg2.groupby("menostat"):
        line = table.combined_line(("estrec", str(group)))
        n, mean, variance = (cell.value for cell in line.cells)
        assert n == len(rows)
        assert mean == pytest.approx(rows["estrec"].mean(), rel=1e-12)
        assert variance == pytest.approx(rows["estrec"].var(), rel=1e-12)
        assert line.notes == ()


numbers = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=20)


@settings(deadline=None)
@given(st.lists(numbers, min_size=2, max_size=4))
def test_however_rows_are_split_mean_and_variance_are_those_of_all(
    sites: list[list[float]],
) -> None:
    parts = []
    for xs in sites:
        spread = float(np.var(xs, ddof=1)) if len(xs) > 1 else None
        parts.append(cells(len(xs), math.fsum(xs) / len(xs), spread))
    everything = [x for xs in sites for x in xs]
    lost = 1e-9 * max(1, *map(abs, everything))
    named = {str(site): part for site, part in enumerate(parts)}
    mean = combined(VIEW, MEAN, named).value
    variance = combined(VIEW, VARIANCE, named).value
    assert mean == pytest.approx(np.mean(everything), rel=1e-9, abs=lost)
    assert variance == pytest.approx(np.var(everything, ddof=1), rel=1e-9, abs=lost**2)


def test_a_small_spread_far_from_zero_is_not_lost() -> None:
    """Rounded sums of squares give 0, or a negative variance, for these."""
    xs, ys = [1e9, 1e9 + 0.25], [1e9 + 0.5, 1e9 + 0.75]
    sites = [cells(2, np.mean(s), np.var(s, ddof=1)) for s in (xs, ys)]
    expected = np.var([0, 0.25, 0.5, 0.75], ddof=1)
    assert of(VARIANCE, *sites).value == pytest.approx(expected, rel=1e-15)


@pytest.mark.parametrize(
    ("how", "values", "expected"),
    [
        ("sum", (1, 2, 3), 6),
        ("sum", (0.1, 0.2, 0.3), 0.6),
        ("sum", (10**40, 1, -(10**40)), 1),
        ("min", (3, -1.5, 2), -1.5),
        ("max", (3, -1.5, 2), 3),
        ("max", (0, 0, 0), 0),
    ],
)
def test_sums_and_extremes(how: str, values: tuple[float, ...], expected: Any) -> None:
    column = Column("x", combine=how)
    view = View(1, "table", "T", "/*", columns=(column,))
    assert of(column, *({"x": x} for x in values), view=view).value == expected


def test_a_column_without_a_rule_has_no_combined_value() -> None:
    plain = Column("n")
    assert of(plain, {"n": 1}, {"n": 2}) == Combined()


WITHHELD = [None, "<10", True, float("nan"), float("inf"), [3], {"n": 3}]


@pytest.mark.parametrize("value", WITHHELD)
def test_a_count_that_one_site_hides_has_no_sum(value: Any) -> None:
    found = of(N, cells(20, 1.0), cells(value, 1.0))
    assert found == Combined(note="No combined n: B gives no number for n.")


@pytest.mark.parametrize("value", [*WITHHELD, -1, 2.5])
def test_a_mean_needs_a_count_of_every_site(value: Any) -> None:
    found = of(MEAN, cells(20, 1.0), cells(value, 1.0))
    assert found.value is None
    assert "B gives no" in found.note


@pytest.mark.parametrize("value", [*WITHHELD, -0.5])
def test_a_variance_that_one_site_hides_has_no_combined_one(value: Any) -> None:
    found = of(VARIANCE, cells(20, 1.0, 2.0), cells(5, 1.0, value))
    assert found.value is None
    assert "B gives no number for variance" in found.note


def test_a_site_with_nothing_to_count_takes_nothing_away() -> None:
    empty = cells(0, None)
    assert of(MEAN, cells(4, 2.5), empty) == Combined(2.5)
    assert of(VARIANCE, cells(4, 2.5, 1.5), empty) == Combined(1.5)
    assert of(MEAN, empty, empty) == Combined()


def test_single_values_have_a_variance_together() -> None:
    assert of(VARIANCE, cells(1, 1.0), cells(1, 3.0)) == Combined(2)
    assert of(VARIANCE, cells(1, 1.0)) == Combined()


def test_what_no_site_gives_needs_no_note() -> None:
    text = {"n": 20, "levels": {}}
    assert of(MEAN, text, text) == Combined()


def test_a_row_that_a_site_may_hide_is_not_combined() -> None:
    found = of(N, cells(20, 1.0), None)
    assert found == Combined(note="No combined n: B has no such row, or hides it.")


def test_a_row_that_a_site_cannot_hide_combines_from_the_others() -> None:
    assert of(N, cells(20, 1.0), None, cells(1, 1.0), view=COMPLETE) == Combined(21)


def test_a_number_beyond_doubles_is_said_to_be_one() -> None:
    found = of(N, cells(1.7e308, 1.0), cells(1.7e308, 1.0))
    assert found.value is None
    assert "larger" in found.note


def manifest(*columns: dict[str, Any]) -> dict[str, Any]:
    changed = copy.deepcopy(MANIFEST)
    view = {"type": "table", "title": "T", "data": "", "columns": list(columns)}
    changed["functions"][0]["returns"]["views"] = [view]
    return changed


M_N = {"name": "n", "combine": "sum"}
M_MEAN = {"name": "mean", "combine": "mean", "weight": "n"}
M_VARIANCE = {"name": "v", "combine": "variance", "weight": "n", "mean": "mean"}


@pytest.mark.parametrize(
    "columns",
    [
        (M_N, M_MEAN, M_VARIANCE),
        (M_VARIANCE, M_MEAN, M_N),
        (M_N, {"name": "low", "combine": "min", "weight": "n"}),
        ({"name": "low", "combine": "min"},),
    ],
)
def test_a_manifest_may_say_how_columns_combine(
    columns: tuple[dict[str, Any], ...],
) -> None:
    check_manifest(manifest(*columns))


@pytest.mark.parametrize(
    "columns",
    [
        ({"name": "n", "combine": "median"},),
        ({"name": "n", "combine": True},),
        ({"name": "n", "combine": "mean"},),
        (M_MEAN,),
        ({"name": "n"}, M_MEAN),
        (M_N, M_VARIANCE),
        (M_N, M_MEAN, {**M_VARIANCE, "weight": "mean"}),
        (M_N, M_MEAN, {"name": "v", "combine": "variance", "weight": "n"}),
        (M_N, M_MEAN, {**M_VARIANCE, "mean": "n"}),
        (M_N, {**M_N, "name": "k"}, M_MEAN, {**M_VARIANCE, "weight": "k"}),
        (M_N, {"name": "x", "weight": "n"}),
        (M_N, M_MEAN, {"name": "x", "combine": "sum", "mean": "mean"}),
        (M_N, {**M_MEAN, "weight": "mean"}),
    ],
)
def test_a_rule_that_cannot_be_followed_is_refused(
    columns: tuple[dict[str, Any], ...],
) -> None:
    with pytest.raises(Invalid):
        check_manifest(manifest(*columns))
