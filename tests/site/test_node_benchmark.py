"""What `make bench` says of many nodes is said of nodes that are let in and work."""

import json
import os
from datetime import timedelta

import pytest

from apps.accounts.choices import TokenScope
from apps.accounts.services import create_token
from apps.audit.actors import SYSTEM
from apps.nodes.models import Enrolment, Node
from apps.tasks.models import Run
from benchmarks.answering import Answering
from benchmarks.fleet import SITES_EACH, make_fleet
from benchmarks.memory import tree_seconds
from tests.worlds import World
from tools.rig.errors import RigError
from tools.rig.server import Server

pytestmark = [pytest.mark.backends, pytest.mark.django_db(transaction=True)]


def test_each_node_of_the_fleet_hears_of_its_own_work(
    world: World, first_server: Server
) -> None:
    fleet = make_fleet(3, world.sites[0])
    _, token = create_token(
        user=world.people["alice"],
        name="benchmark",
        scope=TokenScope.TASKS,
        lifetime=timedelta(days=1),
        actor=SYSTEM,
    )
    known = {**fleet, "server": first_server.url, "token": token}
    worked = tree_seconds(first_server.pid)
    with Answering("benchmarks.idle", env=os.environ) as nodes:
        connected = nodes.ask(json.dumps(known))
        heard = nodes.ask("3")
    assert connected["failures"] == heard["failures"] == []
    assert connected["seconds"] > 0
    assert tree_seconds(first_server.pid) > worked
    assert [len(heard[kind]) for kind in ("wake", "echo")] == [3, 3]
    assert min(*heard["wake"], *heard["echo"]) > 0
    sites = [node["site"] for node in fleet["nodes"]]
    assert Enrolment.objects.filter(node__organization__in=sites).count() == 3
    runs = Run.objects.filter(organization__in=sites)
    assert sorted(runs.values_list("organization", flat=True)) == sites


def test_no_collaboration_of_the_fleet_is_too_large(world: World) -> None:
    fleet = make_fleet(SITES_EACH + 1, world.sites[0])
    assert len({node["collaboration"] for node in fleet["nodes"]}) == 2
    sites = [node["site"] for node in fleet["nodes"]]
    assert Node.objects.filter(organization__in=sites).count() == SITES_EACH + 1


def test_a_process_that_ends_is_not_waited_for() -> None:
    with (
        Answering("benchmarks.figures", env=os.environ) as gone,
        pytest.raises(RigError, match="could not be measured: anything"),
    ):
        gone.ask("anything")


def test_a_process_that_does_not_end_is_ended_by_what_goes_wrong() -> None:
    env = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with (
        pytest.raises(ValueError, match="Expecting value"),
        Answering("http.server", "0", env=env) as serving,
    ):
        serving.ask("anything")
