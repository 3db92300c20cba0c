"""Scripts that manage something: clients with a token of the scope `admin`."""

from rest_framework.test import APIClient

from apps.accounts.choices import TokenScope
from tests.desk import manager_of
from tests.worlds import World

API = "/api/v1"


def script(world: World, person: str) -> APIClient:
    """A person of the world; "root" is its platform admin, "manager" its manager."""
    if person == "root":
        world.people["root"] = world.platform_admin
    if person == "manager":
        world.people["manager"] = manager_of(world)
    return world.client(person, TokenScope.ADMIN)


def refused(answer: object) -> tuple[int, str]:
    """Return the status and the code of a refusal."""
    status: int = answer.status_code  # type: ignore[attr-defined]
    code: str = answer.json()["code"]  # type: ignore[attr-defined]
    return status, code


DENIED = (403, "permission_denied")
MISSING = (404, "not_found")
