"""Who gets into the administration, and what they find behind its addresses."""

import re

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from apps.accounts.models import User
from apps.audit.actors import SYSTEM
from apps.audit.models import Event
from apps.collaborations.services import set_collaboration_admins
from apps.nodes.models import Node
from apps.organizations.models import Membership, Organization
from apps.organizations.services import end_membership
from apps.tasks.models import Task
from ptm_site.admin_config import load_pages
from ptm_site.admin_pages import ServicePage
from tests.desk import act, address, asked_by, desk, manager_of, text
from tests.stored import nothing_stored
from tests.worlds import World

MODELS = [
    "algorithmversion",
    "collaboration",
    "event",
    "membership",
    "node",
    "organization",
    "participation",
    "result",
    "run",
    "study",
    "task",
    "user",
]


def enters(user: User) -> bool:
    answer = desk(user).get("/admin/")
    assert answer.status_code in (200, 302, 404)
    return answer.status_code == 200


def test_admins_get_in_and_stewards_to_the_audit_alone(world: World) -> None:
    may = {name: enters(user) for name, user in world.people.items()}
    assert {name for name, entered in may.items() if entered} == {
        "admin0",
        "admin1",
        "admin2",
    }
    assert desk(world.people["carol"]).get("/admin/")["Location"] == address(Event)
    assert enters(world.platform_admin)
    assert enters(manager_of(world))
    assert enters(world.people["admin0"])


def test_staff_who_administer_nothing_stay_outside(world: World) -> None:
    alice = world.people["alice"]
    alice.is_staff = True
    alice.save()
    assert not enters(alice)


def test_a_stranger_signs_in_first(world: World) -> None:
    for path in ("/admin/", address(Task), "/admin/nothing/"):
        answer = Client().get(path, follow=True)
        assert answer.redirect_chain[-1][0].startswith("/accounts/login/")
        assert b"Site" not in answer.content


def test_the_door_closes_with_the_last_role(world: World) -> None:
    admin0, manager = world.people["admin0"], manager_of(world)
    end_membership(membership=admin0.memberships.get(), actor=SYSTEM)
    set_collaboration_admins(collaboration=world.collaboration, admins=[], actor=SYSTEM)
    assert not enters(admin0)
    assert not enters(manager)


def test_a_deactivated_admin_stays_outside(world: World) -> None:
    admin0 = world.people["admin0"]
    client = desk(admin0)
    User.objects.filter(pk=admin0.pk).update(is_active=False)
    assert client.get("/admin/").status_code == 302


def test_the_portal_shows_the_way_to_those_whom_the_door_lets_in(
    world: World,
) -> None:
    for person, shown in [("admin0", True), ("alice", False)]:
        page = text(desk(world.people[person]).get("/account/"))
        assert ('href="/admin/"' in page) is shown, person


def test_only_our_models_are_there_and_none_that_a_package_brings() -> None:
    load_pages()
    found = sorted(model._meta.model_name or "" for model in admin.site._registry)
    assert found == MODELS


def admin_addresses() -> list[str]:
    """Every address below /admin/, with 1 where an id belongs."""

    def below(resolver: URLResolver, prefix: str) -> list[str]:
        found = []
        for entry in resolver.url_patterns:
            route = prefix + str(entry.pattern)
            if isinstance(entry, URLPattern):
                found.append(route)
            else:
                found += below(entry, route)
        return found

    every = below(get_resolver(), "/")
    routes = [route for route in every if route.startswith("/admin/")]
    return sorted({re.sub(r"<[^>]+>", "1", route) for route in routes})


def test_a_researcher_finds_nothing_at_any_address(world: World) -> None:
    alice = desk(world.people["alice"])
    addresses = [a for a in admin_addresses() if "^" not in a and "log" not in a]
    assert len(addresses) > 50
    for path in addresses:
        for answer in (alice.get(path), alice.post(path, {})):
            assert answer.status_code == 404, path
            assert "There is nothing here." in text(answer)


@pytest.mark.parametrize("page", ["delete", "history"])
def test_nothing_is_deleted_and_djangos_own_history_is_not_kept(
    world: World, page: str
) -> None:
    path = f"{address(Organization)}{world.sites[0].pk}/{page}/"
    answer = desk(world.platform_admin).post(path, {"post": "yes"})
    assert answer.status_code in (302, 404)
    assert Organization.objects.filter(pk=world.sites[0].pk).exists()
    of_model = admin.site.get_model_admin(Organization)
    assert not of_model.has_delete_permission(asked_by(world.platform_admin))


