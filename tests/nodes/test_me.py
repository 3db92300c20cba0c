"""A node asks who it is: beside its daemon, and without disturbing it."""

import uuid

from apps.nodes.models import Node
from tests.worlds import World


def test_me_says_who_the_node_is_and_changes_nothing(world: World) -> None:
    node = world.nodes[0]
    before = Node.objects.values().get(pk=node.node.pk)
    headers = {**node.headers, "PTM-Instance": str(uuid.uuid4())}
    answer = node.client.get("/api/v1/node/me/", headers=headers)
    assert answer.status_code == 200
    organization = node.node.organization
    assert answer.json() == {
        "node": node.node.pk,
        "name": node.node.name,
        "organization": {"id": organization.pk, "name": organization.name},
        "boot": before["boot"],
    }
    assert Node.objects.values().get(pk=node.node.pk) == before
    assert node.heartbeat([]).status_code == 200, "the daemon is not superseded"
