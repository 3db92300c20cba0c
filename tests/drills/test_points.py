"""The failpoints lie where the recipes say."""

from tools.drills.node_points import NODE_POINTS
from tools.drills.recipes.kills import AT_NODE, AT_NODE_OF_A_FAILURE


def test_a_node_is_killed_at_every_point_that_it_has() -> None:
    killed_at = AT_NODE.keys() | AT_NODE_OF_A_FAILURE.keys()
    assert {point.name for point in NODE_POINTS} == killed_at
    for point in NODE_POINTS:
        assert callable(getattr(point.owner, point.function))
