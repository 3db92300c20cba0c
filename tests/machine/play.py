"""A platform in small on which anything may happen, one step at a time.

Two nodes of one organization and one of another, with the real daemons; the real
services on the database of the test; and all that is on its way between them.
"""

import shutil
from collections.abc import Container, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from apps.audit.actors import SYSTEM
from apps.nodes.models import Node
from apps.nodes.services import revoke_node
from apps.results import sums
from apps.results.models import Upload
from apps.results.sweeps import delete_abandoned_uploads
from apps.tasks.choices import TERMINAL
from apps.tasks.models import Run, Task
from apps.tasks.sweeps import expire_tasks
from tests.daemon import NodeClient
from tests.machine.checks import Checks, Seen
from tests.machine.hosts import Host, Started
from tests.machine.network import Message, Network, connect
from tests.machine.points import take_turns
from tests.machine.turns import Turns
from tests.worlds import World

ROUNDS = 60
ROUND_SECONDS = 30.0
MESSAGES_AT_ONCE = 60


@dataclass(frozen=True)
class Copy:
    """The server as it was once: its database, its files, and what was known of it."""

    savepoint: str
    files: Path
    gone: frozenset[int]
    seen: Seen


class Play:
    def __init__(self, world: World, folder: Path, network: Network) -> None:
        self.world = world
        self.network = network
        self.turns = network.turns
        self.hosts: list[Host] = []
        started: list[Started] = []
        self.checks = Checks(network, self.hosts, started)
        self.gone: set[int] = set()  # nodes whose key was revoked
        self.copy: Copy | None = None
        self._folder = folder
        # By node: of its machines the one whose daemon was started last.
        self._last_started: dict[int, Host] = {}
        data = folder / "data.csv"
        data.write_text("age\n40\n")
        for number, client in enumerate(nodes_of(world)):
            name = f"host{number}"
            host = Host(name, folder / name, client, self.network, started)
            host.configure(world, data)
            self.hosts.append(host)
            self.start(host)

    # People.

    def send(self, *sites: int) -> None:
        """A task, which is refused if a site has no node any more."""
        organizations = [self.world.sites[site].pk for site in sites]
        body = self.world.task_body(organizations=organizations)
        answer = self._post("tasks/", body, organizations)
        refused = "organization_unavailable"
        assert answer.status_code == 201 or answer.json()["code"] == refused

    def cancel(self, task: Task) -> None:
        self._post(f"tasks/{task.pk}/cancel/", {}, _sites_of(task))

    def run_again(self, run: Run) -> None:
        self._post(f"runs/{run.pk}/again/", {}, [run.organization_id])

    def revoke(self, host: Host) -> None:
        node = Node.objects.get(pk=host.client.node.pk)
        revoke_node(node=node, actor=SYSTEM)
        self.gone.add(node.pk)
        self._wake([node.organization_id])

    # The server.

    def expire(self, task: Task) -> None:
        Task.objects.filter(pk=task.pk).update(deadline_at=timezone.now())
        expire_tasks()
        Upload.objects.update(touched_at=timezone.now() - timedelta(days=2))
        delete_abandoned_uploads()
        self._wake(_sites_of(task))

    def restart_server(self) -> None:
        """Whoever waits for an answer gets none."""
        for message in list(self.network.pending):
            self.network.lose(message)
        sums._kept.clear()
        self.turns.settle()

    def copy_server(self) -> None:
        files = self._folder / "copy"
        for kept in _server_files():
            shutil.copytree(kept, files / kept.name)
        savepoint = transaction.savepoint()
        gone, seen = frozenset(self.gone), self.checks.copy()
        self.copy = Copy(savepoint, files, gone, seen)

    def put_server_back(self) -> None:
        """As docs/upgrades.md has it. What came later it has never heard of."""
        assert self.copy is not None
        transaction.savepoint_rollback(self.copy.savepoint)
        for kept in _server_files():
            shutil.rmtree(kept)
        if self.copy.files.exists():
            shutil.copytree(self.copy.files, settings.DATA_DIR, dirs_exist_ok=True)
        self.gone = set(self.copy.gone)
        self.checks.put_back(self.copy.seen)
        # No request outlives the process that it was sent to.
        self.network.sent.clear()
        self.restart_server()

    # Nodes, and what is between.

    def start(self, host: Host) -> None:
        self._last_started[host.client.node.pk] = host
        host.start()
        self.turns.settle()

    def crash(self, host: Host, points: int = 0) -> None:
        """At once, or when it comes to so many points more."""
        if points == 0:
            host.crash()
        elif host.start_now is not None:
            host.start_now.points_left = points - 1

    def clone(self, host: Host) -> Host:
        twin = host.clone(f"host{len(self.hosts)}")
        self.hosts.append(twin)
        return twin

    def leave(self, host: Host, *, patiently: bool) -> None:
        """As the first signal of its operator asks, or the second."""
        daemon = host.start_now.agent if host.start_now else None
        if daemon is not None:
            daemon.drain() if patiently else daemon.leave()
            self.turns.settle()

    def exchange(self, message: Message) -> None:
        self.network.exchange(message)
        self.turns.settle()

    def lose(self, message: Message) -> None:
        self.network.lose(message)
        self.turns.settle()

    def flow(self, *hosts: Host) -> None:
        """For a while nothing is lost and nothing late."""
        self.turns.settle()
        for _ in range(MESSAGES_AT_ONCE):
            pending = self.network.pending
            own = (message for message in pending if message.sender.host in hosts)
            message = next(own, None)
            if message is None:
                return
            self.network.exchange(message)
            self.turns.settle()

    def pass_time(self, seconds: float) -> None:
        """At the sites, and for what waits at the server."""
        waiting = Run.objects.exclude(not_before=None)
        waiting.update(not_before=F("not_before") - timedelta(seconds=seconds))
        self.turns.pass_time(seconds)

    # How it ends.

    def heal(self) -> None:
        """From now on nothing fails: all that was asked for ends, and leaves nothing.

        Of machines with one identity the one that was started last stays.
        """
        for message in self.network.sent:
            if message.answer is None and not message.awaited:
                self.network.deliver(message)
        hosts = self._switch_others_off()
        organizations = {host.client.node.organization_id for host in hosts}
        for _ in range(ROUNDS):
            for host in hosts:
                if host.start_now is None:
                    self.start(host)
            self._wake(organizations)
            self.flow(*hosts)
            for host in hosts:
                host.end_containers()
            self.flow(*hosts)
            if not (left := self._left(hosts)):
                return
            self.pass_time(ROUND_SECONDS)
        raise AssertionError(f"it does not come to an end: {left}")

    def _switch_others_off(self) -> list[Host]:
        staying = [h for pk, h in self._last_started.items() if pk not in self.gone]
        for host in self.hosts:
            if host.start_now is None:
                continue
            if host in staying:
                host.start_now.points_left = None
            else:
                host.crash()
        return staying

    def _left(self, hosts: list[Host]) -> list[str]:
        """What has not ended yet, apart from runs that no node is left for."""
        attended = {host.client.node.organization_id for host in hosts}
        runs = Run.objects.filter(organization__in=attended)
        return [
            *(
                f"run {run.pk} {run.status}"
                for run in runs.exclude(status__in=TERMINAL)
            ),
            *(f"{host.name}: {each}" for host in hosts for each in host.leftovers()),
        ]

    def _post(self, path: str, body: dict[str, Any], concerned: list[int]) -> Any:
        alice = self.world.person("alice")
        answer = alice.post(f"/api/v1/{path}", body, format="json")
        self._wake(concerned)
        return answer

    def _wake(self, organizations: Container[int]) -> None:
        """What the server does when something has changed that concerns them."""
        for host in self.hosts:
            if host.client.node.organization_id in organizations:
                host.hint()
        self.turns.settle()

    def end(self) -> None:
        for host in self.hosts:
            if host.start_now is not None:
                host.crash()
        self.turns.end()


def _sites_of(task: Task) -> list[int]:
    return list(task.runs.values_list("organization_id", flat=True))


def _server_files() -> list[Path]:
    kept = map(Path, (settings.UPLOAD_DIR, settings.MEDIA_ROOT))
    return [folder for folder in kept if folder.exists()]


def nodes_of(world: World) -> list[NodeClient]:
    """Two of the first site, and one of the second."""
    return [world.nodes[0], world.nodes[3], world.nodes[1]]


@contextmanager
def playing(world: World, folder: Path) -> Iterator[Play]:
    """A play that leaves neither rows nor files behind."""
    folder.mkdir()
    with pytest.MonkeyPatch.context() as monkeypatch, transaction.atomic():
        turns = Turns()
        take_turns(turns, monkeypatch)
        network = Network(turns)
        connect(network, monkeypatch)
        play = Play(world, folder, network)
        try:
            yield play
        finally:
            play.end()
            transaction.set_rollback(True)
    shutil.rmtree(folder)
