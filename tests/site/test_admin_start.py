"""The start page says what needs attention, to whom it concerns, and where it is."""

import re
from datetime import timedelta

from django.utils import timezone

from apps.accounts.models import User
from apps.audit.actors import SYSTEM
from apps.collaborations.consents import invite_organization
from apps.collaborations.services import archive_collaboration
from apps.nodes.models import Node
from apps.organizations.services import create_organization
from apps.tasks.models import Run, Task
from ptm_site.admin_start import nobody_in_charge
from tests.desk import address, desk, manager_of, text
from tests.worlds import World


def numbers(user: User) -> dict[str, str]:
    """The questions on the person's start page and their answers."""
    page = text(desk(user).get("/admin/"))
    found = re.findall(r'"matter-number">([^<]+)</span>\s*([^<]+?)\s*<', page)
    return {title: number for number, title in found}


def age(run: Run, **changes: object) -> None:
    Run.objects.filter(pk=run.pk).update(
        status_since=timezone.now() - timedelta(minutes=11), **changes
    )


def test_all_is_calm_in_a_new_world(world: World) -> None:
    assert numbers(world.people["admin0"]) == {
        "Nodes offline": "0",
        "Runs waiting for over 10 minutes": "0",
        "Runs failed within 24 hours": "0",
        "Invitations without an answer": "0",
    }
    page = text(desk(world.people["admin0"]).get("/admin/"))
    assert "1 of 1 node online." in page
    assert "Every node is online." in page
    Node.objects.update(revoked_at=timezone.now())
    page = text(desk(world.people["admin0"]).get("/admin/"))
    assert "There is none yet." in page


def test_each_number_counts_what_its_list_shows(world: World, rival: World) -> None:
    sent = world.send()
    runs = list(Run.objects.filter(task=sent["id"]).order_by("pk"))
    age(runs[0])
    failed = {"status": "failed", "code": "exit_nonzero"}
    age(runs[1], **failed, finished_at=timezone.now())
    Task.objects.update(visibility="collaboration")
    Node.objects.filter(pk=world.nodes[0].node.pk).update(
        last_seen_at=timezone.now() - timedelta(hours=1)
    )
    invite_organization(
        collaboration=world.collaboration,
        organization=rival.sites[0],
        actor=SYSTEM,
    )
    manager = manager_of(world)
    assert set(numbers(manager).values()) == {"1"}
    client = desk(manager)
    page = text(client.get("/admin/"))
    assert "The algorithm ended with an error" in page
    links = re.findall(r'<h2><a href="([^"]+)"', page)
    assert len(links) == 4
    for link in links:
        answer = text(client.get(link.replace("&amp;", "&")))
        rows = re.findall(r'<tr class="data-row', answer)
        assert len(rows) == 1, link


def test_nobody_is_told_of_other_peoples_matters(world: World, rival: World) -> None:
    sent = rival.send()
    for run in Run.objects.filter(task=sent["id"]):
        age(run)
    failing, *_ = Run.objects.filter(task=rival.send()["id"])
    age(failing, status="failed", code="internal", finished_at=timezone.now())
    Node.objects.filter(organization__in=rival.sites).update(last_seen_at=None)
    assert set(numbers(world.people["admin0"]).values()) == {"0"}
    page = text(desk(world.people["admin0"]).get("/admin/"))
    assert rival.sites[0].name not in page
    assert numbers(world.platform_admin)["Nodes offline"] == "3"


def test_what_is_old_or_fresh_enough_is_left_out(world: World) -> None:
    sent = world.send()
    run = Run.objects.filter(task=sent["id"], organization=world.sites[0]).get()
    assert numbers(world.people["admin0"])["Runs waiting for over 10 minutes"] == "0"
    age(run, status="failed", finished_at=timezone.now() - timedelta(hours=25))
    assert numbers(world.people["admin0"])["Runs failed within 24 hours"] == "0"


