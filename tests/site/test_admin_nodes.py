"""Nodes: let in with a code shown once, shut out for good, and how they are."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from apps.audit.actors import SYSTEM
from apps.nodes.keys import Key
from apps.nodes.models import EnrolmentCode, Node
from apps.nodes.services import enrol_node, revoke_node
from tests.desk import act, address, desk, listed, manager_of, shown_to, text
from tests.stored import acts, nothing_stored
from tests.worlds import World, add_node

COMMAND = re.compile(r'id="command"[^>]*>([^<]+)<')


def test_an_organizations_admin_gets_a_code_that_lets_one_node_in(
    world: World,
) -> None:
    admin, site = world.people["admin0"], world.sites[0]
    answer = act(admin, Node, "add", organization=site.pk)
    found = COMMAND.search(text(answer))
    assert found is not None
    words = found[1].split()
    assert words[:3] == ["ptm-node", "init", "--server"]
    code = words[words.index("--code") + 1]
    key = Key.generate("ptmn")
    node, new = enrol_node(
        code_text=code, name="new", key_prefix=key.prefix, key_sha256=key.sha256
    )
    assert new
    assert node.organization == site
    assert "no-store" in answer["Cache-Control"]
    assert acts("enrolment_code.issued", object_id=site.pk, actor_id=admin.pk) == 2
    assert code not in text(desk(admin).get(address(Node)))


def test_looking_at_the_form_issues_no_code(world: World) -> None:
    before = EnrolmentCode.objects.count()
    page = desk(world.people["admin0"]).get(address(Node, "add"))
    assert page.status_code == 200
    assert EnrolmentCode.objects.count() == before


@pytest.mark.parametrize("person", ["root", "manager", "alice", "carol"])
def test_nobody_but_an_organizations_own_admin_gets_one(
    world: World, person: str
) -> None:
    others = {"root": world.platform_admin, "manager": manager_of(world)}
    user = others.get(person) or world.people[person]
    before = EnrolmentCode.objects.count()
    answer = act(user, Node, "add", organization=world.sites[0].pk)
    assert answer.status_code == 404
    assert EnrolmentCode.objects.count() == before


def test_a_code_for_a_foreign_organization_is_refused(
    world: World, rival: World
) -> None:
    before = EnrolmentCode.objects.count()
    pages = set()
    for pk in (world.sites[1].pk, rival.sites[0].pk, 10**9):
        answer = act(world.people["admin0"], Node, "add", organization=pk)
        assert answer.status_code == 422
        assert "not one of the available choices" in text(answer)
        pages.add(re.sub(r'csrfmiddlewaretoken" value="\w+"', "", text(answer)))
    assert len(pages) == 1
    assert EnrolmentCode.objects.count() == before


def test_revoking_says_what_follows_and_gives_runs_back(world: World) -> None:
    world.send()
    (run,) = world.nodes[0].claimed()
    node, admin = world.nodes[0].node, world.people["admin0"]
    page = text(desk(admin).get(address(Node, "revoke", node.pk)))
    assert "1 run that it holds goes back into the queue" in page
    assert Node.objects.get(pk=node.pk).revoked_at is None
    assert act(admin, node, "revoke").status_code == 302
    assert Node.objects.get(pk=node.pk).revoked_at is not None
    assert world.sites[0].runs.get(pk=run["run"]).status == "queued"
    assert acts("node.revoked", object_id=node.pk, actor_id=admin.pk) == 1
    assert act(admin, node, "revoke").status_code == 404


def test_giving_back_says_what_follows_and_leaves_the_key_good(world: World) -> None:
    world.send()
    (run,) = world.nodes[0].claimed()
    node, admin = world.nodes[0].node, world.people["admin0"]
    page = text(desk(admin).get(address(Node, "give-back", node.pk)))
    assert "1 run that it holds goes back into the queue" in page
    assert world.sites[0].runs.get(pk=run["run"]).status == "claimed"
    assert act(admin, node, "give-back").status_code == 302
    assert world.sites[0].runs.get(pk=run["run"]).status == "queued"
    assert [each["run"] for each in world.nodes[0].claimed()] == [run["run"]]


@pytest.mark.parametrize("person", ["admin1", "manager"])
def test_nobody_revokes_a_foreign_node(world: World, person: str) -> None:
    user = manager_of(world) if person == "manager" else world.people[person]
    node = world.nodes[0].node
    with nothing_stored():
        assert act(user, node, "revoke").status_code == 404
    assert Node.objects.get(pk=node.pk).revoked_at is None


def test_a_platform_admin_can_revoke_any(world: World) -> None:
    node = world.nodes[2].node
    assert act(world.platform_admin, node, "revoke").status_code == 302
    assert Node.objects.get(pk=node.pk).revoked_at is not None


def test_lists_tell_who_is_offline_and_what_each_holds(world: World) -> None:
    world.send()
    world.nodes[1].claimed()
    root, (first, second, third) = world.platform_admin, world.nodes
    gone = add_node(world, world.sites[0], world.people["admin0"], hello=True)
    revoke_node(node=gone.node, actor=SYSTEM)
    long_ago = timezone.now() - timedelta(hours=2)
    Node.objects.filter(pk=first.node.pk).update(last_seen_at=long_ago)
    Node.objects.filter(pk=third.node.pk).update(left_at=timezone.now())
    world_nodes = {node.node.pk for node in world.nodes}
    assert listed(root, Node, "presence=offline") & world_nodes == {
        first.node.pk,
        third.node.pk,
    }
    assert listed(root, Node, "presence=online") & world_nodes == {second.node.pk}
    assert listed(root, Node, "presence=revoked") == {gone.node.pk}
    page = text(desk(root).get(address(Node)))
    assert "Offline since" in page
    assert f"node={second.node.pk}&amp;attention=held" in page


def test_a_nodes_page_shows_what_it_releases_and_announced(world: World) -> None:
    page = shown_to(world.people["admin0"], world.nodes[0].node)
    assert f"{world.collaboration.name}: default (csv)" in page
    assert "docker 28" in page
    assert world.nodes[0].node.key_sha256 not in page
