"""Every page: readable by everybody, narrow enough for a phone, and quiet.

axe-core runs with all of its rules, at a desk in light and on a phone in dark.
"""

from collections.abc import Iterator
from contextlib import ExitStack, closing

import pytest
from django.test import Client
from django.urls import reverse

from tests.browser.watching import Axe, Watch, look_at, made_by_scripts
from tests.worlds import World
from tools.rig.browser import Readers
from tools.screenshots.pages import NO_PAGE, ONLY_FORMS, PORTAL, Page, all_pages
from tools.screenshots.reached import REACHED
from tools.screenshots.routes import named_routes
from tools.screenshots.stage import Stage

PAGES = all_pages()


def test_no_page_of_the_url_configuration_is_forgotten() -> None:
    listed = {page.route for page in PAGES}
    assert listed | {*NO_PAGE, *ONLY_FORMS} == named_routes()
    assert listed & {*NO_PAGE, *ONLY_FORMS} == set()
    names = [page.name for page in PAGES]
    assert len(names) == len(set(names))


@pytest.fixture(scope="module")
def windows(readers: Readers, stage: Stage, axe: Axe) -> Iterator[dict[str, Watch]]:
    """One for each reader: a new one costs more than the page that it shows."""
    with ExitStack() as stack:

        def window(reader: str) -> Watch:
            page = stack.enter_context(closing(readers.context(reader).new_page()))
            page.add_init_script(axe.source)
            return Watch(page, stage.url)

        yield {name: window(name) for name in {page.reader for page in PAGES}}


@pytest.mark.parametrize("shown", PAGES, ids=[page.name for page in PAGES])
def test_page(shown: Page, stage: Stage, windows: dict[str, Watch], axe: Axe) -> None:
    watch = windows[shown.reader]
    watch.begin_again(shown.status)
    answer = watch.page.goto(shown.address(stage.facts))
    assert answer is not None
    assert answer.status == shown.status
    watch.page.wait_for_selector(shown.shows)
    if shown in PORTAL:
        assert made_by_scripts(watch.page, answer.text()) == []
    look_at(watch.page, axe)
    assert watch.complaints() == []


@pytest.mark.parametrize("name", REACHED)
def test_page_without_an_address(
    name: str, stage: Stage, readers: Readers, axe: Axe
) -> None:
    reached = REACHED[name]
    with closing(readers.context(reached.reader).new_page()) as page:
        watch = Watch(page, stage.url, reached.status)
        reached.show(page)
        page.wait_for_selector("h1")
        look_at(page, axe)
        assert watch.complaints() == []


@pytest.mark.django_db
@pytest.mark.parametrize("route", ONLY_FORMS)
def test_what_takes_a_form_shows_no_page(route: str, world: World) -> None:
    client = Client()
    client.force_login(world.platform_admin)
    address = reverse(route, kwargs=dict.fromkeys(ONLY_FORMS[route], 1))
    assert client.get(address).status_code == 405
