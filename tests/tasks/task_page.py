"""The task's page, as it is read."""

import re
from typing import Any

from django.test import Client


def page(client: Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200
    return answer.content.decode()


def lane(html: str, run: int) -> str:
    """The lane of a run, cut out of its page."""
    found = re.search(rf'<li class="lane" id="lane-{run}">.*?</li>', html, re.DOTALL)
    assert found
    return found[0]


def of_site(task: dict[str, Any], number: int) -> int:
    run: int = task["runs"][number]["id"]
    return run
