"""The failpoints lie where the recipes say."""

from tools.drills.node_points import NODE_POINTS
from tools.drills.recipes.kills import AT_NODE


def test_a_node_is_killed_at_every_point_that_it_has() -> None:
    assert {point.name for point in NODE_POINTS} == AT_NODE.keys()
    for point in NODE_POINTS:
        assert callable(getattr(point.owner, point.function))
