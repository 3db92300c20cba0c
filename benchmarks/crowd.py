"""Many finished tasks in one database; runs inside a process that has Django."""

import json
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

from django.conf import settings
from django.utils import timezone

from apps.algorithms.models import Algorithm, AlgorithmVersion
from apps.algorithms.services import allow_version
from apps.audit.actors import SYSTEM
from apps.audit.choices import ActorKind
from apps.collaborations.choices import Visibility
from apps.collaborations.models import Collaboration
from apps.collaborations.services import create_collaboration
from apps.nodes.choices import DatabaseType
from apps.nodes.models import DatabaseRelease, Enrolment, Node
from apps.organizations.models import Organization
from apps.results.models import Result
from apps.tasks.choices import RunStatus, TaskStatus
from apps.tasks.models import Input, Run, RunEvent, Task
from tools.rig.folders import ROOT

BATCH = 5_000
OPEN = 5  # the newest tasks are under way, however many came before
RIVAL_EVERY = 4  # one of so many tasks is of a collaboration that the reader is not in
BYTES = b'{"n": 343, "minimum_count": 5, "group_by": null, "columns": {}}'


class Crowd:
    """Three sites' tasks, and between them those of strangers."""

    def __init__(self, researcher: int, sites: list[int]) -> None:
        self.researcher = researcher
        self.sites = list(Organization.objects.filter(pk__in=sites))
        self.own = Collaboration.objects.earliest("pk")
        self.rival = create_collaboration(
            name="Rivals",
            purpose="",
            visibility=Visibility.COLLABORATION,
            admins=[],
            actor=SYSTEM,
        )
        self.stranger = Organization.objects.create(name="Strangers")
        self.version = store_version(self.own)
        self.nodes = [self._node(site) for site in self.sites]
        self.now = timezone.now()
        (Path(settings.MEDIA_ROOT) / "shared").parent.mkdir(exist_ok=True)
        (Path(settings.MEDIA_ROOT) / "shared").write_bytes(BYTES)

    def fill(self, count: int) -> None:
        for start in range(0, count, BATCH):
            numbers = range(start, min(start + BATCH, count))
            tasks = [self._task(n, is_open=n >= count - OPEN) for n in numbers]
            runs = self._store_runs(Task.objects.bulk_create(tasks))
            ended = [run for run in runs if run.finished_at]
            Result.objects.bulk_create(_result(run) for run in ended)
            RunEvent.objects.bulk_create(e for run in ended for e in _history(run))

    def _node(self, site: Organization) -> Node:
        node = Node.objects.create(
            organization=site,
            name=site.name,
            key_prefix=f"bench{site.pk}",
            last_seen_at=timezone.now(),
            contracts=["ptm"],
        )
        enrolment = Enrolment.objects.create(node=node, collaboration=self.own)
        DatabaseRelease.objects.create(
            enrolment=enrolment, label="default", type=DatabaseType.CSV
        )
        return node

    def _task(self, number: int, *, is_open: bool) -> Task:
        is_rival = number % RIVAL_EVERY == 1
        return Task(
            collaboration=self.rival if is_rival else self.own,
            initiator_id=self.researcher,
            organization=self.stranger if is_rival else self.sites[0],
            version=self.version,
            function="summary",
            databases=[{"label": "default"}],
            name=f"Task {number}",
            purpose="to measure",
            visibility=Visibility.COLLABORATION,
            status=TaskStatus.OPEN if is_open else TaskStatus.FINISHED,
            deadline_at=self.now + timedelta(days=30),
            finished_at=None if is_open else self.now,
        )

    def _store_runs(self, tasks: list[Task]) -> list[Run]:
        digest = sha256(b"{}").hexdigest()
        inputs = Input.objects.bulk_create(
            Input(task=task, data=b"{}", sha256=digest) for task in tasks
        )
        pairs = zip(tasks, inputs, strict=True)
        return Run.objects.bulk_create(
            self._run(task, given, node) for task, given in pairs for node in self.nodes
        )

    def _run(self, task: Task, given: Input, node: Node) -> Run:
        is_rival = task.collaboration_id == self.rival.pk
        is_open = task.status == TaskStatus.OPEN
        return Run(
            task=task,
            organization_id=self.stranger.pk if is_rival else node.organization_id,
            input=given,
            status=RunStatus.QUEUED if is_open else RunStatus.COMPLETED,
            status_since=self.now,
            # One organization has one current run of a task.
            is_current=not is_rival or node is self.nodes[0],
            node=node,
            claim=1,
            attempt=1,
            started_at=self.now,
            finished_at=None if is_open else self.now,
        )


def store_version(collaboration: Collaboration) -> AlgorithmVersion:
    """The version that is measured with, allowed in the collaboration."""
    manifest = ROOT / "algorithms" / "summary" / "manifest.json"
    algorithm = Algorithm.objects.create(name="Summary", repository="bench/summary")
    version = AlgorithmVersion.objects.create(
        algorithm=algorithm,
        digest="sha256:" + "0" * 64,
        tag="1.0",
        contract="ptm",
        manifest=json.loads(manifest.read_text()),
    )
    allow_version(version=version, collaboration=collaboration, actor=SYSTEM)
    return version


def _result(run: Run) -> Result:
    return Result(
        run=run,
        file="shared",
        size=len(BYTES),
        sha256=sha256(BYTES).hexdigest(),
        media_type="application/json",
    )


def _history(run: Run) -> list[RunEvent]:
    moves = ((RunStatus.QUEUED, RunStatus.CLAIMED), (RunStatus.RUNNING, run.status))
    return [
        RunEvent(
            run=run,
            at=run.status_since,
            old=old,
            new=new,
            attempt=1,
            actor_kind=ActorKind.NODE,
            actor_id=run.node_id,
        )
        for old, new in moves
    ]
