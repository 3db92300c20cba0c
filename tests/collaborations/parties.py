"""Members of collaborations as CSV, as their admins bring them."""

from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile

from apps.accounts.models import User
from apps.audit.actors import SYSTEM
from apps.collaborations.models import Collaboration, Participation
from apps.collaborations.services import create_collaboration
from apps.organizations.models import Organization
from apps.organizations.services import create_organization
from tests.desk import address, desk, text
from tests.site.members import agreed, words

HEADINGS = "collaboration,organization,may_create_tasks"
COLUMNS = "collaboration,organization,state,may_create_tasks,since"


def preview(user: User, *lines: str, headings: str = HEADINGS) -> Any:
    content = "\r\n".join([headings, *lines]).encode()
    file = SimpleUploadedFile("members.csv", content)
    return desk(user).post(address(Participation, "import"), {"file": file})


def agree(user: User, signed: str) -> Any:
    return desk(user).post(address(Participation, "import"), {"agreed": signed})


def bring(user: User, *lines: str) -> Any:
    return agree(user, agreed(preview(user, *lines)))


def wrong(user: User, *lines: str, headings: str = HEADINGS) -> str:
    """What is said of a file that cannot be imported."""
    answer = preview(user, *lines, headings=headings)
    assert answer.status_code == 422
    assert 'name="agreed"' not in text(answer)
    return words(answer)


def export(user: User, query: str = "") -> Any:
    return desk(user).get(f"{address(Participation, 'export')}?{query}")


def exported(user: User, query: str = "") -> list[str]:
    answer = export(user, query)
    assert answer.status_code == 200
    return text(answer).removeprefix("\ufeff").splitlines()


def site_called(name: str) -> Organization:
    return create_organization(name=name, actor=SYSTEM)


def second_of(manager: User, name: str = "Heart attack") -> Collaboration:
    """One more collaboration that this person manages."""
    return create_collaboration(name=name, admins=[manager], actor=SYSTEM)


def state_of(collaboration: Collaboration, site: Organization) -> tuple[str, bool]:
    found = Participation.objects.get(collaboration=collaboration, organization=site)
    return str(found.status), found.may_create_tasks
