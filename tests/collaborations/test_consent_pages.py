"""Consent: only an organization's own admin gives it, and takes it back."""

import pytest

from apps.audit.actors import SYSTEM
from apps.collaborations.choices import ParticipationStatus
from apps.collaborations.consents import invite_organization
from apps.collaborations.models import Participation
from apps.collaborations.permissions import sync_permissions
from apps.tasks.models import Run
from tests.pages import browser, browser_of, links, words
from tests.stored import acts, nothing_stored
from tests.worlds import World

LIST = "/collaborations/"


def page(world: World) -> str:
    return f"{LIST}{world.collaboration.pk}/"


def of(world: World, person: str) -> str:
    return words(browser(world, person).get(page(world)))


def invited(world: World, rival: World) -> Participation:
    """The rival's first site, asked to join the world's collaboration."""
    return invite_organization(
        collaboration=world.collaboration, organization=rival.sites[0], actor=SYSTEM
    )


def consent(participation: Participation) -> str:
    return f"{LIST}consent/{participation.pk}/"


def own(world: World) -> Participation:
    found: Participation = Participation.objects.get(
        collaboration=world.collaboration, organization=world.sites[0]
    )
    return found


def test_an_invitation_is_shown_to_whom_it_concerns_only(
    world: World, rival: World
) -> None:
    invited(world, rival)
    name = rival.sites[0].name
    assert name not in of(world, "alice")
    assert name not in words(browser(world, "alice").get(LIST))
    world.collaboration.admins.add(world.people["bob"])
    sync_permissions(world.collaboration)
    assert f"{name} Invited" in of(world, "bob")
    assert name in words(browser_of(world.platform_admin).get(page(world)))
    for person, told in (("admin0", True), ("alice", False), ("admin1", False)):
        said = words(browser(rival, person).get(LIST))
        assert (f"is invited to {world.collaboration.name}" in said) is told
        assert browser(rival, person).get(page(world)).status_code == 404


def test_who_left_or_declined_is_no_longer_shown(world: World, rival: World) -> None:
    participation = invited(world, rival)
    for status in (ParticipationStatus.DECLINED, ParticipationStatus.ENDED):
        Participation.objects.filter(pk=participation.pk).update(status=status)
        assert rival.sites[0].name not in of(world, "alice")
        by_root = browser_of(world.platform_admin).get(page(world))
        assert rival.sites[0].name not in words(by_root)


def test_the_invited_read_the_rules_before_they_answer(
    world: World, rival: World
) -> None:
    invite_organization(
        collaboration=world.collaboration, organization=rival.sites[1], actor=SYSTEM
    )
    answer = browser(rival, "admin0").get(consent(invited(world, rival)))
    said = words(answer)
    assert world.collaboration.name in said
    assert "Results are seen by the organization that sent the task." in said
    assert "Summary 1.0" in said
    assert all(site.name in said for site in world.sites)
    assert rival.sites[1].name not in said
    assert world.people["alice"].username not in said
    assert f"/algorithms/{world.version.algorithm_id}/" not in links(answer)


@pytest.mark.parametrize(
    ("given", "says"),
    [("accepted", "takes part in"), ("declined", "is declined")],
)
def test_the_organizations_own_admin_answers(
    world: World, rival: World, given: str, says: str
) -> None:
    participation = invited(world, rival)
    answer = browser(rival, "admin0").post(
        consent(participation), {"answer": given}, follow=True
    )
    assert answer.redirect_chain == [(LIST, 302)]
    assert says in words(answer)
    participation.refresh_from_db()
    assert participation.status == given
    admin = rival.people["admin0"].pk
    assert acts(f"participation.{given}", actor_id=admin) == 1
    seen = browser(rival, "alice").get(page(world)).status_code
    assert seen == (200 if given == "accepted" else 404)


@pytest.mark.parametrize("person", ["alice", "bob", "carol", "admin1", "root"])
def test_nobody_else_answers_for_an_organization(
    world: World, rival: World, person: str
) -> None:
    rival.people["root"] = rival.platform_admin
    client = browser(rival, person)
    participation = invited(world, rival)
    missing = f"{LIST}consent/{10**9}/"
    with nothing_stored():
        answers = [
            client.get(consent(participation)),
            client.post(consent(participation), {"answer": "accepted"}),
            client.get(missing),
            client.post(missing, {"answer": "accepted"}),
        ]
    assert {answer.status_code for answer in answers} == {404}
    assert len({words(answer) for answer in answers}) == 1
    participation.refresh_from_db()
    assert participation.status == "invited"


def test_an_answer_that_does_not_fit_changes_nothing(
    world: World, rival: World
) -> None:
    participation = invited(world, rival)
    client = browser(rival, "admin0")
    with nothing_stored():
        refused = client.post(consent(participation), {"answer": "ended"})
        assert refused.status_code == 409
        for fields in ({}, {"answer": "invited"}, {"answer": "\x00"}):
            assert client.post(consent(participation), fields).status_code == 200
    participation.refresh_from_db()
    assert participation.status == "invited"


def test_leaving_is_offered_to_the_own_admin_only(world: World) -> None:
    for person, offered in (("admin0", {own(world).pk}), ("alice", set())):
        found = links(browser(world, person).get(page(world)))
        expected = {f"{LIST}consent/{pk}/" for pk in offered}
        assert {href for href in found if "consent" in href} == expected


def test_leaving_names_what_follows_and_then_does_it(world: World) -> None:
    task = world.send()
    (claimed,) = world.nodes[1].claimed()
    world.send(organizations=[world.sites[0].pk])
    client = browser(world, "admin0")
    said = words(client.get(consent(own(world))))
    assert "3 queued runs, at your organization or of its tasks, are cancelled." in said
    assert "Finished results stay" in said
    answer = client.post(consent(own(world)), {"answer": "ended"}, follow=True)
    assert "no longer takes part" in words(answer)
    runs = Run.objects.exclude(pk=claimed["run"])
    assert set(runs.values_list("status", flat=True)) == {"cancelled"}
    assert Run.objects.get(pk=claimed["run"]).status == "claimed"
    assert client.get(page(world)).status_code == 404
    assert client.get(consent(own(world))).status_code == 404
    assert browser(world, "dave").get(f"/tasks/{task['id']}/").status_code == 200


def test_with_nothing_queued_leaving_says_so(world: World) -> None:
    said = words(browser(world, "admin0").get(consent(own(world))))
    assert "none is cancelled" in said
