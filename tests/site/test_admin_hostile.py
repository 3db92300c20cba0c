"""Hostile names, purposes and manifests stay text, in lists, pages and sentences."""

import copy
import re
from html.parser import HTMLParser

import pytest

from apps.accounts.models import User
from apps.algorithms.models import Algorithm, AlgorithmVersion
from apps.audit.actors import SYSTEM
from apps.audit.models import Event
from apps.collaborations.consents import invite_organization
from apps.collaborations.models import Collaboration
from apps.nodes.models import Node
from apps.organizations.models import Membership, Organization
from apps.results.models import Result
from ptm_site.admin_pages import named
from tests.audit.tampering import without_rules
from tests.desk import LISTS, address, desk, text
from tests.worlds import World

EVIL = (
    "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>{{ 7|add:7 }}\u202e\u2066"
)


def poison(world: World) -> None:
    """Everything that a person or a node may write says the same evil words."""
    world.send(name=EVIL, purpose=EVIL)
    node = world.nodes[0]
    (run,) = node.claimed()
    node.complete(run)
    (failed,) = world.nodes[1].claimed()
    world.nodes[1].report(
        failed["run"], failed["attempt"], "failed", code="internal", detail=EVIL
    )
    Organization.objects.filter(pk=world.sites[0].pk).update(name=EVIL)
    Collaboration.objects.filter(pk=world.collaboration.pk).update(
        name=EVIL, purpose=EVIL
    )
    Node.objects.filter(pk=node.node.pk).update(name=EVIL[:100], runtime=EVIL[:100])
    User.objects.filter(pk=world.people["alice"].pk).update(
        username=EVIL, first_name=EVIL[:150]
    )
    Algorithm.objects.update(name=EVIL)
    manifest = copy.deepcopy(world.version.manifest)
    manifest["description"] = manifest["functions"][0]["description"] = EVIL
    AlgorithmVersion.objects.update(manifest=manifest, tag=EVIL[:128])
    Result.objects.update(media_type=EVIL[:100])
    with without_rules():
        Event.objects.update(details={EVIL: EVIL, "before": {}, "after": {EVIL: EVIL}})


class Reader(HTMLParser):
    """Reads a page as a browser does, and notes what would run."""

    def __init__(self) -> None:
        super().__init__()
        self.runs: list[str] = []
        self.within = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.within = tag
        for name, value in attrs:
            if name == "onerror" or (name, value) == ("src", "x"):
                self.runs.append(f"{tag} {name}")
            # Alpine reads these attributes as programs.
            if name.startswith(("x-", ":", "@")) and "alert" in (value or ""):
                self.runs.append(f"{tag} {name}")

    def handle_data(self, data: str) -> None:
        if self.within == "script" and "alert" in data:
            self.runs.append(data)


def harmless(page: str) -> None:
    reader = Reader()
    reader.feed(page)
    assert reader.runs == []
    assert "{{ 7" in page or "&lt;script" not in page  # as it was written


@pytest.fixture
def poisoned(world: World) -> World:
    poison(world)
    return world


@pytest.mark.parametrize("model", LISTS)
def test_lists_and_pages_show_words_as_words(
    poisoned: World, model: type[Organization]
) -> None:
    client = desk(poisoned.platform_admin)
    listed = text(client.get(address(model)))
    harmless(listed)
    for row in model._default_manager.all()[:6]:
        page = client.get(address(model, "change", row.pk))
        assert page.status_code == 200
        harmless(text(page))


def test_the_start_page_and_every_form_do_too(poisoned: World) -> None:
    invite_organization(
        collaboration=poisoned.collaboration,
        organization=Organization.objects.create(name=f"Another {EVIL}"),
        actor=SYSTEM,
    )
    start = text(desk(poisoned.platform_admin).get("/admin/"))
    assert "&lt;script&gt;" in start
    harmless(start)
    membership = poisoned.people["alice"].memberships.get()
    for target, page in (
        (poisoned.sites[0], "rename"),
        (membership, "end"),
        (poisoned.nodes[0].node, "revoke"),
        (poisoned.collaboration, "edit"),
        (poisoned.version, "withdraw"),
    ):
        answer = desk(poisoned.platform_admin).get(
            address(type(target), page, target.pk)
        )
        assert answer.status_code == 200
        harmless(text(answer))


def test_what_was_done_is_said_in_words_that_nobody_turns_around(
    poisoned: World,
) -> None:
    admin = desk(poisoned.platform_admin)
    membership = poisoned.people["alice"].memberships.get()
    where = address(Membership, "end", membership.pk)
    page = text(admin.post(where, follow=True))
    said = re.search(r"The membership of (.*?) has ended", page, re.S)
    assert said is not None
    assert "\u202e" not in said[1]
    harmless(page)


def test_a_link_fills_a_field_with_text_only(world: World) -> None:
    path = address(Organization, "add")
    page = text(desk(world.platform_admin).get(path, {"name": EVIL}))
    harmless(page)
    assert "&lt;script&gt;" in page


@pytest.mark.parametrize("turning", [0x202A, 0x202E, 0x2066, 0x2068, 0x2069])
def test_a_name_in_a_sentence_cannot_turn_the_sentence(turning: int) -> None:
    sentence = f"{named(f'a{chr(turning)}b')} is revoked."
    assert sentence == "\u2068ab\u2069 is revoked."


def test_letters_that_run_from_right_to_left_stay() -> None:
    assert named("שלום") == "\u2068שלום\u2069"


def test_every_page_has_the_administrations_policy_and_no_other(world: World) -> None:
    answer = desk(world.platform_admin).get("/admin/")
    policy = answer["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "http" not in policy
