"""A one-time code becomes an identity, once, and nobody else can make one."""

from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from apps.accounts.people import set_active
from apps.audit.actors import SYSTEM
from apps.errors import Forbidden
from apps.nodes.keys import Key
from apps.nodes.models import EnrolmentCode, Node
from apps.nodes.services import issue_enrolment_code, revoke_node
from apps.organizations.choices import Role
from apps.organizations.services import end_membership, grant_membership
from tests.stored import acts, nothing_stored
from tests.threads import at_once
from tests.worlds import World


def enrol(code: str, key: Key, address: str = "10.0.0.1", **changes: Any) -> Any:
    body = {
        "code": code,
        "name": "node of A",
        "key_prefix": key.prefix,
        "key_sha256": key.sha256,
        **changes,
    }
    return APIClient(REMOTE_ADDR=address).post("/api/v1/node/enrol/", body)


@pytest.fixture
def code(world: World) -> str:
    return issue_enrolment_code(
        organization=world.sites[0], issued_by=world.people["admin0"]
    )


@pytest.fixture
def key() -> Key:
    return Key.generate("ptmn")


def test_a_code_lets_a_node_of_its_organization_in(
    world: World, code: str, key: Key
) -> None:
    answer = enrol(code, key)
    assert answer.status_code == 201
    node = Node.objects.get(pk=answer.json()["node"])
    site = world.sites[0]
    assert answer.json() == {
        "node": node.pk,
        "name": "node of A",
        "organization": {"id": site.pk, "name": site.name},
    }
    assert node.organization == site
    assert (node.key_prefix, node.key_sha256) == (key.prefix, key.sha256)
    assert acts("node.enrolled", object_id=node.pk, actor_kind="node") == 1


def test_the_server_stores_nothing_that_opens_a_door(code: str, key: Key) -> None:
    enrol(code, key)
    stored = [
        *EnrolmentCode.objects.values_list("prefix", "sha256"),
        *Node.objects.values_list("key_prefix", "key_sha256"),
    ]
    assert not any(
        text.endswith(secret[-20:])
        for row in stored
        for text in row
        for secret in (code, key.text)
    )


def test_the_same_code_with_the_same_key_gives_the_same_answer(
    code: str, key: Key
) -> None:
    first = enrol(code, key)
    with nothing_stored():
        again = enrol(code, key)
    assert again.status_code == 200
    assert again.json() == first.json()


def test_a_repeat_is_answered_even_after_the_code_expired(code: str, key: Key) -> None:
    enrol(code, key)
    EnrolmentCode.objects.update(expires_at=timezone.now() - timedelta(days=1))
    assert enrol(code, key).status_code == 200


def test_every_other_use_is_refused_in_the_same_words(
    world: World, code: str, key: Key
) -> None:
    enrol(code, key)
    expired = issue_enrolment_code(
        organization=world.sites[0], issued_by=world.people["admin0"]
    )
    EnrolmentCode.objects.filter(node=None).update(
        expires_at=timezone.now() - timedelta(seconds=1)
    )
    stranger = Key.generate("ptmn")
    fresh = issue_enrolment_code(
        organization=world.sites[0], issued_by=world.people["admin0"]
    )
    table = [
        ("used, another key", code, stranger),
        ("expired", expired, stranger),
        ("never issued", Key.generate("ptme").text, stranger),
        ("right prefix, wrong secret", fresh[:17] + "_" + "x" * 43, stranger),
        ("a node's key", key.text, stranger),
        ("no code at all", "let me in", stranger),
        ("fresh, but the key is another node's", fresh, world.nodes[0].key),
    ]
    with nothing_stored():
        answers = {
            what: enrol(text, with_key, name="another")
            for what, text, with_key in table
        }
    assert {what: a.status_code for what, a in answers.items()} == {
        what: 403 for what in answers
    }
    assert len({a.content for a in answers.values()}) == 1
    assert answers["expired"].json()["code"] == "enrolment_refused"


