"""Studies: some of the organizations under a name, and tasks for only those."""

import re
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.audit.actors import SYSTEM
from apps.collaborations.choices import ParticipationStatus
from apps.collaborations.consents import answer_invitation, invite_organization
from apps.collaborations.models import Study
from apps.collaborations.studies import create_study, end_study, update_study
from apps.errors import Conflict, Invalid
from apps.tasks.models import Task
from tests.desk import act, desk, listed, manager_of, text
from tests.pages import browser, links, words
from tests.stored import acts, nothing_stored
from tests.worlds import World

SEND = "/api/v1/tasks/"
NOBODY = 10**9


def study_of(world: World, *sites: int, name: str = "Stage III") -> Study:
    return create_study(
        collaboration=world.collaboration,
        name=name,
        organizations=[world.sites[n] for n in sites or (0, 1)],
        actor=SYSTEM,
    )


def members(study: Study) -> set[int]:
    return set(study.organizations.values_list("pk", flat=True))


def ids(world: World, *sites: int) -> list[int]:
    return [world.sites[n].pk for n in sites]


def refused(world: World, **changes: Any) -> Any:
    client = world.person("alice")
    with nothing_stored():
        answer = client.post(SEND, world.task_body(**changes))
    assert answer.status_code == 422, answer.json()
    return answer.json()


def test_a_task_for_a_study_addresses_its_organizations_only(world: World) -> None:
    study = study_of(world)
    sent = world.send(study=study.pk, organizations=ids(world, 0, 1))
    assert sent["study"] == study.pk
    assert Task.objects.get(pk=sent["id"]).study == study
    answer = refused(world, study=study.pk)
    assert answer["code"] == "organization_outside_study"
    assert list(answer["errors"]) == ["organizations"]
    assert str(world.sites[2].pk) in answer["detail"]
    assert world.send()["study"] is None
    assert world.send(study=None)["study"] is None


def test_a_foreign_study_is_as_one_that_does_not_exist(
    world: World, rival: World
) -> None:
    own = ids(world, 0)
    ended = study_of(world, 0)
    end_study(study=ended, actor=SYSTEM)
    foreign, missing, over = (
        refused(world, study=pk, organizations=own)
        for pk in (study_of(rival).pk, NOBODY, ended.pk)
    )
    assert foreign == missing == over
    assert foreign["code"] == "study_unknown"
    assert list(foreign["errors"]) == ["study"]


def test_a_task_without_a_study_asks_for_none(world: World) -> None:
    world.send()
    with CaptureQueriesContext(connection) as captured:
        world.send()
    assert not [q for q in captured if 'FROM "collaborations_study' in q["sql"]]


def test_running_again_asks_the_study_too(world: World) -> None:
    study = study_of(world)
    task = world.send(study=study.pk, organizations=ids(world, 0))
    (run,) = world.nodes[0].claimed()
    world.nodes[0].complete(run)
    update_study(
        study=study, name=study.name, organizations=world.sites[1:], actor=SYSTEM
    )
    alice = world.person("alice")
    with nothing_stored():
        answer = alice.post(f"/api/v1/runs/{task['runs'][0]['id']}/again/")
    assert answer.json()["code"] == "organization_outside_study"


def test_an_organization_that_leaves_the_collaboration_leaves_the_study(
    world: World,
) -> None:
    study, other = study_of(world), study_of(world, 1, name="Other")
    participation = world.sites[0].participations.get()
    answer_invitation(
        participation=participation, answer=ParticipationStatus.ENDED, actor=SYSTEM
    )
    assert members(study) == set(ids(world, 1))
    assert members(other) == set(ids(world, 1))
    again = invite_organization(
        collaboration=world.collaboration, organization=world.sites[0], actor=SYSTEM
    )
    answer_invitation(
        participation=again, answer=ParticipationStatus.ACCEPTED, actor=SYSTEM
    )
    assert members(study) == set(ids(world, 1))


