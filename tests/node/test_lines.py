"""A mistake in the configuration is told with its line."""

import pytest
from ptm_node.lines import line_of

TEXT = """\
top = 1
[server]
url = "x"  # url

[databases.default]
"type" = "csv"
[[policy.rules]]
action = "run"
[[policy.rules]]
action = "refuse"
  users = [
    "ada",
  ]
[registry]
"r.example:5050" = { username = "x" }
"""


@pytest.mark.parametrize(
    ("where", "line"),
    [
        ("top", 1),
        ("server", 2),
        ("server.url", 3),
        ("databases.default", 5),
        ("databases.default.type", 6),
        ("databases.default.uri", 5),
        ("policy.rules", 7),
        ("policy.rules[0]", 7),
        ("policy.rules[0].action", 8),
        ("policy.rules[1]", 9),
        ("policy.rules[1].action", 10),
        ("policy.rules[1].users[0]", 11),
        ("registry.r.example:5050.username", 15),
        ("nowhere", None),
    ],
)
def test_the_line_is_that_of_the_key_or_of_the_nearest_above(
    where: str, line: int | None
) -> None:
    assert line_of(TEXT, where) == line
