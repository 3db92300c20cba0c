"""What is sent through each door: bodies that are right for whoever may.

A body is made of things by name, so that one of them can be another world's, or none.
"""

import base64
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from django.core.files.uploadedfile import SimpleUploadedFile
from django.test.client import encode_multipart
from django.urls import resolve

from tests.rights.files import FILES
from tests.rights.stage import PASSWORD

Things = Mapping[str, Any]
OCTETS = "application/offset+octet-stream"
FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class Sent:
    data: bytes = b""
    content_type: str = FORM
    headers: Mapping[str, str] = field(default_factory=dict, hash=False)


def task(things: Things, named: str) -> dict[str, Any]:
    body = {
        "collaboration": things["collaboration"],
        "organizations": [things["addressed"]],
        "image": things["image"],
        "function": "summary",
        "arguments": {"columns": ["age"]},
        "databases": [{"label": "default"}],
        "name": "A task",
    }
    if named in ("organization", "study"):
        body[named] = things[named]
    return body


def task_form(things: Things, named: str) -> dict[str, Any]:
    more = {named: things[named]} if named in ("organization", "study") else {}
    return {
        **more,
        "key": "page-1",
        "collaboration": things["collaboration"],
        "version": things["version"],
        "function": "summary",
        "asked": things["collaboration"],
        "organizations": [things["addressed"]],
        "database_0": "default",
        "a-columns": "age",
        "name": "A task",
        "purpose": "To learn.",
        "step": "send",
    }


POLICY = {"purpose": "To learn.", "visibility": "initiator", "deadline_days": 10}
PERSON = {"username": "somebody-new", "first_name": "Some", "last_name": "Body"}
NEW = "a quite new passphrase"


def hello(things: Things, named: str) -> dict[str, Any]:
    databases = [{"label": "default", "type": "csv"}]
    served = {"id": things["collaboration"], "databases": databases}
    return {
        "instance": things["instance"],
        "boot": things["boot"],
        "version": "0.1.0",
        "last_claim": things["last_claim"],
        "held": [],
        "announce": {
            "collaborations": [served],
            "contracts": ["ptm"],
            "runtime": "docker 28",
            "concurrent_runs": 2,
        },
    }


def journal(things: Things, named: str) -> dict[str, Any]:
    held = {"run": things["held_run"], "attempt": things["attempt"]}
    return {"last_claim": things["last_claim"], "held": [held]}


def claim(things: Things, named: str) -> dict[str, Any]:
    held = journal(things, named)["held"]
    return {"claim": things["last_claim"] + 1, "capacity": 3, "held": held}


def report(things: Things, named: str) -> dict[str, Any]:
    return {"attempt": things["attempt"], "status": "preparing"}


def enrolment(things: Things, named: str) -> dict[str, Any]:
    return {
        "code": things["code"],
        "name": "a new node",
        "key_prefix": "0123456789ab",
        "key_sha256": "0" * 64,
    }


def plain(**fields: Any) -> Callable[[Things, str], dict[str, Any]]:
    return lambda things, named: fields


def of(**fields: str) -> Callable[[Things, str], dict[str, Any]]:
    """A form; a value in braces is a thing's."""
    return lambda things, named: {
        name: value.format(**things) for name, value in fields.items()
    }


