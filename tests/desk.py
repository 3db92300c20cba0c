"""The administration as people use it: a browser's session, lists, forms."""

import re
from typing import Any

from django.db.models import Model
from django.http import HttpRequest
from django.test import Client, RequestFactory
from django.urls import reverse

from apps.accounts.models import User
from apps.algorithms.models import AlgorithmVersion
from apps.audit.models import Event
from apps.collaborations.models import Collaboration, Participation
from apps.collaborations.permissions import sync_permissions
from apps.nodes.models import Node
from apps.organizations.models import Membership, Organization
from apps.results.models import Result
from apps.tasks.models import Run, Task
from tests.worlds import World

# What every admin has a list of; the rest is for platform admins.
SCOPED: list[type[Model]] = [
    Organization,
    Membership,
    Collaboration,
    Participation,
    Node,
    AlgorithmVersion,
    Task,
    Run,
    Result,
]
LISTS: list[type[Model]] = [*SCOPED, User, Event]


def manager_of(world: World) -> User:
    """A person who manages the world's collaboration and belongs to no organization."""
    user, new = User.objects.get_or_create(username=f"manager-{world.collaboration.pk}")
    if new:
        world.collaboration.admins.add(user)
        sync_permissions(world.collaboration)
    return user


def desk(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def asked_by(user: User) -> HttpRequest:
    """A request as the administration's own questions take it."""
    request = RequestFactory().get("/admin/")
    request.user = user
    return request


def address(model: type[Model], page: str = "changelist", *args: Any) -> str:
    meta = model._meta
    return reverse(f"admin:{meta.app_label}_{meta.model_name}_{page}", args=args)


def listed(user: User, model: type[Model], query: str = "") -> set[int]:
    """The ids of the rows that the person's list links to."""
    answer = desk(user).get(f"{address(model)}?{query}")
    assert answer.status_code == 200, answer.status_code
    table = re.search(r'<table id="result_list".*?</table>', text(answer), re.S)
    first_column = rf'{address(model)}(\d+)/change/[^"]*" class='
    return {int(pk) for pk in re.findall(first_column, table[0] if table else "")}


def act(user: User, target: Model | type[Model], page: str, **data: Any) -> Any:
    """Send the form of a page: of an object, or of a list (`add` and the like)."""
    if isinstance(target, Model):
        where = address(type(target), page, target.pk)
    else:
        where = address(target, page)
    return desk(user).post(where, data)


def shown_to(user: User, target: Model) -> str:
    """The object's page, as text."""
    answer = desk(user).get(address(type(target), "change", target.pk))
    assert answer.status_code == 200, answer.status_code
    return text(answer)


def text(answer: Any) -> str:
    content: str = answer.content.decode()
    return content
