"""What the head of every page offers, and to whom."""

import pytest

from apps.accounts.models import User
from apps.collaborations.selectors import Ways, ways_of
from tests.pages import browser_of
from tests.worlds import World

NEW_TASK, ADMINISTRATION = 'href="/tasks/new/"', 'href="/admin/"'
WAYS = [
    ("alice", Ways(sending=True, administration=False)),
    ("bob", Ways(sending=False, administration=False)),
    ("carol", Ways(sending=False, administration=True)),
    ("admin0", Ways(sending=True, administration=True)),
    ("root", Ways(sending=False, administration=True)),
]


def person(world: World, name: str) -> User:
    return world.platform_admin if name == "root" else world.people[name]


@pytest.mark.parametrize(("name", "ways"), WAYS)
def test_pages_offer_only_the_ways_that_are_open(
    world: World, name: str, ways: Ways
) -> None:
    task = world.send()
    user = person(world, name)
    assert ways_of(user) == ways
    for path in ("/", "/tasks/", "/account/"):
        html = browser_of(user).get(path).content.decode()
        assert (NEW_TASK in html) is ways.sending
        assert (ADMINISTRATION in html) is ways.administration
    html = browser_of(user).get(f"/tasks/{task['id']}/").content.decode()
    assert ("Use again" in html) is ways.sending


def test_a_platform_admin_who_is_a_member_somewhere_sends_too(world: World) -> None:
    world.people["alice"].is_superuser = True
    world.people["alice"].save()
    assert ways_of(world.people["alice"]).sending


def test_nothing_is_open_to_who_was_deactivated(world: World) -> None:
    world.people["admin0"].is_active = False
    world.people["admin0"].save()
    assert ways_of(world.people["admin0"]) == Ways(False, False)
