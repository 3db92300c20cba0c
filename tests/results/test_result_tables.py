"""Tables that are taken as CSV, and tables that are too long."""

import pytest

from apps.results.manifest_views import MAX_ROWS
from apps.results.tables import MAX_LINES
from apps.tasks.models import Task
from tests.pages import browser
from tests.results.pages import (
    answered,
    describe,
    figures_of,
    look,
    results,
    rows_of_csv,
    summary,
    text_of,
)
from tests.stored import acts
from tests.worlds import World


def test_a_long_table_is_cut_on_the_page_and_whole_in_its_csv(world: World) -> None:
    describe(world)
    groups = {f"g{number}": (20, 1.0) for number in range(MAX_LINES + 50)}
    (result,) = results(answered(world, summary(**groups)))
    page = look(world, f"/results/{result.pk}/")
    assert "The first 500 of 550 rows." in text_of(page)
    assert "g499" in page
    assert '<th scope="rowgroup" class="key anything" rowspan="1">g500' not in page
    answer = browser(world).get(f"/results/{result.pk}/table/1.csv")
    assert len(rows_of_csv(answer.content)) == 551


def test_a_table_with_too_many_rows_is_not_shown_and_not_cut_in_silence(
    world: World,
) -> None:
    describe(world)
    groups = {f"g{number}": (20, 1.0) for number in range(MAX_ROWS + 1)}
    (result,) = results(answered(world, summary(**groups)))
    page = look(world, f"/results/{result.pk}/")
    assert "There are more rows of" in text_of(page)
    assert figures_of(page) == []
    answer = browser(world).get(f"/results/{result.pk}/table/1.csv")
    assert answer.status_code == 409
    assert "more than 10,000 rows" in answer.content.decode()


@pytest.mark.parametrize("number", [0, 3, 99999999999999999999])
def test_only_tables_that_are_described_can_be_asked_for(
    world: World, task: Task, number: int
) -> None:
    for kind, pk in (("tasks", task.pk), ("results", results(task)[0].pk)):
        answer = browser(world).get(f"/{kind}/{pk}/table/{number}.csv")
        assert answer.status_code == 404


def test_a_result_that_cannot_be_shown_has_no_table(world: World) -> None:
    describe(world)
    (result,) = results(answered(world, b"{"))
    answer = browser(world).get(f"/results/{result.pk}/table/1.csv")
    assert answer.status_code == 409
    assert "not well-formed JSON" in answer.content.decode()


def test_the_csv_of_a_task_has_every_number_in_full(world: World, task: Task) -> None:
    answer = browser(world).get(f"/tasks/{task.pk}/table/1.csv")
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    name = f'attachment; filename="task-{task.pk}-table-1.csv"'
    assert answer["Content-Disposition"] == name
    assert answer.content.startswith(b"\xef\xbb\xbf")
    heading, *rows = rows_of_csv(answer.content)
    assert heading == ["Column", "Group", "Site", "n", "Mean", "Note"]
    assert ["age", "m", world.sites[0].name, "40", "61.25", ""] in rows
    assert ["age", "f", "Combined", "600", "52.5", ""] in rows
    assert rows[-1][2:5] == ["Combined", "", ""]
    assert "No combined n" in rows[-1][5]


def test_taking_a_table_is_recorded_for_each_result_in_it(
    world: World, task: Task
) -> None:
    alice = world.people["alice"].pk
    browser(world).get(f"/results/{results(task)[0].pk}/table/1.csv")
    assert acts("result.downloaded", actor_id=alice) == 1
    browser(world).get(f"/tasks/{task.pk}/table/1.csv")
    for index, times in enumerate((2, 1, 1)):
        pk = results(task)[index].pk
        assert acts("result.downloaded", actor_id=alice, object_id=pk) == times