# By the name of the route. Whatever is not here is sent without a body.
BODIES: dict[str, Callable[[Things, str], dict[str, Any]]] = {
    "task-list": task,
    "task-forecast": task,
    "task-new": task_form,
    "token-list": plain(name="a laptop", scope="read", days=7),
    "person-list": plain(**PERSON),
    "organization-list": plain(name="A new place"),
    "organization-detail": plain(name="Another name"),
    "organization-people": plain(**PERSON, role="researcher"),
    "membership-list": of(
        username="{username}", organization="{organization}", role="researcher"
    ),
    "membership-detail": plain(role="researcher"),
    "collaboration-list": plain(name="A new one"),
    "collaboration-detail": plain(purpose="To learn more."),
    "collaboration-admins": lambda things, named: {"people": [things["user"]]},
    "participation-list": of(
        collaboration="{collaboration}", organization_name="{organization_name}"
    ),
    "participation-detail": plain(may_create_tasks=False),
    "study-list": lambda things, named: {
        "collaboration": things["collaboration"],
        "name": "A new study",
        "organizations": [things["addressed"]],
    },
    "study-detail": lambda things, named: {"organizations": [things["addressed"]]},
    "version-list": lambda things, named: {
        "image": things["image"],
        "manifest": json.loads(things["manifest"]),
    },
    "allowed-versions": of(image="{image}"),
    "participation": plain(answer="ended"),
    "account": plain(name="a laptop", scope="read", lifetime="7"),
    "account_login": of(login="{sender_name}", password=PASSWORD),
    "account_change_password": plain(
        oldpassword=PASSWORD, password1=NEW, password2=NEW
    ),
    "accounts_user_add": plain(**PERSON),
    "organizations_organization_add": plain(name="A new place"),
    "organizations_organization_rename": plain(name="Another name"),
    "organizations_membership_add": of(
        username="{username}", organization="{organization}", role="researcher"
    ),
    "organizations_membership_new-person": of(
        **PERSON, organization="{organization}", role="researcher"
    ),
    "organizations_membership_role": plain(role="researcher"),
    "collaborations_collaboration_add": plain(name="A new one", **POLICY),
    "collaborations_collaboration_edit": plain(**POLICY),
    "collaborations_collaboration_admins": of(usernames="{username}"),
    "collaborations_collaboration_study": of(
        name="A new study", organizations="{addressed}"
    ),
    "collaborations_study_edit": of(name="Another", organizations="{addressed}"),
    "collaborations_participation_add": of(
        collaboration="{collaboration}", organization="{organization_name}"
    ),
    "nodes_node_add": of(organization="{organization}"),
    "algorithms_algorithmversion_add": of(image="{image}", manifest="{manifest}"),
    "algorithms_algorithmversion_allow-image": of(
        image="{image}", collaboration="{other_collaboration}"
    ),
    "algorithms_algorithmversion_allow": of(collaboration="{other_collaboration}"),
    "algorithms_algorithmversion_disallow": of(collaboration="{collaboration}"),
    "node-hello": hello,
    "node-heartbeat": journal,
    "node-claim": claim,
    "node-report": report,
    "node-enrol": enrolment,
}


def sent(method: str, path: str, things: Things, named: str = "") -> Sent:
    """The body and the headers with which a door is tried."""
    name = resolve(path.partition("?")[0]).url_name or ""
    if name in ("node-log", "node-result", "node-upload"):
        return _bytes(name, things)
    if name in FILES and method == "POST":
        return _file(name, FILES[name](things).encode())
    if method == "GET" or name not in BODIES:
        return Sent()
    if name == "participation" and path.endswith(f"/{things['invitation']}/"):
        body = {"answer": "accepted"}
    else:
        body = BODIES[name](things, named)
    if path.startswith("/api/"):
        return Sent(json.dumps(body).encode(), "application/json")
    return Sent(urlencode(body, doseq=True).encode())


def _file(name: str, content: bytes) -> Sent:
    if name.endswith("-import"):
        return Sent(content, "text/csv")
    files = {"file": SimpleUploadedFile("members.csv", content)}
    return Sent(encode_multipart("mark", files), "multipart/form-data; boundary=mark")


def _bytes(name: str, things: Things) -> Sent:
    data = b"{}"
    if name == "node-log":
        return Sent(data, OCTETS, {"Upload-Offset": str(things["log_size"])})
    tus = {"Tus-Resumable": "1.0.0", "Upload-Offset": "0"}
    if name == "node-upload":
        return Sent(data, OCTETS, tus)
    digest = hashlib.sha256(data).hexdigest().encode()
    metadata = f"sha256 {base64.b64encode(digest).decode()}"
    length = {"Upload-Length": "2", "Upload-Metadata": metadata}
    return Sent(b"", OCTETS, {**tus, **length})