def test_a_study_keeps_its_name_and_has_members_that_take_part(
    world: World, rival: World
) -> None:
    study = study_of(world)
    invited = rival.sites[0]
    invite_organization(
        collaboration=world.collaboration, organization=invited, actor=SYSTEM
    )
    for name, sites in (
        ("Stage III", world.sites),
        ("", world.sites),
        ("x" * 201, world.sites),
        ("Other", []),
        ("Other", [invited]),
        ("Other", [world.sites[0], rival.sites[1]]),
    ):
        with pytest.raises((ValidationError, Invalid)), nothing_stored():
            create_study(
                collaboration=world.collaboration,
                name=name,
                organizations=sites,
                actor=SYSTEM,
            )
    assert list(Study.objects.filter(collaboration=world.collaboration)) == [study]
    study_of(rival)  # another collaboration's may have the same name


def test_an_ended_study_changes_no_more_and_keeps_its_name(world: World) -> None:
    study = study_of(world)
    end_study(study=study, actor=SYSTEM)
    with pytest.raises(Conflict), nothing_stored():
        end_study(study=study, actor=SYSTEM)
    with pytest.raises(Conflict), nothing_stored():
        update_study(study=study, name="New", organizations=world.sites, actor=SYSTEM)
    with pytest.raises(ValidationError):
        study_of(world)


def test_the_collaborations_admin_makes_changes_and_ends_it(world: World) -> None:
    manager = manager_of(world)
    fields = {"name": "Stage III", "organizations": ids(world, 0, 1)}
    assert act(manager, world.collaboration, "study", **fields).status_code == 302
    study = Study.objects.get()
    assert (study.collaboration, members(study)) == (
        world.collaboration,
        set(ids(world, 0, 1)),
    )
    fields = {"name": "Stage IV", "organizations": ids(world, 2)}
    assert act(manager, study, "edit", **fields).status_code == 302
    study.refresh_from_db()
    assert (study.name, members(study)) == ("Stage IV", set(ids(world, 2)))
    assert act(manager, study, "end").status_code == 302
    study.refresh_from_db()
    assert study.ended_at is not None
    for page in ("edit", "end"):
        assert act(manager, study, page, **fields).status_code == 404
    for action in ("created", "changed", "ended"):
        assert acts(f"study.{action}", object_id=study.pk, actor_id=manager.pk) == 1


def test_nobody_else_does(world: World, rival: World) -> None:
    study = study_of(world)
    fields = {"name": "Mine", "organizations": ids(world, 0)}
    people = [world.people["admin0"], world.people["alice"], manager_of(rival)]
    for user in people:
        with nothing_stored():
            assert act(user, world.collaboration, "study", **fields).status_code == 404
            for page in ("edit", "end"):
                assert act(user, study, page, **fields).status_code == 404
    assert members(study) == set(ids(world, 0, 1))


def test_only_organizations_that_take_part_are_offered(
    world: World, rival: World
) -> None:
    manager = manager_of(world)
    invite_organization(
        collaboration=world.collaboration, organization=rival.sites[0], actor=SYSTEM
    )
    where = f"/admin/collaborations/collaboration/{world.collaboration.pk}/study/"
    page = text(desk(manager).get(where))
    assert all(site.name in page for site in world.sites)
    assert rival.sites[0].name not in page
    with nothing_stored():
        foreign = act(
            manager,
            world.collaboration,
            "study",
            name="S",
            organizations=[rival.sites[0].pk],
        )
    assert foreign.status_code == 422
    taken = study_of(world)
    again = act(
        manager,
        world.collaboration,
        "study",
        name=taken.name,
        organizations=ids(world, 0),
    )
    assert "The collaboration has a study of this name." in text(again)


def test_the_list_in_admin_has_the_readers_studies(world: World, rival: World) -> None:
    own, foreign = study_of(world), study_of(rival)
    assert listed(manager_of(world), Study) == {own.pk}
    assert listed(world.people["admin0"], Study) == {own.pk}
    assert listed(world.platform_admin, Study) == {own.pk, foreign.pk}
    end_study(study=own, actor=SYSTEM)
    assert listed(manager_of(world), Study, "state=going_on") == set()
    assert listed(manager_of(world), Study, "state=ended") == {own.pk}


