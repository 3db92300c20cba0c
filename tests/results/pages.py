"""Tasks with results as bytes, and browsers without scripts that look at them."""

import csv
import html
import io
import json
import re
from typing import Any

from apps.results.models import Result
from apps.results.node_api import MAX_CHUNK_BYTES
from apps.tasks.models import Task
from tests.daemon import NodeClient
from tests.pages import browser
from tests.worlds import World

VIEWS: list[dict[str, Any]] = [
    {
        "type": "table",
        "title": "Summary",
        "data": "/columns/*/groups/*",
        "keys": ["Column", "Group"],
        "columns": [
            {"name": "n", "combine": "sum"},
            {"name": "mean", "title": "Mean", "combine": "mean", "weight": "n"},
        ],
    },
    {
        "type": "bar",
        "title": "Means",
        "data": "/columns/*/groups/*",
        "keys": ["Column", "Group"],
        "x": "Group",
        "y": "mean",
        "columns": [{"name": "mean", "title": "Mean", "unit": "years"}],
    },
]


def summary(**groups: tuple[int, float | None]) -> bytes:
    """A result with n and mean of one column, in the groups."""
    cells = {name: {"n": n, "mean": mean} for name, (n, mean) in groups.items()}
    return json.dumps({"columns": {"age": {"groups": cells}}}).encode()


def describe(world: World, views: list[dict[str, Any]] = VIEWS) -> None:
    """Give the function of the world's version these views."""
    world.version.manifest["functions"][0]["returns"]["views"] = views
    world.version.save()


def answered(world: World, *contents: bytes, **changes: Any) -> Task:
    """A task to which as many sites as there are contents have answered."""
    task = world.send(**changes)
    for node, data in zip(world.nodes, contents, strict=False):
        (run,) = node.claimed()
        upload(node, run, data)
    found: Task = Task.objects.get(pk=task["id"])
    return found


def upload(node: NodeClient, run: dict[str, Any], data: bytes) -> None:
    """Send the result in pieces, as a node does with a large one."""
    location = node.announce(run, data)["Location"]
    for start in range(0, len(data), MAX_CHUNK_BYTES):
        piece = data[start : start + MAX_CHUNK_BYTES]
        assert node.patch(location, piece, offset=start).status_code == 204


def results(task: Task) -> list[Result]:
    return list(Result.objects.filter(run__task=task).order_by("run"))


def look(world: World, path: str, person: str = "alice") -> str:
    """Return the page's HTML."""
    answer = browser(world, person).get(path)
    assert answer.status_code == 200
    return answer.content.decode()


def text_of(page: str) -> str:
    """What a person reads, on one line."""
    without_tags = re.sub(r"<[^>]*>", " ", page)
    return " ".join(html.unescape(without_tags).split())


def lines_of(page: str) -> list[list[str]]:
    """The texts of each table line on the page."""
    rows = re.findall(r"<tr.*?</tr>", page, re.DOTALL)
    cells = [re.findall(r"<t[hd].*?</t[hd]>", row, re.DOTALL) for row in rows]
    return [[text_of(cell) for cell in row] for row in cells]


def figures_of(page: str) -> list[dict[str, Any]]:
    found = re.findall(r'data-figure="([^"]*)"', page)
    return [json.loads(html.unescape(figure)) for figure in found]


def rows_of_csv(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))
