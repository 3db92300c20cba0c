"""How processes share out the tests: by file, and some folders whole.

pytest-xdist's own groups do nothing under pytest 9.2 (its issue 1386); a scheduler
of one's own is the way that it documents besides.
"""

from pathlib import PurePosixPath

from xdist.scheduler import LoadScopeScheduling

# One platform and browser, or names in Docker that are theirs alone.
WHOLE = {"tests/browser": "browser", "tests/e2e": "engine", "tests/rig": "engine"}


class ByFile(LoadScopeScheduling):
    def _split_scope(self, nodeid: str) -> str:
        """What has to stay together with this test, by name."""
        file = PurePosixPath(nodeid.partition("::")[0])
        return WHOLE.get(str(file.parent), str(file))
