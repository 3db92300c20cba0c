"""One platform, one browser and one window per person for all that is tested here.

They end with this package, not with the session: while Playwright's synchronous
interface is up, no other event loop can run in this thread.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.watching import Axe
from tools.frontend.__main__ import MODULES
from tools.rig.browser import PATIENCE, Readers, running_browser
from tools.rig.folders import ROOT
from tools.screenshots.stage import Stage, staged

FOLDER = Path(__file__).parent
PROBE = ROOT / "tests" / "images" / "probe"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        needs = getattr(item, "fixturenames", ())
        if item.path.is_relative_to(FOLDER) and "stage" in needs:
            item.add_marker(pytest.mark.docker)


@pytest.fixture(scope="package")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with staged(tmp_path_factory.mktemp("stage"), PROBE) as stage:
        yield stage


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    expect.set_options(timeout=PATIENCE)
    with running_browser() as browser:
        yield browser


@pytest.fixture(scope="package")
def readers(browser: Browser, stage: Stage) -> Iterator[Readers]:
    with Readers(browser, stage.url, stage.passwords) as readers:
        yield readers


@pytest.fixture(scope="package")
def axe() -> Axe:
    return Axe((MODULES / "axe-core" / "axe.min.js").read_text())


@pytest.fixture
def page(stage: Stage, readers: Readers) -> Iterator[Page]:
    """A window in which nobody is signed in."""
    context = readers.new_context()
    yield context.new_page()
    context.close()
