"""Holes that a peer had to publish: how one gets in, and stays in.

Each test is named after its kind; docs/security.md has the list.
"""

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.auth.hashers import MD5PasswordHasher
from django.core import mail, signing
from django.core.exceptions import ImproperlyConfigured
from django.test import Client
from django.urls import get_resolver
from django.utils import timezone

from apps.accounts.choices import TokenScope
from apps.accounts.models import AccessToken, User
from apps.accounts.services import LONGEST_LIFETIME, create_token
from apps.audit.actors import SYSTEM
from apps.errors import Invalid
from ptm_site import environment
from tests.accounts.test_sign_in import LOGIN, sign_in, without_name
from tests.pages import browser, words
from tests.worlds import World
from tools.rig.folders import ROOT

CHANGE = "/accounts/password/change/"
EVERYWHERE = [
    "/",
    "/tasks/",
    LOGIN,
    "/admin/",
    "/health/",
    "/no/such/address/",
    "/static/css/portal.css",
    "/api/v1/tasks/",
    "/api/v1/me/",
    "/api/v1/schema/",
    "/api/v1/docs/",
    "/api/v1/node/hello/",
]


def read(answer: Any) -> Any:
    """To its end, which closes the file that it may come from."""
    b"".join(answer)
    return answer


def test_no_token_is_valid_for_ever(world: World) -> None:
    alice = world.client("alice")
    token = world.people["alice"].access_tokens.get()
    last_day = timezone.now() + timedelta(seconds=30)
    AccessToken.objects.filter(pk=token.pk).update(expiry=last_day)
    assert alice.get("/api/v1/me/").status_code == 200
    assert AccessToken.objects.get(pk=token.pk).expiry == last_day  # use adds nothing
    AccessToken.objects.update(expiry=timezone.now() - timedelta(seconds=1))
    assert alice.get("/api/v1/me/").status_code == 401
    form = {"name": "for ever", "scope": "tasks", "lifetime": "36500"}
    assert "for ever" not in words(browser(world, "alice").post("/account/", form))
    for lifetime in (timedelta(days=36500), LONGEST_LIFETIME * 1.01, timedelta()):
        with pytest.raises(Invalid):
            create_token(
                user=world.people["alice"],
                name="for ever",
                scope=TokenScope.TASKS,
                lifetime=lifetime,
                actor=SYSTEM,
            )
    assert not AccessToken.objects.filter(name="for ever").exists()


def test_nothing_refreshes_a_token_or_prolongs_a_session(world: World) -> None:
    assert not [name for name in addresses() if re.search("refresh|renew", name)]
    client = Client()
    answer = sign_in(world.people["alice"].username, "correct horse", client)
    assert answer.cookies["sessionid"]["httponly"]
    ends = client.session.get_expiry_date()
    assert ends <= timezone.now() + timedelta(hours=12)
    assert "sessionid" not in client.get("/api/v1/me/").cookies


def addresses() -> list[str]:
    return [str(key) for key in get_resolver().reverse_dict if isinstance(key, str)]


def test_user_names_cannot_be_told_from_messages(world: World) -> None:
    alice, bob = world.people["alice"].username, world.people["bob"]
    bob.is_active = False
    bob.save()
    pages = {
        without_name(sign_in(name, password), name)
        for name, password in [
            (alice, "wrong"),
            (bob.username, "correct horse"),  # right, but kept out
            (bob.username, "wrong"),
            ("nobody", "wrong"),
        ]
    }
    assert len(pages) == 1
    for name in (alice, "nobody"):
        for _ in range(5):
            sign_in(name, "wrong")
    slowed = {without_name(sign_in(name, "x"), name) for name in (alice, "nobody")}
    assert len(slowed) == 1


