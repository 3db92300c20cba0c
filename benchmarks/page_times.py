"""Measures pages where they are made: `python -m benchmarks.page_times COUNT SITE…`.

Fills the database of the settings in the environment with COUNT tasks of the sites.
Then answers lines: `PAGE queries`, or `PAGE N` for the milliseconds of N requests.
"""

import json
import os
import sys
from time import perf_counter
from typing import Any

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "ptm_site.settings"
django.setup()

from django.db import connection  # noqa: E402 (after the settings)
from django.test import Client  # noqa: E402
from django.test.utils import CaptureQueriesContext  # noqa: E402

from apps.accounts.models import User  # noqa: E402
from apps.organizations.models import Organization  # noqa: E402
from apps.results.models import Result  # noqa: E402
from benchmarks.crowd import Crowd  # noqa: E402
from tools.rig.errors import RigError  # noqa: E402
from tools.rig.world import RESEARCHER  # noqa: E402
from tools.screenshots import rows  # noqa: E402
from tools.screenshots.pages import all_pages  # noqa: E402

WARM_UP = 3


def main(count: int, sites: list[int]) -> None:
    known = fill(count, sites)
    pages = {page.name: page for page in all_pages()}
    clients: dict[str, Client] = {}
    for line in sys.stdin:
        name, what = line.split()
        page = pages[name]
        if page.reader not in clients:
            clients[page.reader] = signed_in(page.reader)
        client, address = clients[page.reader], page.address(known)
        if what == "queries":
            found: list[float] = [queries(client, address)]
        else:
            found = [milliseconds(client, address) for _ in range(int(what))]
        print(json.dumps(found), flush=True)


def fill(count: int, sites: list[int]) -> dict[str, Any]:
    """Return the keys of the rows that the pages are about."""
    researcher = User.objects.get(username=RESEARCHER)
    Crowd(researcher.pk, sites).fill(count)
    rows.add_newcomers("unused")
    rows.add_withdrawn_version()
    rows.add_study(Organization.objects.get(pk=sites[-1]).name)
    result = Result.objects.filter(run__organization=sites[0]).latest("pk")
    return {
        **rows.facts(),
        "task": result.run.task_id,
        "result": result.pk,
        "collaboration": result.run.task.collaboration_id,
        "organization": sites[0],
    }


def signed_in(name: str) -> Client:
    client = Client(SERVER_NAME="127.0.0.1")
    client.force_login(User.objects.get(username=name))
    return client


def queries(client: Client, address: str) -> int:
    for _ in range(WARM_UP):
        status = client.get(address).status_code
        if status != 200:
            raise RigError(f"{address} answered {status}.")
    with CaptureQueriesContext(connection) as captured:
        client.get(address)
    return len(captured)


def milliseconds(client: Client, address: str) -> float:
    start = perf_counter()
    client.get(address)
    return (perf_counter() - start) * 1000


if __name__ == "__main__":
    main(int(sys.argv[1]), [int(site) for site in sys.argv[2:]])
