"""What a chart says of itself: its axes, its name for readers, and its caption."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from apps.results.charts import exhibits
from apps.results.manifest_views import Column, View
from apps.results.tables import Answer, Table
from apps.tasks.models import Task
from tests.results.pages import describe, figures_of, look, results, summary, text_of
from tests.worlds import World

MEAN = Column("mean", "Mean", "years", combine="mean", weight="n")
VIEW = View(
    1, "bar", "Means", "/columns/*/groups/*", keys=("Column", "Group"), x="Group",
    y="mean", columns=(MEAN,),
)  # fmt: skip


def table(*values: Mapping[str, Mapping[str, float]], of_task: bool = True) -> Table:
    """Each site's means, by column and group."""
    answers = [
        Answer(f"Site {number}", number, _result(value), number)
        for number, value in enumerate(values)
    ]
    return Table(VIEW, answers, len(answers) if of_task else None)


def _result(means: Mapping[str, Mapping[str, float]]) -> dict[str, Any]:
    return {
        "columns": {
            column: {"groups": {g: {"n": 9, "mean": mean} for g, mean in row.items()}}
            for column, row in means.items()
        }
    }


def test_a_caption_says_what_is_drawn_of_how_many_sites() -> None:
    (exhibit,) = exhibits([table(*[{"age": {"f": 50, "m": 60}, "size": {"f": 3}}] * 3)])
    assert exhibit.caption == (
        "Mean (years) by Group for each Column, at 3 sites and combined."
    )
    assert [chart.facet for chart in exhibit.charts] == ["age", "size"]


def test_what_is_the_same_in_all_rows_is_said_once_and_not_drawn() -> None:
    (exhibit,) = exhibits([table(*[{"age": {"all": 50}, "size": {"all": 3}}] * 2)])
    assert exhibit.caption == (
        "Mean (years) for each Column, at 2 sites and combined. Group: all."
    )
    for chart in exhibit.charts:
        assert json.loads(chart.figure)["x"] == ""
        assert chart.label.startswith(f"Bar chart of {chart.facet}: Mean (years), for")


def test_one_result_is_drawn_for_its_site() -> None:
    (exhibit,) = exhibits([table({"age": {"f": 50, "m": 60}}, of_task=False)])
    assert exhibit.caption == "Mean (years) by Group, at Site 0. Column: age."


def test_under_a_chart_stands_which_program_made_it(world: World, task: Task) -> None:
    for path in (f"/tasks/{task.pk}/", f"/results/{results(task)[0].pk}/"):
        text = text_of(look(world, path)).replace(" ,", ",")
        assert f"Computed by Summary 1.0, function summary, task {task.pk}, " in text


def test_a_site_has_its_colour_in_every_task(world: World) -> None:
    describe(world)
    last = world.sites[2]
    task = world.send(organizations=[last.pk])
    (run,) = world.nodes[2].claimed()
    world.nodes[2].complete(run, summary(f=(20, 50.0)))
    (figure,) = figures_of(look(world, f"/tasks/{task['id']}/"))
    assert [(s["name"], s["colour"]) for s in figure["series"]] == [(last.name, 3)]


# The last site's rows begin where the first one's end.
SOME = [{"age": {"f": 50}}, {"age": {"f": 51}, "size": {"f": 3}}, {"size": {"f": 4}}]


def test_the_legend_has_the_sites_in_their_order_and_all_of_them_last() -> None:
    whole = replace(table(*SOME), view=replace(VIEW, complete=True))
    (exhibit,) = exhibits([whole])
    names = [series.name for series in exhibit.legend]
    assert names == ["Site 0", "Site 1", "Site 2", "Combined"]


def test_the_legend_names_nothing_that_is_not_drawn() -> None:
    (exhibit,) = exhibits([table(*SOME)])  # nothing combines where a site has no row
    assert [series.name for series in exhibit.legend] == ["Site 0", "Site 1", "Site 2"]