def test_user_names_cannot_be_told_from_the_time_taken(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not measured, but counted: hashing is what takes the time."""
    hashed: list[str] = []
    encode = MD5PasswordHasher.encode

    def counted(self: Any, password: str, salt: str) -> str:
        hashed.append(password)
        return encode(self, password, salt)

    monkeypatch.setattr(MD5PasswordHasher, "encode", counted)
    User.objects.filter(pk=world.people["bob"].pk).update(is_active=False)
    names = [world.people[person].username for person in ("alice", "bob")]
    for name in (*names, "nobody", "x" * 150):
        sign_in(name, "a guess")
    assert hashed == ["a guess"] * 4


def test_user_names_cannot_be_told_from_a_reset_page(world: World) -> None:
    alice = world.people["alice"]
    User.objects.filter(pk=alice.pk).update(email="alice@hospital.example")
    for path in ("/accounts/password/reset/", "/accounts/recover-username/"):
        for email in ("alice@hospital.example", "nobody@hospital.example"):
            assert Client().post(path, {"email": email}).status_code in (302, 404)
            answer = browser(world, "bob").post(path, {"email": email})
            assert answer.status_code == 404
    assert mail.outbox == []


def test_nobody_logs_in_to_the_server_with_a_first_password(
    world: World, rival: World
) -> None:
    ours = {user.pk for each in (world, rival) for user in each.people.values()}
    ours |= {world.platform_admin.pk, rival.platform_admin.pk}
    assert set(User.objects.values_list("pk", flat=True)) == ours  # migrations add none
    for name in ("root", "admin", "ptm", "postgres"):
        for password in (name, "root", "password", ""):
            client = Client(REMOTE_ADDR=f"10.0.{len(name)}.{len(password)}")
            sign_in(name, password, client)
            assert client.get("/api/v1/me/").status_code == 401


def test_there_is_no_way_to_log_in_to_a_container() -> None:
    """Our images run one program as nobody: no port, no service, no account."""
    dockerfiles = sorted(ROOT.glob("algorithms/*/Dockerfile"))
    dockerfiles += sorted((ROOT / "deploy").rglob("*ockerfile*"))
    assert len(dockerfiles) >= 2
    for path in dockerfiles:
        text = path.read_text()
        words = set(re.findall(r"^([A-Z]+)\b", text, re.M))
        assert words <= {"ARG", "FROM", "WORKDIR", "COPY", "RUN", "USER", "CMD"}, path
        assert re.findall(r"^USER (\S+)", text, re.M)[-1:] == ["65534:65534"], path
        assert not re.search(r"ssh|passw|useradd|adduser|telnet|sudo", text, re.I), path


def test_the_server_listens_on_loopback_only_and_has_no_control_door() -> None:
    found: dict[str, Any] = {}
    exec((ROOT / "deploy" / "gunicorn.conf.py").read_text(), found)  # noqa: S102 (ours)
    assert found["bind"] == "127.0.0.1:8000"
    assert found["control_socket_disable"] is True
    for path in (ROOT / "deploy").rglob("*"):
        if path.is_file() and path.suffix != ".pyc":
            assert not re.search(r"\bsshd?\b|0\.0\.0\.0", path.read_text()), path


@pytest.mark.parametrize("path", EVERYWHERE)
@pytest.mark.parametrize("method", ["get", "options", "post"])
def test_no_other_site_is_let_in_by_cors(world: World, path: str, method: str) -> None:
    client = browser(world, "alice")
    for origin in ("https://evil.example", "null", "http://127.0.0.1.evil.example"):
        asked = {
            "Origin": origin,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization",
        }
        answer = read(getattr(client, method)(path, headers=asked))
        allowing = [name for name in answer.headers if name.startswith("Access-Cont")]
        assert allowing == []


@pytest.mark.parametrize("path", EVERYWHERE)
def test_no_security_header_is_missing(world: World, path: str) -> None:
    for client in (Client(), browser(world, "alice"), browser(world, "admin0")):
        headers = read(client.get(path)).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "same-origin"
        assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy


def test_a_generated_signing_secret_is_not_weak(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: LazySettings
) -> None:
    monkeypatch.delenv("SECRET_KEY", raising=False)
    monkeypatch.delenv("SECRET_KEY_FILE", raising=False)
    folders = [tmp_path / str(number) for number in range(20)]
    for folder in folders:
        folder.mkdir()
    keys = [environment.secret_key(folder) for folder in folders]
    assert len(set(keys)) == 20
    assert all(len(key) >= 86 and len(set(key)) > 20 for key in keys)  # 512 bits
    files = [folder / "secret_key" for folder in folders]
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
    settings.SECRET_KEY = keys[0]
    forged = signing.dumps("root", key=keys[1])
    with pytest.raises(signing.BadSignature):
        signing.loads(forged)
    for guess in ("secret", "changeme", "django-insecure-key"):
        monkeypatch.setenv("SECRET_KEY", guess)
        with pytest.raises(ImproperlyConfigured):
            environment.secret_key(tmp_path)


def test_the_change_password_address_withstands_brute_force(world: World) -> None:
    """Who has a session of somebody does not find their password with it."""
    here, elsewhere = browser(world, "alice"), browser(world, "alice")
    new = {"password1": "battery staple", "password2": "battery staple"}
    for number in range(5):
        client = (here, elsewhere)[number % 2]  # each person is counted, not browsers
        wrong = client.post(CHANGE, {"oldpassword": f"guess {number}", **new})
        assert wrong.status_code == 200
    for client in (here, elsewhere):
        answer = client.post(CHANGE, {"oldpassword": "correct horse", **new})
        assert answer.status_code == 429
    token = world.person("alice").post(CHANGE, {"oldpassword": "correct horse", **new})
    assert (token.status_code, token["Location"].split("?")[0]) == (302, LOGIN)
    world.people["alice"].refresh_from_db()
    assert world.people["alice"].check_password("correct horse")
