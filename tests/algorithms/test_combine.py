"""`combine` refuses what does not belong together, and what no site should send."""

import copy
from typing import Any

import numpy as np
import pytest

from algorithms.summary.combine import CannotCombine, combine


def numeric(**more: Any) -> dict[str, Any]:
    cell = {"n": 3, "missing": 1, "mean": 2.0, "variance": 1.0}
    return cell | {"sum": "6", "sum_of_squares": "14"} | more


def result(cell: dict[str, Any], kind: str = "numeric", **more: Any) -> dict[str, Any]:
    columns = {"age": {"kind": kind, "groups": {"all": cell}}}
    return {"n": 4, "minimum_count": 1, "group_by": None, "columns": columns} | more


def combined_cell(*results: dict[str, Any]) -> dict[str, Any]:
    cell: dict[str, Any] = combine(list(results))["columns"]["age"]["groups"]["all"]
    return cell


def test_two_sites_are_added() -> None:
    other = numeric(n=1, missing=0, sum="21/2", sum_of_squares="441/4")
    cell = combined_cell(result(numeric()), result(other))
    assert (cell["n"], cell["missing"]) == (4, 1)
    assert cell["mean"] == (1 + 2 + 3 + 10.5) / 4
    assert cell["variance"] == pytest.approx(np.var([1, 2, 3, 10.5], ddof=1), rel=1e-15)
    assert "minimum" not in cell


def test_one_value_has_a_mean_and_no_variance() -> None:
    cell = combined_cell(result(numeric(n=1, sum="5", sum_of_squares="25")))
    assert (cell["mean"], cell["variance"], cell["sd"]) == (5.0, None, None)


def test_no_value_has_no_mean() -> None:
    cell = combined_cell(result(numeric(n=0, sum="0", sum_of_squares="0")))
    assert (cell["mean"], cell["variance"]) == (None, None)


def test_extremes_need_every_site_that_has_values() -> None:
    first = result(numeric(minimum=1.0, maximum=3.0))
    empty = result(numeric(n=0, minimum=None, maximum=None))
    assert combined_cell(first, empty)["maximum"] == 3.0
    assert "maximum" not in combined_cell(first, result(numeric()))


def test_a_site_without_values_goes_with_numbers_and_with_text() -> None:
    nothing = result(numeric(n=0, sum="0", sum_of_squares="0"), kind="empty")
    text = result(
        {"n": 20, "missing": 0, "levels": {"I": 15}, "other": 5}, "categorical"
    )
    assert combined_cell(nothing, result(numeric()))["n"] == 3
    assert combined_cell(nothing, text)["levels"] == {"I": 15}
    assert combine([nothing])["columns"]["age"]["kind"] == "empty"


def test_groups_that_only_some_sites_have_are_kept() -> None:
    first, second = result(numeric(), group_by="sex"), result(numeric(), group_by="sex")
    second["columns"]["age"]["groups"] = {"f": numeric()}
    groups = combine([first, second])["columns"]["age"]["groups"]
    assert {name: group["n"] for name, group in groups.items()} == {"all": 3, "f": 3}


def test_the_results_are_not_changed() -> None:
    results = [result(numeric()), result(numeric())]
    before = copy.deepcopy(results)
    combine(results)
    assert results == before


UNRELATED = {
    "nothing at all": [],
    "other columns": [result(numeric()), result(numeric(), columns={})],
    "another grouping": [result(numeric()), result(numeric(), group_by="sex")],
    "numbers and text": [
        result(numeric()),
        result({"n": 1, "missing": 0, "levels": {"I": 1}, "other": 0}, "categorical"),
    ],
}


@pytest.mark.parametrize("results", UNRELATED.values(), ids=UNRELATED.keys())
def test_results_that_do_not_belong_together_are_refused(
    results: list[dict[str, Any]],
) -> None:
    with pytest.raises(CannotCombine):
        combine(results)


HOSTILE = {
    "a bare number": 5,
    "an empty object": {},
    "a negative count": result(numeric(n=-1)),
    "a count that is true": result(numeric(n=True)),
    "a count that is text": result(numeric(missing="1")),
    "a sum with an exponent": result(numeric(sum="1e999999999")),
    "an endless sum": result(numeric(sum="9" * 5000)),
    "a sum beyond doubles": result(numeric(sum="9" * 1900)),
    "a division by zero": result(numeric(sum="1/0")),
    "a sum that is a number": result(numeric(sum=6)),
    "squares smaller than their sum": result(numeric(sum_of_squares="0")),
    "no sum": result({"n": 3, "missing": 0}),
    "groups as a list": result(
        numeric(), columns={"age": {"kind": "x", "groups": [1]}}
    ),
}


@pytest.mark.parametrize("hostile", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_result_that_no_summary_made_is_refused(hostile: Any) -> None:
    with pytest.raises(CannotCombine):
        combine([hostile])