def test_djangos_own_forms_save_nothing(world: World) -> None:
    site = world.sites[0]
    path = address(Organization, "change", site.pk)
    with nothing_stored():
        answer = desk(world.platform_admin).post(path, {"name": "Mine now"})
    assert answer.status_code == 403
    site.refresh_from_db()
    assert site.name != "Mine now"


def test_a_list_is_filtered_by_its_filters_and_not_by_hidden_columns(
    world: World,
) -> None:
    root = desk(world.platform_admin)
    secret = world.nodes[0].node.key_sha256
    for model, query in [
        (Node, f"key_sha256__startswith={secret[0]}"),
        (User, "password__startswith=md5"),
        (Membership, "user__password__startswith=md5"),
        (Node, "organization__name__startswith=H"),
    ]:
        assert root.get(f"{address(model)}?{query}").status_code == 400, query


@pytest.mark.parametrize("page", ["autocomplete", "search", "password_change", "r/1/1"])
def test_pages_of_the_packages_that_nothing_needs_are_not_there(
    world: World, page: str
) -> None:
    query = "?app_label=tasks&model_name=run&field_name=organization&term=a&s=a"
    answer = desk(world.platform_admin).get(f"/admin/{page}/{query}")
    assert answer.status_code == 404


def test_a_form_needs_the_pages_token(world: World) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(world.platform_admin)
    answer = client.post(address(Organization, "add"), {"name": "Forged"})
    assert answer.status_code == 403
    assert not Organization.objects.filter(name="Forged").exists()


def test_the_users_are_the_platform_admins(world: World) -> None:
    assert desk(world.platform_admin).get(address(User)).status_code == 200
    assert desk(world.people["admin0"]).get(address(User)).status_code == 403
    assert desk(manager_of(world)).get(address(User)).status_code == 403


def test_a_steward_finds_the_audit_and_nothing_else(world: World) -> None:
    carol, found = desk(world.people["carol"]), set()
    for path in admin_addresses():
        if "^" in path or "log" in path:
            continue
        answer = carol.get(path)
        assert answer.status_code in (200, 302, 403, 404), path
        if answer.status_code == 200:
            found.add(path)
    audit = address(Event)
    # The event of number 1 may be of the own organization, or of another one.
    found.discard(f"{audit}1/change/")
    assert found == {"/admin/jsi18n/", audit, f"{audit}export/"}


def test_the_menu_names_what_the_person_may_see(world: World) -> None:
    root = text(desk(world.platform_admin).get("/admin/"))
    own = text(desk(world.people["admin0"]).get("/admin/"))
    for name in ("Organizations", "Nodes", "Tasks", "Participations"):
        assert f"<span>{name}</span>" in root
        assert f"<span>{name}</span>" in own
    manager = text(desk(manager_of(world)).get("/admin/"))
    assert "<span>Memberships</span>" in own
    assert "<span>Memberships</span>" not in manager
    assert "<span>Users</span>" in root
    assert "<span>Users</span>" not in own
    steward = text(desk(world.people["carol"]).get(address(Event)))
    for page in (root, own, manager, steward):
        assert "<span>Audit</span>" in page
    for name in ("Start", "Organizations", "Nodes", "Tasks", "Participations"):
        assert f"<span>{name}</span>" not in steward


def test_a_page_that_does_not_say_for_whom_it_is_is_for_nobody(world: World) -> None:
    root = world.platform_admin
    assert not ServicePage.open_to(root)
    assert not ServicePage.targets(root).exists()


def test_signing_out_ends_the_session(world: World) -> None:
    client = desk(world.people["admin0"])
    assert 'action="/accounts/logout/"' in text(client.get("/admin/"))
    client.post("/accounts/logout/")
    assert client.get("/admin/").status_code == 302


def test_an_address_without_an_object_is_not_there(world: World) -> None:
    root = desk(world.platform_admin)
    for pk in ("0", "99999999", "x", "1e3", "9" * 30, "-1"):
        path = f"{address(Organization)}{pk}/change/"
        assert root.get(path).status_code == 404, pk
    answer = act(world.platform_admin, Organization(pk=99999999), "rename", name="x")
    assert answer.status_code == 404
