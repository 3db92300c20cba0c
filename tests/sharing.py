"""How processes share out the tests: by file, and some folders whole.

pytest-xdist's own groups do nothing under pytest 9.2 (its issue 1386); a scheduler
of one's own is the way that it documents besides.

pytest loads this plugin before Django's settings, so that each process may have a
Redis of its own: messages between processes know nothing of numbered databases.
"""

import gc
import os
import tempfile
from contextlib import ExitStack
from pathlib import Path, PurePosixPath

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from tools.rig.process import free_port
from tools.rig.redis import Redis

# One platform and browser, or names in Docker that are theirs alone.
WHOLE = {"tests/browser": "browser", "tests/e2e": "engine", "tests/rig": "engine"}

_services = ExitStack()
if "PYTEST_XDIST_WORKER" in os.environ and "REDIS_URL" in os.environ:
    _folder = _services.enter_context(tempfile.TemporaryDirectory(prefix="ptm-"))
    _redis = _services.enter_context(Redis(Path(_folder), free_port()))
    os.environ["REDIS_URL"] = _redis.url


def pytest_collection_finish() -> None:
    """What is imported by now stays: no search for garbage looks through it again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


def pytest_unconfigure() -> None:
    _services.close()


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> "ByFile":
    return ByFile(config, log)


class ByFile(LoadScopeScheduling):
    def _split_scope(self, nodeid: str) -> str:
        """What has to stay together with this test, by name."""
        file = PurePosixPath(nodeid.partition("::")[0])
        return WHOLE.get(str(file.parent), str(file))
