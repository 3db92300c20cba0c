"""Whether a node is there, who is told when that changes, and how it reads."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, cast

import pytest
from asgiref.sync import async_to_sync
from channels.layers import InMemoryChannelLayer, get_channel_layer
from django.utils import timezone
from pytest_django import DjangoCaptureOnCommitCallbacks

from apps.audit.actors import SYSTEM
from apps.nodes.choices import ONLINE_WITHIN
from apps.nodes.events import presence_group
from apps.nodes.models import Node
from apps.nodes.services import record_contact, revoke_node
from apps.nodes.sweeps import tell_of_silent_nodes
from apps.nodes.templatetags.presence import presence
from tests.worlds import World, add_node

Listen = Callable[[Callable[[], Any]], list[str]]


@pytest.fixture
def told(
    world: World, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> Listen:
    """Do something and return the presence groups that were told, in order."""

    def listen(act: Callable[[], Any]) -> list[str]:
        layer = cast(InMemoryChannelLayer, get_channel_layer())
        groups = [presence_group(site.pk) for site in world.sites]
        channel = async_to_sync(layer.new_channel)()
        for group in groups:
            async_to_sync(layer.group_add)(group, channel)
        with django_capture_on_commit_callbacks(execute=True):
            act()
        heard = []
        while channel in layer.channels and not layer.channels[channel].empty():
            heard.append(async_to_sync(layer.receive)(channel)["group"])
        for group in groups:
            async_to_sync(layer.group_discard)(group, channel)
        return heard

    return listen


def stored(world: World, number: int = 0) -> Node:
    node: Node = Node.objects.get(pk=world.nodes[number].node.pk)
    return node


def silence(node: Node, span: timedelta = ONLINE_WITHIN * 2) -> None:
    Node.objects.filter(pk=node.pk).update(last_seen_at=timezone.now() - span)


def group_of(world: World, number: int = 0) -> str:
    return presence_group(world.sites[number].pk)


def test_a_hello_and_a_goodbye_are_told_to_watchers_of_the_site(
    world: World, told: Listen
) -> None:
    node = world.nodes[0]
    assert told(lambda: node.post("goodbye/")) == [group_of(world)]
    assert not stored(world).is_online
    again = node.restarted()
    assert told(lambda: again.hello(world.released())) == [group_of(world)]
    assert stored(world).is_online


def test_a_heartbeat_is_told_only_if_the_node_was_thought_to_be_gone(
    world: World, told: Listen
) -> None:
    node = world.nodes[0]
    assert told(lambda: node.heartbeat([])) == []
    node.post("goodbye/")
    assert told(lambda: node.heartbeat([])) == [group_of(world)]
    assert told(lambda: node.heartbeat([])) == []
    assert stored(world).is_online


def test_a_silent_node_is_told_once(world: World, told: Listen) -> None:
    silence(stored(world))
    assert not stored(world).is_online
    assert told(tell_of_silent_nodes) == [group_of(world)]
    assert told(tell_of_silent_nodes) == []
    assert told(lambda: record_contact(node=stored(world))) == [group_of(world)]
    silence(stored(world))
    assert told(tell_of_silent_nodes) == [group_of(world)]


def test_the_sweep_counts_nodes_and_tells_each_site_once(
    world: World, told: Listen
) -> None:
    more = add_node(world, world.sites[0], world.people["admin0"], hello=True)
    for node in (stored(world, 0), stored(world, 1), more.node):
        silence(node)
    counts: list[int] = []
    heard = told(lambda: counts.append(tell_of_silent_nodes()))
    assert counts == [3]
    assert sorted(heard) == sorted([group_of(world, 0), group_of(world, 1)])
    assert stored(world, 2).told_online


def test_the_sweep_leaves_those_that_were_heard_or_never_came(
    world: World, told: Listen
) -> None:
    add_node(world, world.sites[0], world.people["admin0"])  # enrolled, never seen
    silence(stored(world), ONLINE_WITHIN - timedelta(seconds=5))
    world.nodes[1].post("goodbye/")
    assert told(tell_of_silent_nodes) == []
    assert stored(world).is_online


def test_what_a_silent_node_holds_stays_its_own(world: World) -> None:
    world.send(organizations=[world.sites[0].pk])
    (run,) = world.nodes[0].claimed()
    silence(stored(world))
    assert tell_of_silent_nodes() == 1
    assert world.nodes[0].report(run["run"], 1, "running").status_code == 200


def test_a_revocation_is_told(world: World, told: Listen) -> None:
    assert told(lambda: revoke_node(node=stored(world), actor=SYSTEM)) == [
        group_of(world)
    ]
    assert not stored(world).is_online
    assert told(lambda: revoke_node(node=stored(world), actor=SYSTEM)) == []


def test_presence_reads_in_words_with_the_time_it_changed(world: World) -> None:
    node = stored(world)
    assert "Online" in presence(node)
    assert "presence-online" in presence(node)
    silence(node)
    node.refresh_from_db()
    assert node.last_seen_at is not None
    assert "Offline since" in presence(node)
    assert node.last_seen_at.isoformat() in presence(node)
    node.last_seen_at = None
    assert "Never connected" in presence(node)
    node.revoked_at = timezone.now()
    assert "Revoked" in presence(node)
    assert node.revoked_at.isoformat() in presence(node)


def test_a_node_that_left_is_offline_at_once_and_back_with_its_next_word(
    world: World,
) -> None:
    node = world.nodes[0]
    node.post("goodbye/")
    assert "Offline since" in presence(stored(world))
    node.heartbeat([])
    assert "Online" in presence(stored(world))
