"""The result page: the picture, the numbers, and where they come from."""

import json
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.results.models import Result
from apps.tasks.models import Task
from tests.pages import browser
from tests.results.pages import (
    VIEWS,
    answered,
    describe,
    figures_of,
    lines_of,
    look,
    results,
    summary,
    text_of,
)
from tests.worlds import World


def test_the_page_has_the_numbers_and_where_they_come_from(
    world: World, task: Task
) -> None:
    result = results(task)[1]
    page = look(world, f"/results/{result.pk}/")
    assert ["f", "300", "54"] in lines_of(page)
    assert ["m", "60", "60.250"] in lines_of(page)
    text = text_of(page)
    for part in (
        f"Result of {world.sites[1].name}",
        world.nodes[1].node.name,
        task.name,
        "Attempt 1",
        result.media_type,
        "columns 1 item",
        "“age”",
    ):
        assert part in text
    for exact in (result.sha256, world.version.digest):
        assert f'data-copy="{exact}"' in page
    assert f'href="/api/v1/results/{result.pk}/download/"' in page


def test_the_picture_has_the_numbers_in_the_sites_colour(
    world: World, task: Task
) -> None:
    (figure,) = figures_of(look(world, f"/results/{results(task)[1].pk}/"))
    assert (figure["type"], figure["x"], figure["y"]) == (
        "bar",
        "Group",
        "Mean (years)",
    )
    (series,) = figure["series"]
    assert (series["x"], series["y"]) == (["f", "m"], [54.0, 60.25])
    assert series["colour"] == 2


def test_without_views_the_page_has_the_tree(world: World) -> None:
    task = answered(world, b'{"rows": 12, "note": null}')
    (result,) = results(task)
    text = text_of(look(world, f"/results/{result.pk}/"))
    assert "2 members" in text
    assert "rows 12" in text
    assert "describes no table or chart" in text_of(look(world, f"/tasks/{task.pk}/"))


def test_other_bytes_are_only_a_download(world: World) -> None:
    describe(world)
    task = world.send()
    (run,) = world.nodes[0].claimed()
    data = b"<script>alert(1)</script>"
    created = world.nodes[0].announce(run, data, media_type="text/html")
    assert world.nodes[0].patch(created["Location"], data).status_code == 204
    (result,) = Result.objects.all()
    page = look(world, f"/results/{result.pk}/")
    assert "This is not JSON." in text_of(page)
    assert "25 bytes" in text_of(page)
    assert "alert(1)" not in page
    assert "This is not JSON." in text_of(look(world, f"/tasks/{task['id']}/"))


INTERVALS: list[dict[str, Any]] = [
    {
        "type": "line",
        "title": "Survival",
        "data": "/curve",
        "x": "t",
        "y": "s",
        "lower": "low",
        "upper": "high",
        "series": "arm",
        "columns": [{"name": "t", "title": "Time", "unit": "days"}, {"name": "s"}],
    }
]


def test_a_line_has_its_intervals_and_a_series_for_each_arm(world: World) -> None:
    describe(world, INTERVALS)
    points = [
        {"t": t, "s": 1 - t / 10, "low": 0.1, "high": None, "arm": arm}
        for arm in ("a", "b")
        for t in (0, 1.5)
    ]
    (result,) = results(answered(world, json.dumps({"curve": points}).encode()))
    page = look(world, f"/results/{result.pk}/")
    (figure,) = figures_of(page)
    assert (figure["type"], figure["x"]) == ("line", "Time (days)")
    first, second = figure["series"]
    assert first["name"].endswith(" · a")
    assert (first["x"], first["y"]) == ([0, 1.5], [1.0, 0.85])
    assert (first["lower"], first["upper"]) == ([0.1, 0.1], [None, None])
    assert (first["variant"], second["variant"]) == (0, 1)
    assert "Error bars from low to high." in page


@pytest.mark.parametrize("kind", ["scatter", "heatmap", "number", "text"])
def test_views_that_are_not_drawn_are_tables(
    world: World, task: Task, kind: str
) -> None:
    describe(world, [{**VIEWS[1], "type": kind}])
    page = look(world, f"/results/{results(task)[0].pk}/")
    assert figures_of(page) == []
    assert ["f", "50"] in lines_of(page)


def test_what_draws_is_loaded_only_where_something_is_drawn(
    world: World, task: Task
) -> None:
    with_chart = look(world, f"/results/{results(task)[0].pk}/")
    assert "chart.js" in with_chart
    assert '<script src="/static/dist/plotly.js"' not in with_chart
    describe(world, VIEWS[:1])
    without = look(world, f"/results/{results(task)[0].pk}/")
    assert "chart.js" not in without
    assert "plotly" not in without


def queries(world: World, path: str) -> int:
    client = browser(world)
    with CaptureQueriesContext(connection) as captured:
        assert client.get(path).status_code == 200
    return len(captured)


def test_no_page_costs_more_queries_when_there_is_more(world: World) -> None:
    describe(world)
    one = answered(world, summary(f=(100, 50.0)))
    for node in world.nodes[1:]:
        node.claimed()
    groups = {f"g{number}": (100, 1.0) for number in range(50)}
    three = answered(world, *[summary(**groups)] * 3)
    few, many = (
        [
            queries(world, f"/results/{results(task)[0].pk}/"),
            queries(world, f"/tasks/{task.pk}/"),
            queries(world, f"/tasks/{task.pk}/table/1.csv"),
        ]
        for task in (one, three)
    )
    assert few[0] == many[0] <= 7  # two of them keep that it was seen
    assert many[1] <= few[1] <= 16  # a site that is awaited may be asked about
    assert few[2] == many[2]  # every result that is taken is recorded at once
