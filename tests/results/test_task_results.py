"""What the task's page shows of its results, and to whom."""

import re
from pathlib import Path

import pytest

from apps.results import of_task
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
    rows_of_csv,
    summary,
    text_of,
)
from tests.stored import acts
from tests.worlds import World


def test_the_task_page_has_every_site_and_all_of_them_combined(
    world: World, task: Task
) -> None:
    page = look(world, f"/tasks/{task.pk}/")
    lines = lines_of(page)
    a, b, c = (site.name for site in world.sites)
    for line in (["f", a, "100", "50"], [b, "300", "54"], [c, "200", "51.500"]):
        assert line in lines
    assert ["Combined", "600", "52.500"] in lines
    assert "All 3 sites have answered." in text_of(page)
    assert f'href="/api/v1/tasks/{task.pk}/results.zip"' in page
    for result in results(task):
        assert f'href="/results/{result.pk}/"' in page


def test_a_row_that_a_site_may_hide_is_not_summed(world: World, task: Task) -> None:
    text = text_of(look(world, f"/tasks/{task.pk}/"))
    missing = f"No combined n: {world.sites[2].name} has no such row, or hides it."
    assert missing in text


def test_every_site_keeps_its_colour(world: World, task: Task) -> None:
    views = [{**VIEWS[1], "columns": VIEWS[0]["columns"]}]
    describe(world, views)
    (figure,) = figures_of(look(world, f"/tasks/{task.pk}/"))
    found = {series["name"]: series["colour"] for series in figure["series"]}
    names = [site.name for site in world.sites]
    assert found == {**dict(zip(names, (1, 2, 3), strict=True)), "Combined": None}
    alone = figures_of(look(world, f"/results/{results(task)[2].pk}/"))
    assert [series["colour"] for series in alone[0]["series"]] == [3]


def test_running_again_keeps_the_colour_and_takes_the_newer_numbers(
    world: World, task: Task
) -> None:
    old = results(task)[0]
    answer = world.person("alice").post(f"/api/v1/runs/{old.run_id}/again/")
    assert answer.status_code == 201
    (run,) = world.nodes[0].claimed()
    world.nodes[0].complete(run, summary(f=(77, 40.0)))
    page = look(world, f"/tasks/{task.pk}/")
    assert ["f", world.sites[0].name, "77", "40"] in lines_of(page)
    assert [s["colour"] for s in figures_of(page)[0]["series"]] == [1, 2, 3]
    assert "ran the task again since" in text_of(look(world, f"/results/{old.pk}/"))


def test_combined_numbers_say_of_how_many_sites(world: World) -> None:
    describe(world)
    task = answered(world, summary(f=(100, 50.0)), summary(f=(300, 54.0)))
    text = text_of(look(world, f"/tasks/{task.pk}/"))
    assert "2 of 3 sites have answered. Missing:" in text
    assert f"{world.sites[2].name} Queued" in text
    assert "Combined, 2 of 3 sites 400 53" in text


def test_one_answer_is_combined_with_nothing(world: World) -> None:
    describe(world)
    task = answered(world, summary(f=(100, 50.0)))
    page = look(world, f"/tasks/{task.pk}/")
    assert "1 of 3 sites" in text_of(page)
    assert "Combined" not in page


def test_a_task_without_answers_says_who_is_missing(world: World) -> None:
    page = look(world, f"/tasks/{world.send()['id']}/")
    assert "0 of 3 sites have answered." in text_of(page)
    assert "results.zip" not in page


def test_bytes_that_are_gone_leave_the_rest_of_the_page(
    world: World, task: Task
) -> None:
    lost = results(task)[0]
    Path(lost.file.path).unlink()
    assert "cannot read" in text_of(look(world, f"/results/{lost.pk}/"))
    text = text_of(look(world, f"/tasks/{task.pk}/"))
    assert "cannot read" in text
    assert "Combined, 2 of 3 sites 500 53" in text
    assert lost.file.path not in text


def test_a_task_page_reads_only_so_much(
    world: World, task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = [result.size for result in results(task)]
    monkeypatch.setattr(of_task, "MAX_TASK_BYTES", sizes[0] + sizes[1])
    text = text_of(look(world, f"/tasks/{task.pk}/"))
    assert "too large to show all of them" in text
    assert "Combined, 2 of 3 sites 400 53" in text


@pytest.mark.parametrize("person", ["alice", "bob"])
def test_whoever_sees_the_task_sees_its_results(
    world: World, task: Task, person: str
) -> None:
    for path in paths_of(task):
        assert browser(world, person).get(path).status_code == 200


def paths_of(task: Task) -> list[str]:
    pk = results(task)[0].pk
    return [
        f"/results/{pk}/",
        f"/results/{pk}/table/1.csv",
        f"/tasks/{task.pk}/table/1.csv",
    ]


def test_for_strangers_results_do_not_exist(
    world: World, rival: World, task: Task
) -> None:
    before = acts("result.downloaded")
    for path in paths_of(task):
        foreign = browser(rival).get(path)
        missing = browser(rival).get(
            re.sub(r"/(results|tasks)/\d+/", r"/\1/99999/", path)
        )
        assert foreign.status_code == missing.status_code == 404
        assert without_nonce(foreign.content) == without_nonce(missing.content)
    assert acts("result.downloaded") == before


def without_nonce(page: bytes) -> bytes:
    """The page but for what differs at every look: the form's token."""
    return re.sub(rb'name="csrfmiddlewaretoken" value="[^"]*"', b"", page)


def test_a_site_sees_its_own_result_and_nothing_of_the_others(
    world: World, task: Task
) -> None:
    own = results(task)[1]
    for other in (results(task)[0], results(task)[2]):
        assert browser(world, "dave").get(f"/results/{other.pk}/").status_code == 404
    page = look(world, f"/tasks/{task.pk}/", "dave")
    assert "The site has answered." in text_of(page)
    assert ["f", own.run.organization.name, "300", "54"] in lines_of(page)
    assert "Combined" not in page
    content = browser(world, "dave").get(f"/tasks/{task.pk}/table/1.csv").content
    assert {row[2] for row in rows_of_csv(content)[1:]} == {own.run.organization.name}
