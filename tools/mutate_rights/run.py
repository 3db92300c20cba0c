"""A whole run, in a tree that nobody else changes."""

import os
import sys
import time
from collections import Counter, deque
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from tools.mutate_rights.alone import alone
from tools.mutate_rights.children import FORK, Gone, in_children
from tools.mutate_rights.mutation import Mutation
from tools.mutate_rights.pool import HALF_AN_HOUR, Pool
from tools.mutate_rights.standing import Standing
from tools.mutate_rights.told import Reach, Told

AT_ONCE = os.cpu_count() or 1
RIGHTS = "tests/rights"
OTHERS = (
    "accounts",
    "algorithms_catalogue",
    "audit",
    "collaborations",
    "nodes",
    "organizations",
    "results",
    "security",
    "site",
    "tasks",
)
# Which tests are asked together, and the one whose worlds stand for all of them.
POOLS = (
    ((RIGHTS,), "tests/rights/test_inside.py"),
    (tuple(f"tests/{name}" for name in OTHERS), "tests/collaborations/test_vis"),
)
DOORS = "tests/rights/test_doors.py"
OPTIONS = ("-q", "-p", "no:cacheprovider", "-m", "not docker")
# Tests of this tool itself.
ITSELF = (
    "--ignore=tests/rights/test_checks.py",
    "--ignore=tests/rights/test_mutating.py",
    "--ignore=tests/rights/test_mutating_in_turn.py",
)


class Run:
    def __init__(self, root: Path, mutations: list[Mutation], known: set[str]) -> None:
        self.root = root
        self.mutations = dict(enumerate(mutations))
        self.known = known
        self.reached: list[Reach] = []
        self.words: Counter[str] = Counter()
        self.open = set(self.mutations)
        self.passed: dict[int, frozenset[str]] = {}
        self.begin = time.monotonic()

    def all(self) -> int:
        """Try every mutation; how many survive, or could not be tried."""
        for number, mutation in self.mutations.items():
            if mutation.name in self.known:
                self._settle(Told(number, "known"))
        for paths, warm in POOLS:
            self._together(paths, warm)
        self._each_alone()
        said = ", ".join(f"{count} {word}" for word, count in self.words.items())
        self._say(f"{len(self.mutations)} checks removed in turn: {said}")
        return self.words["SURVIVED"] + self.words["ERROR"]

    def _say(self, text: str) -> None:
        minutes, seconds = divmod(int(time.monotonic() - self.begin), 60)
        print(f"{minutes:>3}:{seconds:02} {text}", flush=True)

    def _together(self, paths: tuple[str, ...], warm: str) -> None:
        self._say(f"first without mutations: {' '.join(paths)}")
        wanted = {n: m for n, m in self.mutations.items() if n in self.open}
        for told in _pool(self.root, wanted, paths, warm):
            if isinstance(told, Reach):
                self.reached.append(told)
                if not told.passes:
                    self._say(f"not asked, it fails already: {told.test}")
            elif told.word != "alive":
                self._settle(told)
            else:
                asked = self.passed.get(told.number, frozenset())
                self.passed[told.number] = asked | told.passed

    def _each_alone(self) -> None:
        self._say(f"{len(self.open)} in a process of their own")

        def work(number: int) -> Told:
            tests = self._tests_for(number)
            return alone(number, self.mutations[number], self.root, tests)

        jobs = deque(sorted(self.open))
        for number, told in in_children(work, jobs, AT_ONCE, HALF_AN_HOUR):
            if isinstance(told, Gone):
                told = Told(number, "error", why=told.value)
            self._settle(told)

    def _tests_for(self, number: int) -> list[str]:
        """All that run through it; of what acts at import, near ones and all rights."""
        quick = sorted(self.reached, key=lambda reach: reach.seconds)
        mutation = self.mutations[number]
        if mutation.bodies:  # the quick ones have been asked already
            passed = self.passed.get(number, frozenset())
            through = [r.test for r in reversed(quick) if number in r.numbers]
            return [test for test in through if test not in passed]
        chosen = [
            [r.test for r in quick if r.test.startswith(DOORS)],
            [r.test for r in quick if mutation.path in r.paths],
            [r.test for r in quick if r.test.startswith(RIGHTS)],
        ]
        return list(dict.fromkeys(test for tests in chosen for test in tests))

    def _settle(self, told: Told) -> None:
        self.open.discard(told.number)
        word = {"alive": "SURVIVED", "error": "ERROR"}.get(told.word, told.word)
        self.words[word] += 1
        total = len(self.mutations)
        place = f"{total - len(self.open)}/{total}"
        self._say(f"{place} {word:<9} {self.mutations[told.number]}")
        if told.by:
            print(f"       by {told.by}", flush=True)
        if told.why and word in ("SURVIVED", "ERROR"):
            print(f"       {told.why}", flush=True)


def _pool(
    root: Path, wanted: dict[int, Mutation], paths: tuple[str, ...], warm: str
) -> Iterator[Reach | Told]:
    reader, writer = FORK.Pipe(duplex=False)
    log = root / "pool.log"
    process = FORK.Process(
        target=_pytest, args=(writer, root, wanted, paths, warm, log)
    )
    process.start()
    writer.close()
    while True:
        try:
            yield reader.recv()
        except EOFError:
            break
    process.join()
    if process.exitcode:
        raise SystemExit(f"{log.read_text()[-4000:]}\nThe tests could not be run.")


def _pytest(
    writer: Connection,
    root: Path,
    wanted: dict[int, Mutation],
    paths: tuple[str, ...],
    warm: str,
    log: Path,
) -> None:
    with log.open("wb") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    pool = Pool(root, wanted, writer.send, AT_ONCE)
    sys.exit(pytest.main([*OPTIONS, *ITSELF, *paths], plugins=[Standing(warm, pool)]))
