"""The operator's commands answer in sentences."""

import io

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from apps.accounts.models import AccessToken
from apps.nodes.models import Node
from tests.worlds import World


def run(*arguments: str) -> str:
    said = io.StringIO()
    call_command(*arguments, stdout=said)
    return said.getvalue().strip()


def test_a_token_opens_the_api_until_it_is_revoked(world: World) -> None:
    alice = world.people["alice"].username
    text = run("create_token", alice, "--name", "script")
    client = world.client("bob")
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {text}")
    assert client.get("/api/v1/me/").json()["username"] == alice
    run("revoke_token", alice, "script")
    assert client.get("/api/v1/me/").status_code == 401
    assert not AccessToken.objects.filter(user__username=alice).exists()


def test_a_node_is_revoked_by_name(world: World) -> None:
    client = world.nodes[0]
    site = world.sites[0]
    run("revoke_node", site.name, client.node.name)
    assert Node.objects.get(pk=client.node.pk).revoked_at is not None
    assert client.claim().json()["code"] == "node_revoked"
    with pytest.raises(CommandError):  # a new one may have its name
        run("revoke_node", site.name, client.node.name)


def test_the_runs_of_a_node_are_given_back_by_its_name(world: World) -> None:
    world.send()
    (held,) = world.nodes[0].claimed()
    run("give_back_runs", world.sites[0].name, world.nodes[0].node.name)
    (again,) = world.nodes[0].claimed()
    assert (again["run"], again["attempt"]) == (held["run"], 2)


REFUSED = [
    (("create_token", "nobody", "--name", "x"), "There is no user nobody."),
    (("revoke_token", "nobody", "x"), "There is no such token."),
    (("revoke_node", "Nowhere", "x"), "The organization has no such node in use."),
    (("give_back_runs", "Nowhere", "x"), "The organization has no such node in use."),
    (("add_member", "x", "Nowhere", "admin"), "There is no organization 'Nowhere'."),
    (("create_collaboration", "C", "--invite", "N"), "There is no organization N."),
    (
        ("accept_invitation", "C", "N", "--as", "x"),
        "There is no such invitation or person.",
    ),
    (
        ("enrolment_code", "N", "--as", "x"),
        "There is no such organization or person.",
    ),
]


@pytest.mark.django_db
@pytest.mark.parametrize(("arguments", "sentence"), REFUSED)
def test_a_command_that_cannot_be_done_says_why(
    arguments: tuple[str, ...], sentence: str
) -> None:
    with pytest.raises(CommandError) as refused:
        run(*arguments)
    assert str(refused.value) == sentence


def test_a_strangers_code_is_refused_in_a_sentence(world: World) -> None:
    root = world.platform_admin.username
    with pytest.raises(CommandError) as refused:
        run("enrolment_code", world.sites[0].name, "--as", root)
    assert "Only an admin of the organization itself" in str(refused.value)
