"""What every recipe must leave behind, and what of it does not hold."""

import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from tools.drills.ledger import ENDS
from tools.drills.stage import END_SECONDS, Stage
from tools.drills.witness import Seen
from tools.rig.errors import RigError

SETTLE_SECONDS = 30.0


@dataclass(frozen=True)
class Promise:
    """What a recipe allows beyond the rule: each run starts once, and completes."""

    attempts: int = 1
    starts_of_one: int = 1
    ends: frozenset[str] = frozenset({"completed"})


@dataclass
class Verdict:
    """What was found. Nothing in `broken`: all that was promised holds."""

    starts: int = 0
    runs: int = 0
    results: int = 0
    ended_after: float = 0.0
    broken: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


class Judge:
    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._ledger = stage.ledger
        self._told: set[str] = set()

    def judge(self, promise: Promise) -> Verdict:
        """Look at everything, from the moment when the fault is gone."""
        began = time.monotonic()
        self._stage.sent.unfinished(END_SECONDS)
        verdict = Verdict(ended_after=time.monotonic() - began)
        tasks = self._stage.sent.tasks
        left_over = self._left_over()  # first: it waits until all is tidied up
        verdict.broken += self._ledger.doubled(tasks)
        runs = self._ledger.runs(tasks)
        for run in runs:
            self._judge_run(run, promise, verdict)
        verdict.runs = len(runs)
        verdict.broken += left_over
        return verdict

    def broken_audit(self) -> list[str]:
        """What is wrong with the server's chain, once its worker has completed it."""
        stage = self._stage
        stage.worker.stop()
        try:
            stage.server.manage("worker", "--once")
            stage.server.manage("verify_audit")
        except RigError as error:
            return [str(error)]
        return []

    def _judge_run(self, run: dict[str, Any], promise: Promise, found: Verdict) -> None:
        seen = self._stage.witness.of_run(run["id"], SETTLE_SECONDS)
        results = self._ledger.results(run["id"])
        found.starts += sum(each.starts for each in seen)
        found.results += len(results)
        wrong = _ending(run, self._ledger.endings(run["id"]), promise)
        wrong += _starts(seen, promise, self._stage.image)
        if run["status"] == "completed":
            wrong += self._result(run, seen)
        else:
            wrong += self._no_result(run)
        found.broken += [f"run {run['id']}: {each}" for each in wrong]

    def _result(self, run: dict[str, Any], seen: list[Seen]) -> list[str]:
        """A result has the bytes of a container of the accepted attempt, everywhere."""
        results = self._ledger.results(run["id"])
        if len(results) != 1:
            return [f"it has {len(results)} results"]
        [kept] = results
        accepted = [each for each in seen if each.attempt == run["attempt"]]
        made = {each.hostname for each in accepted if each.starts}
        wrong = []
        if kept.maker not in made:
            wrong.append("no container of its attempt made the bytes of its result")
        if kept.sha256 != kept.real_sha256:
            wrong.append("its result has other bytes than its row says")
        if self._ledger.stored(run["id"]) != [kept.sha256]:
            wrong.append("the server's audit does not have its result exactly once")
        sent = self._stage.audited("result.sent", run["id"])
        if kept.sha256 not in {entry["sha256"] for entry in sent}:
            wrong.append("no site's audit has its result")
        return wrong

    def _no_result(self, run: dict[str, Any]) -> list[str]:
        """Of another end its site's audit tells, with the same reason."""
        status, wrong = run["status"], []
        if self._ledger.results(run["id"]):
            wrong.append(f"it is {status} and has a result")
        told = self._stage.audited(f"run.{status}", run["id"])
        if run["code"] not in {entry["code"] for entry in told}:
            wrong.append("no site's audit has its end")
        return wrong

    def _left_over(self) -> list[str]:
        found: list[str] = []
        for site in self._stage.sites:
            if not site.settles(SETTLE_SECONDS):
                found += site.left()
            told = self._ledger.told_heads(site.prefix)
            found += filter(None, [site.broken_audit(told)])
            if not site.process.alive:
                found.append(f"{site.name}: its node does not run")
        if volumes := self._stage.witness.volumes:
            found.append(f"{volumes} containers had a volume")
        found += self._ledger.left()
        # Once, and not after every recipe that follows.
        new = [each for each in found if each not in self._told]
        self._told.update(new)
        return new


def _ending(run: dict[str, Any], endings: list[str], promise: Promise) -> list[str]:
    status = run["status"]
    if status not in ENDS:
        return [f"it is still {status} after {END_SECONDS:g} s"]
    wrong = []
    end = f"{status} {run['code']}".rstrip()
    if end not in promise.ends:
        wrong.append(f"it ended as {end}")
    if endings != [status]:
        wrong.append(f"its history has the ends {endings}")
    return wrong


def _starts(seen: list[Seen], promise: Promise, image: str) -> list[str]:
    wrong = []
    starts: Counter[int] = Counter()
    for each in seen:
        starts[each.attempt] += each.starts
        if each.image != image:
            wrong.append(f"it ran {each.image}")
    for attempt, number in starts.items():
        if number > promise.starts_of_one:
            wrong.append(f"attempt {attempt} was started {number} times")
    started = [attempt for attempt, number in starts.items() if number]
    if len(started) > promise.attempts:
        wrong.append(f"{len(started)} attempts were started")
    return wrong
