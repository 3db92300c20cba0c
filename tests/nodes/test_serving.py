"""Which nodes serve a collaboration: what is in use, announced there, and agreed to."""

from apps.audit.actors import SYSTEM
from apps.collaborations.choices import ParticipationStatus
from apps.nodes.models import Node
from apps.nodes.services import revoke_node
from tests.worlds import World, take_in


def serving(world: World) -> list[int]:
    """The numbers of the sites whose nodes serve the world's collaboration."""
    found = set(Node.objects.serving(world.collaboration).values_list("pk", flat=True))
    return [n for n, each in enumerate(world.nodes) if each.node.pk in found]


def test_a_revoked_node_serves_nobody(world: World) -> None:
    assert serving(world) == [0, 1, 2]
    revoke_node(node=world.nodes[0].node, actor=SYSTEM)
    assert serving(world) == [1, 2]


def test_what_is_still_announced_does_not_count_once_the_consent_ended(
    world: World, rival: World
) -> None:
    """Nor does it count that the organization takes part elsewhere."""
    site = world.sites[1]
    here = site.participations.filter(collaboration=world.collaboration)
    here.update(status=ParticipationStatus.ENDED)
    take_in(rival.collaboration, site)
    assert serving(world) == [0, 2]
    assert serving(rival) == [0, 1, 2]
