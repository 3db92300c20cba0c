"""Tries mutations by many tests at once: the worlds stand, and each try is a fork."""

import gc
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path

from tools.mutate_rights.children import Gone, in_children
from tools.mutate_rights.mutation import Mutation
from tools.mutate_rights.patching import NotPatched, loaded_functions, patch
from tools.mutate_rights.probing import probes, reached
from tools.mutate_rights.standing import Standing
from tools.mutate_rights.told import Reach, Told

HALF_AN_HOUR = 1800.0
# After tests that take so long together the next mutation has its turn, and this one
# when all have had theirs: most are caught at once.
ROUND = 20.0
# Of the tests that reach a mutation, those that take so long together are asked here:
# who passes them all is asked by the others later, in a process of its own.
SECONDS = 300.0


@dataclass(frozen=True)
class Job:
    """A mutation to try: by its next tests, or once more by the one that failed."""

    number: int
    again: str = ""
    without: frozenset[str] = frozenset()
    asked: frozenset[str] = frozenset()  # in earlier rounds
    passed: frozenset[str] = frozenset()


class Pool:
    """Tells what each test runs through, and then what becomes of each mutation."""

    def __init__(
        self,
        root: Path,
        mutations: dict[int, Mutation],
        tell: Callable[[Reach | Told], None],
        at_once: int,
    ) -> None:
        self.root = root
        self.mutations = mutations
        self.tell = tell
        self.at_once = at_once
        self.tests: dict[int, list[Reach]] = defaultdict(list)
        self.catches: Counter[tuple[str, str]] = Counter()

    def __call__(self, standing: Standing) -> None:
        for path in {mutation.path for mutation in self.mutations.values()}:
            import_module(path.removesuffix(".py").replace("/", "."))
        self.begin(standing)
        self._reach()
        self.try_all()

    def begin(self, standing: Standing) -> None:
        self.standing = standing
        self.functions = loaded_functions()
        gc.freeze()  # forks share the pages of what is not collected

    def _reach(self) -> None:
        """Run every test once, a file in a fork, with every check in place."""
        by_file = defaultdict(list)
        for test, item in self.standing.items.items():
            by_file[item.path].append(test)
        jobs = deque(by_file.values())
        with probes(self.root, self.mutations, self.functions):
            for tests, found in in_children(
                self._reached_by, jobs, self.at_once, HALF_AN_HOUR
            ):
                if isinstance(found, Gone):
                    raise RuntimeError(f"The process of {tests[0]} {found.value}.")
                for reach in found:
                    self.heed(reach)

    def _reached_by(self, tests: list[str]) -> list[Reach]:
        return list(map(self._reach_of, tests))

    def _reach_of(self, test: str) -> Reach:
        reached.clear()
        reports = self.standing.run(test)
        return Reach(
            test,
            passes=not any(report.failed for report in reports),
            seconds=sum(report.duration for report in reports),
            numbers=frozenset(found for found in reached if isinstance(found, int)),
            paths=frozenset(found for found in reached if isinstance(found, str)),
        )

    def heed(self, reach: Reach) -> None:
        """Ask this test about what it reaches, unless it fails already."""
        self.tell(reach)
        for number in reach.numbers if reach.passes else ():
            self.tests[number].append(reach)

    def try_all(self) -> None:
        jobs = deque(Job(number) for number in sorted(self.tests))
        for job, told in in_children(self._try, jobs, self.at_once, HALF_AN_HOUR):
            if isinstance(told, Gone):
                word = "timed out" if told is Gone.LATE else "error"
                self.tell(Told(job.number, word, why=told.value))
            elif told.by and not job.again:
                jobs.appendleft(replace(job, again=told.by))
            elif job.again and not told.by:  # it failed by chance: without it, then
                without = job.without | {job.again}
                jobs.appendleft(replace(job, again="", without=without))
            elif told.asked and not told.by:
                asked, passed = job.asked | told.asked, job.passed | told.passed
                jobs.append(replace(job, asked=asked, passed=passed))
            else:
                self.catches[self.mutations[job.number].path, told.by] += 1
                self.tell(replace(told, passed=job.passed))

    def _try(self, job: Job) -> Told:
        mutation = self.mutations[job.number]
        place = self.root / mutation.path
        try:
            patch(mutation, place.read_bytes(), self.functions[str(place)])
        except NotPatched as fault:
            return Told(job.number, "alive", why=str(fault))
        asked, passed = set(), set()
        for test in [job.again] if job.again else self._chosen(job):
            asked.add(test)
            reports = self.standing.run(test)
            if not any(report.failed for report in reports):
                passed.add(test)
            for report in reports:
                if report.failed and report.when == "call":
                    why = str(report.longrepr).strip()
                    late = "Timeout (>" in why
                    return Told(
                        job.number, "timed out" if late else "caught", test, why
                    )
        return Told(
            job.number, "alive", asked=frozenset(asked), passed=frozenset(passed)
        )

    def _chosen(self, job: Job) -> Iterator[str]:
        """First what caught others of the file, then what is quick and about little."""
        path, tests = self.mutations[job.number].path, self.tests[job.number]
        seconds = sum(reach.seconds for reach in tests if reach.test in job.asked)
        end = min(seconds + ROUND, SECONDS)
        for reach in sorted(
            tests,
            key=lambda reach: (
                -self.catches[path, reach.test],
                reach.seconds * len(reach.numbers),
            ),
        ):
            if reach.test not in job.without | job.asked and seconds < end:
                seconds += reach.seconds
                yield reach.test