def test_many_are_said_to_be_many_and_not_counted(world: World) -> None:
    task = Task.objects.get(pk=world.send()["id"])
    template = task.runs.get(organization=world.sites[0])
    since = timezone.now() - timedelta(hours=1)
    Run.objects.bulk_create(
        Run(
            task=task,
            organization=world.sites[0],
            input=template.input,
            status_since=since,
            is_current=False,
        )
        for _ in range(130)
    )
    found = numbers(world.people["admin0"])
    assert found["Runs waiting for over 10 minutes"] == "100+"


def test_a_platform_admin_hears_of_organizations_without_an_admin(
    world: World,
) -> None:
    assert numbers(world.platform_admin)["Organizations without an admin"] == "0"
    create_organization(name="Site West", actor=SYSTEM)
    assert numbers(world.platform_admin)["Organizations without an admin"] == "1"
    assert nobody_in_charge(world.people["admin0"]).number == 0  # of their own
    page = text(desk(world.platform_admin).get("/admin/"))
    assert "Site West" in page


def test_it_offers_what_the_person_may_begin(world: World) -> None:
    offered = {
        "root": world.platform_admin,
        "admin0": world.people["admin0"],
        "manager": manager_of(world),
    }
    begins = {name: begin(user) for name, user in offered.items()}
    assert begins["admin0"] == {
        "Grant a role",
        "Add new person",
        "Issue enrolment code",
        "Import members",
        "Export members",
    }
    assert begins["manager"] == {"Invite an organization", "Allow an image"}
    assert "Create organization" in begins["root"]
    assert "Issue enrolment code" not in begins["root"]


def begin(user: User) -> set[str]:
    page = text(desk(user).get("/admin/"))
    part = page.partition('<ul class="begin">')[2].partition("</ul>")[0]
    return {label.strip() for label in re.findall(r"</span>\s*([^<]+)</a>", part)}


def test_whoever_hears_a_page_is_told_where_its_content_begins(world: World) -> None:
    client = desk(world.people["admin0"])
    node = address(Node, "change", world.nodes[0].node.pk)
    for path in ("/admin/", address(Node), node):
        page = text(client.get(path))
        assert page.count('<div id="main" role="main" ') == 1


def test_an_archived_collaboration_waits_for_nobody(world: World) -> None:
    manager, alone = manager_of(world), create_organization(name="Alone", actor=SYSTEM)
    invite_organization(
        collaboration=world.collaboration, organization=alone, actor=SYSTEM
    )
    world.send()
    Run.objects.update(status_since=timezone.now() - timedelta(hours=1))
    admin = world.people["admin0"]
    assert numbers(admin)["Runs waiting for over 10 minutes"] == "3"
    assert numbers(manager)["Invitations without an answer"] == "1"
    assert "Invite an organization" in begin(manager)
    archive_collaboration(collaboration=world.collaboration, actor=SYSTEM)
    assert numbers(admin)["Runs waiting for over 10 minutes"] == "0"
    assert numbers(admin)["Runs failed within 24 hours"] == "0"
    assert numbers(manager)["Invitations without an answer"] == "0"
    assert begin(manager) == set()


def test_nobody_misses_the_nodes_of_an_archived_collaboration(world: World) -> None:
    manager, admin = manager_of(world), world.people["admin0"]
    Node.objects.update(last_seen_at=timezone.now() - timedelta(hours=1))
    assert numbers(manager)["Nodes offline"] == "3"
    archive_collaboration(collaboration=world.collaboration, actor=SYSTEM)
    assert numbers(manager)["Nodes offline"] == "0"
    assert "No node is expected to be online." in text(desk(manager).get("/admin/"))
    offline = text(desk(manager).get(f"{address(Node)}?presence=offline"))
    node = address(Node, "change", world.nodes[1].node.pk)
    assert node not in offline
    assert numbers(admin)["Nodes offline"] == "1"  # its own may serve others
    every = text(desk(manager).get(address(Node)))
    assert node in every  # what was there stays readable
