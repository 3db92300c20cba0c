"""The page of a new task, as it is filled in and read."""

import json
import re
from typing import Any

from apps.tasks.models import Input, Task
from tests.pages import browser
from tests.worlds import World


def text(answer: Any) -> str:
    """The words of the page, as they are read."""
    html = re.sub(r"<(option|noscript)\b.*?</\1>", " ", answer.content.decode())
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def form_of(world: World, **changes: Any) -> dict[str, Any]:
    """What the browser sends when alice fills in the whole page."""
    filled = {
        "key": "page-1",
        "collaboration": world.collaboration.pk,
        "version": world.version.pk,
        "function": "summary",
        "asked": world.collaboration.pk,
        "organizations": [site.pk for site in world.sites],
        "database_0": "default",
        "a-columns": "age\r\nsex",
        "name": "Age and sex",
        "purpose": "To learn.",
        "step": "send",
        **changes,
    }
    return {name: value for name, value in filled.items() if value is not None}


def send(world: World, person: Any = "alice", **changes: Any) -> Any:
    return browser(world, person).post("/tasks/new/", form_of(world, **changes))


def show(world: World, query: str = "", person: str = "alice") -> Any:
    answer = browser(world, person).get(f"/tasks/new/{query}")
    assert answer.status_code == 200
    return answer


def errors(answer: Any, field: str) -> list[str]:
    """What the page says is wrong at one field."""
    html = answer.content.decode()
    match = re.search(
        rf'<ul class="field-errors" id="id_{field}_error">(.*?)</ul>', html
    )
    items = re.findall(r"<li>.*?</svg>(.*?)</li>", match[1]) if match else []
    return [item.strip() for item in items]


def above(answer: Any) -> str:
    match = re.search(r'alert-error" role="alert">(.*?)</div>', answer.content.decode())
    return re.sub(r"<[^>]+>", "", match[1]).strip() if match else ""


def kwargs_of(task: Task) -> Any:
    return json.loads(bytes(Input.objects.get(task=task).data))["kwargs"]
