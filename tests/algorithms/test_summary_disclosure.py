"""No count from 1 to the minimum - 1 leaves the site, shown or by subtraction."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from algorithms.summary.disclosure import SiteRules, read_site_rules, shown_levels
from algorithms.summary.errors import Refused
from tests.algorithms.helpers import STRICT, cell, summary, write_table

MINIMUM = 3


def table(tmp_path: Path, *rows: tuple[int, list[Any]]) -> Path:
    """A table of x and group, each row repeated as often as its number says."""
    repeated = [row for times, row in rows for _ in range(times)]
    return write_table(tmp_path / "t.csv", ["x", "group"], repeated)


REFUSALS: dict[str, tuple[list[tuple[int, list[Any]]], str | None, str]] = {
    "a small table": ([(9, [1, "a"])], None, "fewer than 10 rows"),
    "a table without rows": ([], None, "no rows"),
    "a small group": ([(50, [1, "a"]), (9, [2, "b"])], "group", "fewer than 10 rows"),
    "few rows without a group": (
        [(50, [1, "a"]), (3, [2, ""])],
        "group",
        "fewer than 10",
    ),
    "few values": ([(9, [1, "a"]), (50, ["NA", "a"])], None, "Fewer than 10 rows have"),
    "few missing values": (
        [(50, [1, "a"]), (9, ["", "a"])],
        None,
        'lack, a value of "x"',
    ),
    "few values of one group": (
        [(50, [1, "a"]), (20, ["", "b"]), (9, [1, "b"])],
        "group",
        'a value of "x"',
    ),
    "few missing texts": ([(50, ["I", "a"]), (9, ["", "a"])], None, 'a value of "x"'),
}


@pytest.mark.parametrize(
    ("rows", "group_by", "sentence"), REFUSALS.values(), ids=REFUSALS.keys()
)
def test_small_counts_are_refused(
    tmp_path: Path,
    rows: list[tuple[int, list[Any]]],
    group_by: str | None,
    sentence: str,
) -> None:
    with pytest.raises(Refused, match=sentence):
        summary(table(tmp_path, *rows), "x", group_by=group_by)


def test_all_columns_with_small_counts_are_named_at_once(tmp_path: Path) -> None:
    rows = [["1", "2", "3"]] * 40 + [["", "", "3"]] * 4
    path = write_table(tmp_path / "t.csv", ["a", "b", "c"], rows)
    with pytest.raises(Refused, match='a value of "a", "b" in the table'):
        summary(path, "a", "b", "c")


def test_exactly_the_minimum_is_enough(tmp_path: Path) -> None:
    path = table(tmp_path, (10, [1, "a"]), (10, ["", "a"]), (10, [2, ""]))
    result = summary(path, "x", group_by="group")
    assert cell(result, "x", "a")["n"] == 10
    assert cell(result, "x", "a")["missing"] == 10
    assert cell(result, "x", "")["mean"] == 2


def test_extremes_need_the_sites_permission(tmp_path: Path) -> None:
    path = table(tmp_path, (20, [1, "a"]))
    with pytest.raises(Refused, match="minimum and maximum"):
        summary(path, "x", extremes=True)
    allowed = summary(path, "x", extremes=True, rules=SiteRules(10, extremes=True))
    assert cell(allowed, "x")["minimum"] == 1
    assert "minimum" not in cell(summary(path, "x"), "x")


def test_a_small_level_is_hidden_together_with_the_next_smallest(
    tmp_path: Path,
) -> None:
    path = table(tmp_path, (50, ["I", "a"]), (20, ["II", "a"]), (3, ["rare", "a"]))
    found = cell(summary(path, "x"), "x")
    assert found["levels"] == {"I": 50}
    assert found["other"] == 23


def test_many_small_levels_need_no_company(tmp_path: Path) -> None:
    names = [(1, [f"patient {i}", "a"]) for i in range(30)]
    found = cell(summary(table(tmp_path, (50, ["I", "a"]), *names), "x"), "x")
    assert found["levels"] == {"I": 50}
    assert found["other"] == 30


def test_a_level_that_is_small_in_one_group_is_hidden_in_all(tmp_path: Path) -> None:
    rows = [(50, ["I", "a"]), (50, ["I", "b"]), (30, ["II", "a"]), (30, ["II", "b"])]
    rows += [(25, ["III", "a"]), (4, ["III", "b"])]
    result = summary(table(tmp_path, *rows), "x", group_by="group")
    assert cell(result, "x", "a")["levels"] == {"I": 50}
    assert cell(result, "x", "b")["levels"] == {"I": 50}


counts = st.integers(0, 3 * MINIMUM)
tables = st.integers(1, 4).flatmap(
    lambda width: st.lists(
        st.lists(counts, min_size=width, max_size=width), min_size=1, max_size=4
    )
)


def counters(rows: list[list[int]]) -> list[Counter[str]]:
    """One counter per group; groups that would be refused are left out."""
    made = [Counter({str(i): n for i, n in enumerate(row) if n}) for row in rows]
    return [counter for counter in made if counter.total() >= MINIMUM]


def sum_of(cells: set[tuple[int, str]], groups: int, levels: list[str]) -> Any:
    """A linear equation's left side: ones where a cell takes part in the sum."""
    grid = [[(group, level) in cells for level in levels] for group in range(groups)]
    return np.array(grid, dtype=float).ravel()