def test_two_nodes_in_use_of_one_organization_do_not_share_a_name(
    world: World, code: str, key: Key
) -> None:
    taken = world.nodes[0].node.name
    with nothing_stored():
        answer = enrol(code, key, name=taken)
    assert (answer.status_code, answer.json()["code"]) == (409, "name_taken")
    revoke_node(node=world.nodes[0].node, actor=SYSTEM)
    assert enrol(code, key, name=taken).status_code == 201


@pytest.mark.backends
@pytest.mark.django_db(transaction=True)
def test_of_two_nodes_that_ask_for_one_name_at_once_one_gets_it(world: World) -> None:
    admin = world.people["admin0"]
    codes = [
        issue_enrolment_code(organization=world.sites[0], issued_by=admin)
        for _ in range(4)
    ]
    answers = at_once(
        [partial(enrol, each, Key.generate("ptmn"), name="twin") for each in codes]
    )
    assert sorted(a.status_code for a in answers) == [201, 409, 409, 409]
    assert Node.objects.filter(name="twin").count() == 1


def test_guessing_is_slowed_for_its_address_only(code: str, key: Key) -> None:
    for _ in range(10):
        assert enrol("ptme_wrong", key).status_code == 403
    slowed = enrol(code, key)
    assert (slowed.status_code, slowed.json()["code"]) == (429, "throttled")
    assert 1 <= int(slowed["Retry-After"]) <= 60
    assert enrol(code, key, address="10.0.0.2").status_code == 201


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("key_prefix", "UPPERCASE123"),
        ("key_prefix", "abc"),
        ("key_sha256", "0" * 63),
        ("key_sha256", ["0" * 64]),
        ("name", ""),
        ("name", "n" * 101),
        ("name", "nul\x00"),
        ("code", None),
        ("code", "x" * 101),
    ],
)
def test_a_wrong_field_is_named(code: str, key: Key, field: str, value: Any) -> None:
    with nothing_stored():
        answer = enrol(key=key, **{"code": code, field: value})
    assert answer.status_code == 422
    assert list(answer.json()["errors"]) == [field]


def test_only_the_organizations_own_admin_can_issue_a_code(world: World) -> None:
    world.platform_admin.administered_collaborations.add(world.collaboration)
    outsiders = [
        world.platform_admin,
        *(world.people[name] for name in ("alice", "bob", "carol", "dave", "admin1")),
    ]
    with nothing_stored():
        for user in outsiders:
            with pytest.raises(Forbidden):
                issue_enrolment_code(organization=world.sites[0], issued_by=user)
    assert not EnrolmentCode.objects.filter(
        organization=world.sites[0], node=None
    ).exists()


@pytest.mark.parametrize("way", ["left", "demoted", "deactivated"])
def test_a_code_ends_with_the_role_of_whoever_issued_it(
    world: World, code: str, key: Key, way: str
) -> None:
    admin, site = world.people["admin0"], world.sites[0]
    if way == "left":
        end_membership(membership=admin.memberships.get(), actor=SYSTEM)
    elif way == "demoted":
        role = Role.RESEARCHER
        grant_membership(user=admin, organization=site, role=role, actor=SYSTEM)
    else:
        set_active(user=admin, active=False, actor=SYSTEM)
    with nothing_stored():
        answer = enrol(code, key)
    unknown = enrol(Key.generate("ptme").text, key)
    assert answer.status_code == 403
    assert answer.json() == unknown.json()


def test_a_node_that_is_in_stays_when_whoever_let_it_in_leaves(
    world: World, code: str, key: Key
) -> None:
    first = enrol(code, key).json()
    admin = world.people["admin0"]
    end_membership(membership=admin.memberships.get(), actor=SYSTEM)
    again = enrol(code, key)
    assert (again.status_code, again.json()) == (200, first)
