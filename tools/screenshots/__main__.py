"""Pictures of every page in light, in dark and on a phone: `make screenshots`.

They go to var/screenshots. With words as arguments, only pages whose names hold one.
"""

import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from playwright.sync_api import Page

from tools.rig.browser import DESKTOP, PHONE, Readers, go_dark, running_browser
from tools.rig.errors import RigError
from tools.rig.folders import VAR
from tools.rig.process import sigterm_unwinds
from tools.screenshots.stage import Stage, staged

TARGET = VAR / "screenshots"
DRAWN = """() => new Promise((done) =>
  requestAnimationFrame(() => requestAnimationFrame(done)))"""


def main(words: Sequence[str]) -> int:
    VAR.mkdir(exist_ok=True)
    try:
        with (
            sigterm_unwinds(),
            tempfile.TemporaryDirectory(dir=VAR, prefix="stage-") as folder,
            staged(Path(folder)) as stage,
        ):
            count = take(stage, words)
    except RigError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    print(f"{count} pictures are in {TARGET}")
    return 0


def take(stage: Stage, words: Sequence[str]) -> int:
    """Write the pictures of the pages whose names hold one of the words, or of all."""
    # The addresses are Django's to make, with the settings of the stage's server.
    os.environ.update(stage.platform.server.env)
    os.environ["DJANGO_SETTINGS_MODULE"] = "ptm_site.settings"
    import django

    django.setup()
    from tools.screenshots.pages import all_pages
    from tools.screenshots.reached import REACHED

    if not words:
        shutil.rmtree(TARGET, ignore_errors=True)
    TARGET.mkdir(parents=True, exist_ok=True)

    def wanted(name: str) -> bool:
        return not words or any(word in name for word in words)

    with (
        running_browser() as browser,
        Readers(browser, stage.url, stage.passwords) as readers,
    ):
        for page in all_pages():
            if wanted(page.name):
                window = readers.context(page.reader).new_page()
                window.goto(page.address(stage.facts))
                _shoot(window, page.name)
        for name, reached in REACHED.items():
            if wanted(name):
                window = readers.context(reached.reader).new_page()
                reached.show(window)
                _shoot(window, name)
    return len([*TARGET.iterdir()])


def _shoot(window: Page, name: str) -> None:
    _save(window, f"{name}-light")
    window.set_viewport_size(PHONE)
    _save(window, f"{name}-phone")
    window.set_viewport_size(DESKTOP)
    go_dark(window)
    _save(window, f"{name}-dark")
    window.close()


def _save(window: Page, name: str) -> None:
    # Two frames later everything has its new size and colours.
    window.wait_for_load_state("networkidle")
    window.evaluate(DRAWN)
    window.screenshot(path=TARGET / f"{name}.png", full_page=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