def published(groups: list[Counter[str]], levels: list[str]) -> list[Any]:
    """The sums of cells that tasks with and without group_by tell."""
    everyone = list(range(len(groups)))
    total = sum(groups, Counter[str]())
    known = []
    for task, parts in ((groups, [[g] for g in everyone]), ([total], [everyone])):
        shown = shown_levels(task, MINIMUM)
        for part in parts:
            for chosen in [{level} for level in shown] + [set(levels) - shown]:
                cells = {(group, level) for group in part for level in chosen}
                known.append(sum_of(cells, len(groups), levels))
    return known


def small_sums(groups: list[Counter[str]], levels: list[str]) -> list[Any]:
    """The cells, and the totals of levels, that nobody may learn."""
    found = []
    for level in levels:
        counts = [group[level] for group in groups]
        parts = [{(index, level)} for index, n in enumerate(counts) if 0 < n < MINIMUM]
        if 0 < sum(counts) < MINIMUM:
            parts.append({(index, level) for index in range(len(groups))})
        found += [sum_of(part, len(groups), levels) for part in parts]
    return found


@settings(max_examples=500, deadline=None)
@given(tables)
@example([[2, 5, 15, 15], [0, 5, 2, 2]])  # the groups alone would hide other levels
def test_a_column_asked_with_and_without_groups_gives_no_small_count_away(
    rows: list[list[int]],
) -> None:
    """An attacker who solves the equations of both results finds no small count."""
    groups = counters(rows)
    levels = sorted(sum(groups, Counter[str]()))
    if not groups:
        return
    known = np.array(published(groups, levels))
    rank = np.linalg.matrix_rank(known)
    for secret in small_sums(groups, levels):
        assert np.linalg.matrix_rank(np.vstack([known, secret])) > rank


@settings(max_examples=200, deadline=None)
@given(tables)
def test_no_count_in_a_result_is_small(rows: list[list[int]]) -> None:
    groups = counters(rows)
    shown = shown_levels(groups, MINIMUM)
    for group in groups:
        others = group.total() - sum(group[level] for level in shown)
        for count in [others, *(group[level] for level in shown)]:
            assert count == 0 or count >= MINIMUM


SETTINGS = {
    "nothing set": ({}, STRICT),
    "both set": ({"PTM_MIN_COUNT": "5", "PTM_SHARE_EXTREMES": "1"}, SiteRules(5, True)),
    "a no": ({"PTM_SHARE_EXTREMES": "0"}, STRICT),
    "a yes in another word": ({"PTM_SHARE_EXTREMES": "true"}, STRICT),
    "no minimum": ({"PTM_MIN_COUNT": "0"}, SiteRules(0, False)),
}


@pytest.mark.parametrize(
    ("environment", "rules"), SETTINGS.values(), ids=SETTINGS.keys()
)
def test_the_site_sets_the_rules(environment: dict[str, str], rules: SiteRules) -> None:
    assert read_site_rules(environment) == rules


@pytest.mark.parametrize("text", ["", "-1", "ten", "1.5", " 5", "٣", "1e3", "9" * 10])
def test_an_unclear_minimum_refuses_everything(text: str) -> None:
    with pytest.raises(Refused, match="PTM_MIN_COUNT"):
        read_site_rules({"PTM_MIN_COUNT": text})
