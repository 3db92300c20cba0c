"""A token with too small a scope opens no door that changes something."""

import pytest

from apps.accounts.choices import TokenScope
from apps.accounts.models import AccessToken, User
from tests.rights.conftest import Stage
from tests.rights.readers import Reader, ask
from tests.rights.requests import sent
from tests.rights.stage import token_of
from tools.permissions.table import Row, rows_of

pytestmark = pytest.mark.django_db

CHANGING = [row for row in rows_of("api") if row.methods != ("GET",)]
# What a script of a researcher does; everything else is administration.
OF_TASKS = ("/api/v1/tasks/", "/api/v1/runs/")


def reader_with(user: User, scope: TokenScope) -> Reader:
    token, text = token_of(user)
    AccessToken.objects.filter(pk=token.pk).update(scope=scope)
    return Reader("plat", token=text)


@pytest.mark.parametrize("row", CHANGING, ids=lambda row: row.name)
def test_a_smaller_scope_is_refused_whatever_the_role(stage: Stage, row: Row) -> None:
    path = row.path.format(**stage.own.things)
    (method,) = row.methods
    of_tasks = path.startswith(OF_TASKS)
    # Each may do with a whole token what this row is about.
    people = stage.own.world.people
    user = people["alice"] if of_tasks else stage.own.world.platform_admin
    refused = {TokenScope.READ} | (set() if of_tasks else {TokenScope.TASKS})
    body = sent(method, path, stage.own.things)
    for scope in TokenScope:
        answer = ask(reader_with(user, scope), method, path, body)
        told = "scope does not allow" in answer.text
        assert (answer.status == 403 and told) == (scope in refused), scope