def test_the_collaborations_page_shows_the_studies_that_go_on(world: World) -> None:
    study, ended = study_of(world), study_of(world, name="Long ago")
    end_study(study=ended, actor=SYSTEM)
    page = browser(world, "alice").get(f"/collaborations/{world.collaboration.pk}/")
    names = ", ".join(site.name for site in world.sites[:2])
    assert f"Stage III {names}" in words(page)
    assert "Long ago" not in words(page)
    way = f"/tasks/new/?collaboration={world.collaboration.pk}&study={study.pk}"
    assert way in links(page)
    viewer = browser(world, "bob").get(f"/collaborations/{world.collaboration.pk}/")
    assert way not in links(viewer)


# The page of a new task


def form_of(world: World, **changes: Any) -> dict[str, Any]:
    return {
        "key": "page-1",
        "collaboration": world.collaboration.pk,
        "version": world.version.pk,
        "function": "summary",
        "organizations": ids(world, 0, 1),
        "database_0": "default",
        "a-columns": "age",
        "name": "Age",
        "step": "send",
        **changes,
    }


def ticked(answer: Any) -> dict[int, bool]:
    """The organizations that the page offers, and whether each is chosen."""
    found = re.findall(
        r'name="organizations" value="(\d+)" id="[^"]*"( checked)?>', text(answer)
    )
    return {int(pk): bool(checked) for pk, checked in found}


def test_a_new_task_offers_studies_where_there_are_any(world: World) -> None:
    client = browser(world, "alice")
    address = f"/tasks/new/?collaboration={world.collaboration.pk}&function=summary"
    assert 'name="study"' not in text(client.get(address))
    study = study_of(world)
    whole = client.get(address)
    assert set(ticked(whole)) == set(ids(world, 0, 1, 2))
    assert f'<option value="{study.pk}">Stage III' in text(whole)
    narrowed = client.get(f"{address}&study={study.pk}")
    assert ticked(narrowed) == dict.fromkeys(ids(world, 0, 1), True)
    assert f'<option value="{study.pk}" selected>Stage III' in text(narrowed)


def test_another_study_begins_with_all_of_its_sites(world: World) -> None:
    study = study_of(world, 1, 2)
    asked = {"asked": world.collaboration.pk, "step": "choose", "study": study.pk}
    client = browser(world, "alice")
    fields = form_of(world, organizations=ids(world, 0), **asked)
    answer = client.post("/tasks/new/", fields, follow=True)
    assert ticked(answer) == dict.fromkeys(ids(world, 1, 2), True)
    fields["asked"] = f"{world.collaboration.pk}-{study.pk}"
    fields["organizations"] = ids(world, 1)
    answer = client.post("/tasks/new/", fields, follow=True)
    assert ticked(answer) == {world.sites[1].pk: True, world.sites[2].pk: False}


def test_the_portal_sends_for_the_study_that_was_chosen(world: World) -> None:
    study = study_of(world)
    client = browser(world, "alice")
    answer = client.post("/tasks/new/", form_of(world, study=study.pk), follow=True)
    task = Task.objects.get()
    assert task.study == study
    assert "Study Stage III" in words(answer)
    repeated = client.get(f"/tasks/new/?from={task.pk}")
    assert f'<option value="{study.pk}" selected>' in text(repeated)


def test_the_portal_refuses_what_is_outside_or_over(world: World) -> None:
    study = study_of(world)
    client = browser(world, "alice")
    with nothing_stored():
        answer = client.post(
            "/tasks/new/", form_of(world, study=study.pk, organizations=ids(world, 2))
        )
    assert answer.status_code == 422
    end_study(study=study, actor=SYSTEM)
    with nothing_stored():
        answer = client.post("/tasks/new/", form_of(world, study=study.pk))
    assert answer.status_code == 422
    assert "There is no such study going on here." in words(answer)
