"""Very many tasks in one database: `python -m benchmarks.throng COUNT SITE…`.

Fills the database of the settings in the environment: a block of tasks as the crowd
makes them, and copies of it that the database makes itself. Prints as JSON who may
read them, and what of.
"""

import json
import os
import sys
from datetime import timedelta
from typing import Any

import django

if __name__ == "__main__":
    os.environ["DJANGO_SETTINGS_MODULE"] = "ptm_site.settings"
    django.setup()

from django.core.management.color import no_style
from django.db import connection, models
from django.test import Client
from django.utils import timezone

from apps.accounts.choices import TokenScope
from apps.accounts.models import User
from apps.accounts.services import create_token
from apps.audit.actors import SYSTEM
from apps.collaborations.choices import ParticipationStatus, Visibility
from apps.collaborations.consents import answer_invitation, invite_organization
from apps.collaborations.models import Collaboration
from apps.collaborations.services import create_collaboration
from apps.organizations.choices import Role
from apps.organizations.models import Organization
from apps.organizations.services import create_organization, grant_membership
from apps.results.models import Result
from apps.tasks.choices import RunStatus, TaskStatus
from apps.tasks.models import Input, Run, RunEvent, Task
from benchmarks.crowd import OPEN, Crowd
from tools.rig.world import RESEARCHER

BLOCK = 1_000
COPIED: tuple[type[models.Model], ...] = (Task, Input, Run, RunEvent, Result)
SEEN_BY_QUIET = 20
QUIET = "quiet"
NEEDLE = "A needle"
NEEDLES = 3
DEEP = {RESEARCHER: 100, QUIET: 5}  # so many tasks are older than the deep page


def main(count: int, sites: list[int]) -> None:
    fill(count, sites)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    print(json.dumps(known(sites)))


def fill(count: int, sites: list[int], block: int = BLOCK) -> None:
    """Store `count` tasks; which of them a reader may see spreads over all of them."""
    researcher = User.objects.get(username=RESEARCHER)
    crowd = Crowd(researcher.pk, sites)
    crowd.fill(block)
    still_open = Task.objects.filter(status=TaskStatus.OPEN)
    copy_tasks((count - block) // (block - OPEN), [task.pk for task in still_open])
    add_quiet_reader()
    seen = Task.objects.visible_to(researcher).order_by("pk").values_list("pk")
    Task.objects.filter(pk__in=seen[:NEEDLES].values("pk")).update(name=NEEDLE)


def copy_tasks(times: int, but_not: list[int]) -> None:
    """Copy the tasks with all that belongs to them, under new ids."""
    strides = {model: model._default_manager.latest("pk").pk for model in COPIED}
    with connection.cursor() as cursor:
        for model in COPIED:
            cursor.execute(_copying(model, strides, but_not), [times])
        for statement in connection.ops.sequence_reset_sql(no_style(), COPIED):
            cursor.execute(statement)


def _copying(
    model: type[models.Model], strides: dict[Any, int], but_not: list[int]
) -> str:
    """An INSERT of the model's rows, once for each number from 1 to its parameter."""
    columns, wanted = {}, "n > 0"
    for field in model._meta.concrete_fields:
        of = model if field.primary_key else field.related_model
        shift = f" + n * {strides[of]}" if of in strides else ""
        columns[f'"{field.column}"'] = f't."{field.column}"{shift}'
        if of is Task:
            wanted += f" AND t.{field.column} NOT IN ({', '.join(map(str, but_not))})"
    table = model._meta.db_table
    numbers = "SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n < %s"
    source = f"{table} t, numbers WHERE {wanted}"
    return (
        f"WITH RECURSIVE numbers(n) AS ({numbers})"  # noqa: S608 (names of ours)
        f" INSERT INTO {table} ({', '.join(columns)})"
        f" SELECT {', '.join(columns.values())} FROM {source}"
    )


def add_quiet_reader() -> None:
    """Somebody who may see a few of the tasks: half of them sent for the own site,
    and half where the own site has a run."""
    quiet = User.objects.create_user(QUIET)
    site = create_organization(name="Quiet site", actor=SYSTEM)
    grant_membership(user=quiet, organization=site, role=Role.VIEWER, actor=SYSTEM)
    own = create_collaboration(name="Quiet", actor=SYSTEM)
    invitation = invite_organization(collaboration=own, organization=site, actor=SYSTEM)
    answer_invitation(
        participation=invitation, answer=ParticipationStatus.ACCEPTED, actor=SYSTEM
    )
    finished = list(Task.objects.filter(status=TaskStatus.FINISHED).order_by("pk"))
    spread = finished[:: len(finished) // SEEN_BY_QUIET][:SEEN_BY_QUIET]
    Task.objects.filter(pk__in=[task.pk for task in spread[::2]]).update(
        collaboration=own, organization=site, visibility=Visibility.ORGANIZATION
    )
    Run.objects.bulk_create(_run(task, site) for task in spread[1::2])


def _run(task: Task, site: Organization) -> Run:
    now = timezone.now()
    return Run(
        task=task,
        organization=site,
        input=task.inputs.get(),
        status=RunStatus.CANCELLED,
        status_since=now,
        finished_at=now,
    )


def known(sites: list[int]) -> dict[str, Any]:
    """What the measuring needs to know."""
    researcher = User.objects.get(username=RESEARCHER)
    return {
        "readers": {name: _reader(name) for name in (RESEARCHER, QUIET)},
        "collaboration": Collaboration.objects.earliest("pk").pk,
        "site": sites[0],
        "initiator": researcher.pk,
        "image": Task.objects.latest("pk").version.image,
    }


def _reader(name: str) -> dict[str, Any]:
    user = User.objects.get(username=name)
    _, token = create_token(
        user=user,
        name="lists",
        scope=TokenScope.TASKS,
        lifetime=timedelta(days=1),
        actor=SYSTEM,
    )
    browser = Client(SERVER_NAME="127.0.0.1")
    browser.force_login(user)
    deep = DEEP[name]
    older = Task.objects.visible_to(user).order_by("pk").values_list("pk", flat=True)
    return {
        "token": token,
        "session": browser.cookies["sessionid"].value,
        "deep": older[deep],
    }


if __name__ == "__main__":
    main(int(sys.argv[1]), [int(site) for site in sys.argv[2:]])
