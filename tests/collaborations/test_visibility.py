"""Who sees which organization, collaboration, node and algorithm."""

import pytest

from apps.audit.actors import SYSTEM
from apps.collaborations.choices import ParticipationStatus
from apps.collaborations.consents import answer_invitation, invite_organization
from apps.collaborations.models import Participation
from apps.collaborations.services import create_collaboration
from apps.errors import Conflict
from apps.organizations.choices import Role
from apps.organizations.services import (
    create_organization,
    end_membership,
    grant_membership,
)
from tests.stored import acts, nothing_stored
from tests.worlds import World, add_node, release_secret

Seen = dict[str, set[int]]


def seen(world: World, person: str) -> Seen:
    client = world.person(person)
    return {
        kind: {row["id"] for row in client.get(f"/api/v1/{kind}/").json()["results"]}
        for kind in ("organizations", "collaborations", "nodes", "algorithms")
    }


def all_of(world: World) -> Seen:
    return {
        "organizations": {site.pk for site in world.sites},
        "collaborations": {world.collaboration.pk},
        "nodes": {node.node.pk for node in world.nodes},
        "algorithms": {world.version.algorithm_id},
    }


def test_members_see_all_of_their_collaboration_and_nothing_else(
    world: World, rival: World
) -> None:
    for of in (world, rival):
        for person in of.people:
            assert seen(of, person) == all_of(of), person


def test_a_platform_admin_sees_everything(world: World, rival: World) -> None:
    world.people["root"] = world.platform_admin
    expected = {k: all_of(world)[k] | all_of(rival)[k] for k in all_of(world)}
    assert seen(world, "root") == expected


def test_a_stranger_sees_only_their_own_organization(world: World) -> None:
    alone = create_organization(name="Alone", actor=SYSTEM)
    eve = world.people["bob"]
    end_membership(membership=eve.memberships.get(), actor=SYSTEM)
    grant_membership(user=eve, organization=alone, role=Role.ADMIN, actor=SYSTEM)
    nothing = dict.fromkeys(all_of(world), set[int]())
    assert seen(world, "bob") == {**nothing, "organizations": {alone.pk}}


def test_an_invitation_alone_shows_nothing(world: World, rival: World) -> None:
    invite_organization(
        collaboration=world.collaboration, organization=rival.sites[0], actor=SYSTEM
    )
    assert seen(rival, "alice") == all_of(rival)
    answer_invitation(
        participation=Participation.objects.get(
            collaboration=world.collaboration, organization=rival.sites[0]
        ),
        answer=ParticipationStatus.ACCEPTED,
        actor=SYSTEM,
    )
    both = all_of(world)["collaborations"] | all_of(rival)["collaborations"]
    assert seen(rival, "alice")["collaborations"] == both
    assert rival.sites[0].pk in seen(world, "alice")["organizations"]
    assert rival.sites[1].pk not in seen(world, "alice")["organizations"]


def test_what_a_node_releases_elsewhere_is_not_shown(
    world: World, rival: World
) -> None:
    release_secret(world, rival)
    path = f"/api/v1/nodes/{world.nodes[0].node.pk}/"
    # Dave's site takes part in the first collaboration only, as rival's in theirs.
    shown = world.person("dave").get(path).json()["serves"]
    assert [entry["collaboration"] for entry in shown] == [world.collaboration.pk]
    others = rival.person("alice").get(path).json()["serves"]
    secret = [{"label": "secret", "type": "sql", "columns": None}]
    assert others == [{"collaboration": rival.collaboration.pk, "databases": secret}]


def test_an_admin_of_a_collaboration_sees_it_without_being_a_member(
    world: World, rival: World
) -> None:
    own = create_collaboration(
        name="Another", admins=[world.people["bob"]], actor=SYSTEM
    )
    assert own.pk in seen(world, "bob")["collaborations"]
    assert own.pk not in seen(world, "alice")["collaborations"]


def test_versions_of_other_collaborations_are_not_shown(
    world: World, rival: World
) -> None:
    """Two collaborations allow two versions of one algorithm."""
    rival.version.algorithm = world.version.algorithm
    rival.version.save()
    path = f"/api/v1/algorithms/{world.version.algorithm_id}/"
    for of in (world, rival):
        shown = of.person("alice").get(path).json()["versions"]
        assert [version["id"] for version in shown] == [of.version.pk]


P = ParticipationStatus
ANSWERS = [
    (P.INVITED, P.ACCEPTED, True),
    (P.INVITED, P.DECLINED, True),
    (P.INVITED, P.ENDED, False),
    (P.ACCEPTED, P.ENDED, True),
    (P.ACCEPTED, P.ACCEPTED, False),
    (P.ACCEPTED, P.DECLINED, False),
    (P.DECLINED, P.ACCEPTED, False),
    (P.ENDED, P.ACCEPTED, False),
    (P.ENDED, P.ENDED, False),
]


@pytest.mark.parametrize(("now", "answer", "allowed"), ANSWERS)
def test_an_invitation_is_answered_once(
    world: World, rival: World, now: P, answer: P, allowed: bool
) -> None:
    participation = invite_organization(
        collaboration=world.collaboration, organization=rival.sites[0], actor=SYSTEM
    )
    Participation.objects.filter(pk=participation.pk).update(status=now)
    participation.refresh_from_db()
    if allowed:
        answer_invitation(participation=participation, answer=answer, actor=SYSTEM)
        assert acts(f"participation.{answer}", organization_id=rival.sites[0].pk)
    else:
        with nothing_stored(), pytest.raises(Conflict):
            answer_invitation(participation=participation, answer=answer, actor=SYSTEM)
        participation.refresh_from_db()
        assert participation.status == now


def test_a_site_that_left_can_be_invited_again(world: World) -> None:
    participation = Participation.objects.get(organization=world.sites[0])
    answer_invitation(participation=participation, answer=P.ENDED, actor=SYSTEM)
    assert seen(world, "alice")["collaborations"] == set()
    again = invite_organization(
        collaboration=world.collaboration, organization=world.sites[0], actor=SYSTEM
    )
    assert seen(world, "alice")["collaborations"] == set()
    answer_invitation(participation=again, answer=P.ACCEPTED, actor=SYSTEM)
    assert seen(world, "alice") == all_of(world)
    with nothing_stored(), pytest.raises(Conflict):
        invite_organization(
            collaboration=world.collaboration,
            organization=world.sites[0],
            actor=SYSTEM,
        )


def test_a_revoked_node_stays_visible_as_revoked(world: World) -> None:
    from apps.nodes.services import revoke_node

    node = add_node(world, world.sites[0], world.people["admin0"], hello=True)
    revoke_node(node=node.node, actor=SYSTEM)
    shown = world.person("alice").get(f"/api/v1/nodes/{node.node.pk}/").json()
    assert shown["online"] is False
    assert shown["revoked_at"] is not None
    assert "key" not in str(shown)


def test_a_filter_does_not_tell_what_exists(world: World, rival: World) -> None:
    alice = world.person("alice")
    rival.send()
    for path, foreign in (
        ("nodes/?organization={}", rival.sites[0].pk),
        ("tasks/?organization={}", rival.sites[0].pk),
        ("tasks/?collaboration={}", rival.collaboration.pk),
        ("tasks/?initiator={}", rival.people["alice"].pk),
        ("runs/?organization={}", rival.sites[0].pk),
    ):
        answers = [
            alice.get(f"/api/v1/{path.format(pk)}") for pk in (foreign, 10**9, 0)
        ]
        assert {answer.status_code for answer in answers} == {200}
        assert len({answer.content for answer in answers}) == 1
