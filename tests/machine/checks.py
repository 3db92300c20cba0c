"""What must hold after every step, whatever has happened on the way."""

from collections import Counter, defaultdict
from copy import deepcopy
from dataclasses import dataclass, field
from hashlib import sha256

from ptm_node.messages import Key

from apps.audit.choices import ActorKind
from apps.audit.models import Event
from apps.results.models import Result
from apps.tasks.choices import HELD, TERMINAL, TRANSITIONS, RunStatus, TaskStatus
from apps.tasks.models import Run, RunEvent, Task
from tests.machine.hosts import Host, Started
from tests.machine.network import Network

MISSING = "missing_at_node"
# They come from a claim, and from an upload.
WITHOUT_REPORT = (RunStatus.CLAIMED, RunStatus.COMPLETED)
# Reports with another name than the move; given back, a run may find a cancel waiting.
TOLD_BY: dict[RunStatus, set[str]] = {
    RunStatus.QUEUED: {RunStatus.FAILED, RunStatus.QUEUED},
    RunStatus.CANCELLED: {RunStatus.FAILED, RunStatus.QUEUED, RunStatus.CANCELLED},
}


@dataclass
class Seen:
    """What earlier looks have shown of each run."""

    # How ended runs looked when they were first seen so, and how far each run was.
    ended: dict[int, tuple[object, ...]] = field(default_factory=dict)
    attempts: dict[int, int] = field(default_factory=dict)
    # By which claim a run was held at the last look.
    claims: dict[int, tuple[int | None, int | None]] = field(default_factory=dict)


@dataclass
class Checks:
    network: Network
    hosts: list[Host]
    started: list[Started]
    seen: Seen = field(default_factory=Seen)
    # Then a node may hold attempts that the server has not counted yet.
    is_put_back: bool = False

    def copy(self) -> Seen:
        self.hold()
        return deepcopy(self.seen)

    def put_back(self, copy: Seen) -> None:
        """The server is as it was then. What nodes did since may be done again."""
        self.seen, self.is_put_back = deepcopy(copy), True
        for each in self.started:
            each.server -= 1
            each.forgotten |= each.key.run not in copy.attempts

    def hold(self) -> None:
        runs = list(Run.objects.select_related("node"))
        moves = defaultdict(list)
        for event in RunEvent.objects.order_by("id"):
            moves[event.run_id].append(event)
        for run in runs:
            self._ended_stays(run)
            self._missing_only_if_claimed(run, moves[run.pk])
            _is_held_by_one_that_may(run)
            self._moved_as_listed(run, moves[run.pk])
            self._moved_by_its_own_attempt(moves[run.pk])
        self._completed_once(runs)
        self._started_with_consent()
        _finished_with_the_last(runs)

    def _ended_stays(self, run: Run) -> None:
        attempts, ended = self.seen.attempts, self.seen.ended
        assert run.attempt >= attempts.get(run.pk, 0), "an attempt went back"
        attempts[run.pk] = run.attempt
        now = (run.status, run.code, run.attempt, run.node_id, run.finished_at)
        if run.status in TERMINAL:
            ended.setdefault(run.pk, now)
        assert ended.get(run.pk, now) == now, "an ended run changed"

    def _missing_only_if_claimed(self, run: Run, moves: list[RunEvent]) -> None:
        """What a node says only counts for claims whose answers are in its journal."""
        node, claim = self.seen.claims.get(run.pk, (None, None))
        self.seen.claims[run.pk] = (run.node_id, run.claim)
        if claim is not None and run.claim is None and moves[-1].reason == MISSING:
            hosts = [host for host in self.hosts if host.client.node.pk == node]
            assert max(host.last_claim() for host in hosts) >= claim

    def _moved_as_listed(self, run: Run, moves: list[RunEvent]) -> None:
        status, attempt = RunStatus.QUEUED, 0
        for move in moves:
            assert move.old == status
            assert status in TRANSITIONS[RunStatus(move.new)]
            claimed = move.new == RunStatus.CLAIMED
            skips = claimed and self.is_put_back and move.attempt > attempt
            counted = skips or move.attempt == attempt + claimed
            assert counted, "attempts are counted by claims"
            status, attempt = RunStatus(move.new), move.attempt
        assert (run.status, run.attempt) == (status, attempt)

    def _moved_by_its_own_attempt(self, moves: list[RunEvent]) -> None:
        """A late word of an earlier attempt moves nothing."""
        for move in moves:
            if move.actor_kind != ActorKind.NODE or move.reason == MISSING:
                continue
            told = self.network.reported[Key(move.run_id, move.attempt)]
            assert told & TOLD_BY.get(RunStatus(move.new), {move.new}) or (
                move.new in WITHOUT_REPORT
            ), f"{move.new}: {told}"

    def _completed_once(self, runs: list[Run]) -> None:
        """With the bytes that one start of the accepted attempt has written."""
        outputs = defaultdict(set)
        for each in self.started:
            if not each.forgotten:
                outputs[each.key].add(sha256(each.output).hexdigest())
        results = {result.run_id: result for result in Result.objects.all()}
        completed = {run.pk: run for run in runs if run.status == RunStatus.COMPLETED}
        assert results.keys() == completed.keys()
        for pk, result in results.items():
            assert result.sha256 in outputs[Key(pk, completed[pk].attempt)]
            with result.file.open() as file:
                assert sha256(file.read()).hexdigest() == result.sha256
        stored = Event.objects.filter(action="result.stored")
        assert Counter(stored.values_list("object_id", flat=True)) == Counter(
            list(results)
        )

    def _started_with_consent(self) -> None:
        for host in self.hosts:
            assert host.unconfirmed == [], f"{host.name} did not wait for a yes"
        starts = Counter(
            (each.host.name, each.server, each.key) for each in self.started
        )
        assert set(starts.values()) <= {1}, f"an attempt started twice: {starts}"


def _is_held_by_one_that_may(run: Run) -> None:
    if run.status in HELD:
        assert run.node is not None
        assert run.node.revoked_at is None, "a revoked node holds a run"
        assert run.claim is not None
        assert run.claim <= run.node.last_claim
    if run.status == RunStatus.QUEUED:
        assert (run.node, run.claim) == (None, None)


def _finished_with_the_last(runs: list[Run]) -> None:
    open_tasks = {r.task_id for r in runs if r.is_current and r.status not in TERMINAL}
    found = Task.objects.filter(status=TaskStatus.OPEN).values_list("pk", flat=True)
    assert set(found) == open_tasks
