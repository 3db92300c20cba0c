"""Members as CSV, as people bring them to the administration."""

import re
from html import unescape
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile

from apps.accounts.models import User
from apps.organizations.models import Membership
from tests.desk import address, desk, text

HEADINGS = "organization,username,first name,last name,email,role"
AGREED = re.compile(r'name="agreed" value="([^"]+)"')
PASSWORD = re.compile(r"<code>([a-z0-9-]{23})</code>")


def upload(user: User, content: str | bytes) -> Any:
    """Choose the file; the answer is its preview."""
    data = content.encode() if isinstance(content, str) else content
    file = SimpleUploadedFile("members.csv", data)
    return desk(user).post(address(Membership, "import"), {"file": file})


def preview(user: User, *lines: str) -> Any:
    return upload(user, "\r\n".join([HEADINGS, *lines]))


def agreed(answer: Any) -> str:
    """What the preview's button would send."""
    found = AGREED.search(text(answer))
    assert found is not None, words(answer)
    return found[1]


def agree(user: User, signed: str) -> Any:
    return desk(user).post(address(Membership, "import"), {"agreed": signed})


def bring(user: User, *lines: str) -> Any:
    return agree(user, agreed(preview(user, *lines)))


def export(user: User, query: str = "") -> Any:
    return desk(user).get(f"{address(Membership, 'export')}?{query}")


def exported(user: User, query: str = "") -> list[str]:
    answer = export(user, query)
    assert answer.status_code == 200
    return text(answer).removeprefix("\ufeff").splitlines()


def words(answer: Any) -> str:
    """The page's sheet as a person reads it, on one line."""
    sheet = re.search(r'<div class="sheet.*', text(answer), re.S)
    shown = re.sub(r"<[^>]+>", " ", sheet[0] if sheet else text(answer))
    return re.sub(r"\s+", " ", unescape(shown)).strip()
