"""A pytest plugin: collects, builds the worlds of the tests, and lets them stand.

What it then does with the tests is up to `work`. The database is in memory, so that a
fork of the process has its own.
"""

import functools
from collections.abc import Callable, Generator, Sequence
from typing import Any

import pytest
from django.db import connections

from tools.mutate_rights.patching import loaded_objects

Remembering = type(functools.lru_cache(print))


class Standing:
    """`warm` begins the name of a test that is run first, and whose worlds stay."""

    def __init__(self, warm: str, work: Callable[["Standing"], None]) -> None:
        self.warm = warm
        self.work = work
        self.items: dict[str, Any] = {}
        self._ends: tuple[Any, ...] = ()
        self._reports: list[pytest.TestReport] = []
        self._answers: dict[Any, Any] = {}
        self._caches: list[Any] = []

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: Any) -> Generator[None, Any, Any]:
        value = yield
        if fixturedef.argname == "django_db_modify_db_settings":
            connections["default"].settings_dict["TEST"]["NAME"] = None
        if fixturedef.argname == "stage":
            self._answers = value.answers
        return value

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._reports.append(report)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        if session.testsfailed:
            raise session.Failed("Not every file of tests could be collected.")
        self._build(session.items)
        self.work(self)
        return True

    def _build(self, items: Sequence[Any]) -> None:
        asked = [item for item in items if not _needs_a_server(item)]
        self.items = {item.nodeid: item for item in asked}
        first = next(item for item in asked if item.nodeid.startswith(self.warm))
        self._ends = first, next(item for item in asked if item.path != first.path)
        if any(report.failed for report in self.run(first.nodeid)):
            raise pytest.UsageError(f"{first.nodeid} fails with every check in place.")
        self._caches = [
            thing
            for thing in loaded_objects()
            if type(thing) is Remembering  # a lazy object would be woken
            and thing.__wrapped__.__module__.startswith(("apps.", "ptm_site."))
        ]

    def run(self, test: str) -> list[pytest.TestReport]:
        """Run a test as if it were the first that asks anything."""
        self._answers.clear()
        for cache in self._caches:
            cache.cache_clear()
        self._reports = []
        item = self.items[test]
        # What the next one needs is left: all that both of these have in common.
        following = next(other for other in self._ends if other.path != item.path)
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        return self._reports


def _needs_a_server(item: Any) -> bool:
    """A real server process reads a file, which the database in memory is not."""
    known = {*item.fixturenames, *vars(item.module)}
    return bool(known & {"first_server", "second_server", "running_server"})
