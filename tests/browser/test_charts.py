"""A chart on the page, as a file for a paper, and on paper itself."""

from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree

import pytest
from playwright.sync_api import Page, ViewportSize, expect

from tests.browser.watching import Watch, wait_until_dark
from tools.rig.browser import Readers, go_dark
from tools.screenshots.stage import COLUMNS, Stage

SVG = "{http://www.w3.org/2000/svg}"
SITES = 3
HOSTILE = '<img src=x onerror="alert(1)"> & <b>bold</b>'
PAPER: ViewportSize = {"width": 718, "height": 1000}  # A4 within a browser's margins
REDRAWN = """old =>
  !old.includes(getComputedStyle(document.querySelector(".chart svg text")).fill)"""
NARROWER = """() => [...document.querySelectorAll(".chart")].every((chart) =>
  chart.querySelector("svg").getBoundingClientRect().width <= chart.clientWidth + 1)"""


@pytest.fixture
def page(stage: Stage, readers: Readers) -> Iterator[Page]:
    page = readers.context("researcher").new_page()
    watch = Watch(page, stage.url)
    page.goto(f"/tasks/{stage.facts['task']}/")
    expect(page.locator(".chart svg .bars .point")).to_have_count(
        (SITES + 1) * len(COLUMNS)
    )
    yield page
    assert watch.complaints() == []
    page.close()


def saved(page: Page) -> tuple[str, ElementTree.Element]:
    """The name and the content of the file that the first chart is saved as."""
    with page.expect_download() as caught:
        page.get_by_role("button", name="Save as SVG").first.click()
    text = caught.value.path().read_text("utf-8")
    return caught.value.suggested_filename, ElementTree.fromstring(text)  # noqa: S314


def words(drawing: ElementTree.Element) -> list[str]:
    return ["".join(text.itertext()) for text in drawing.iter(f"{SVG}text")]


def colours(page: Page) -> list[str]:
    """Of the first chart's text and bars, as they are drawn."""
    found: list[str] = page.locator(".chart").first.evaluate(
        "chart => [...chart.querySelectorAll('svg text, .point path')]"
        ".map(part => getComputedStyle(part).fill)"
    )
    return found


def test_a_chart_is_saved_as_a_drawing_that_stands_alone(page: Page) -> None:
    name, drawing = saved(page)
    assert name == "chart.svg"
    assert drawing.tag == f"{SVG}svg"
    said = words(drawing)
    assert f"Mean · {COLUMNS[0]}" in said
    assert "Mean" in said
    for series in ("Site North", "Site East", "Site South", "Combined"):
        assert series in said
    bars = drawing.findall(f".//{SVG}g[@class='point']/{SVG}path")
    assert len(bars) == SITES + 1
    assert {part.tag for part in drawing.iter()} & {
        f"{SVG}{tag}" for tag in ("script", "image", "foreignObject", "a")
    } == set()


def test_a_file_made_in_the_dark_is_for_white_paper(page: Page) -> None:
    _, light = saved(page)
    before = colours(page)
    go_dark(page)
    wait_until_dark(page)
    expect(page.locator(".chart").first.locator(".point")).to_have_count(SITES + 1)
    page.wait_for_function(REDRAWN, arg=before)
    _, dark = saved(page)
    assert fills(dark) == fills(light)


def fills(drawing: ElementTree.Element) -> list[str]:
    styles = [part.get("style", "") for part in drawing.iter(f"{SVG}text")]
    return [style for style in styles if "fill" in style]


def test_paper_is_white_and_has_charts_numbers_and_whole_digests(
    page: Page, stage: Stage
) -> None:
    go_dark(page)
    page.goto(f"/results/{stage.facts['result']}/")
    expect(page.locator(".chart svg .bars .point")).to_have_count(len(COLUMNS))
    dark = colours(page)
    page.set_viewport_size(PAPER)
    page.emulate_media(media="print")
    page.wait_for_function(REDRAWN, arg=dark)
    assert page.evaluate(NARROWER)
    ground = page.locator(".panel").first.evaluate(
        "e => getComputedStyle(e).background"
    )
    assert "rgb(255, 255, 255)" in ground
    numbers = page.locator(".numbers table").last
    assert numbers.evaluate("table => table.checkVisibility()")
    for role in ("button", "banner"):
        expect(page.get_by_role(role)).to_have_count(0)
    whole: list[Any] = page.locator(".result-facts code[title]").evaluate_all(
        "codes => codes.map(code => getComputedStyle(code, '::after').content)"
    )
    assert [len(text.strip('"').removeprefix("sha256:")) for text in whole] == [64, 64]


def test_a_strangers_words_are_drawn_as_words(page: Page, stage: Stage) -> None:
    page.goto(f"/results/{stage.facts['result']}/")  # which is not live
    area = page.locator("[data-figure]").first
    area.evaluate(
        """(area, words) => {
          const figure = JSON.parse(area.dataset.figure);
          figure.title = figure.y = figure.series[0].name = words;
          figure.series[0].x = [words];
          area.dataset.figure = JSON.stringify(figure);
          document.dispatchEvent(new CustomEvent("htmx:afterSettle"));
        }""",
        HOSTILE,
    )
    expect(area.locator("svg .ytitle")).to_have_text(HOSTILE)
    _, drawing = saved(page)
    assert words(drawing).count(HOSTILE) >= 2
    assert page.locator("img[src=x]").count() == 0
