"""Settings: safe when nothing is set, and an insecure value stops the start."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from ptm_site import environment
from tools.rig.folders import ROOT

SHOW = (
    "import json; from django.conf import settings as s;"
    "names = ['DEBUG', 'ALLOWED_HOSTS', 'SECURE_SSL_REDIRECT', 'SESSION_COOKIE_SECURE',"
    " 'CSRF_COOKIE_SECURE', 'SECURE_HSTS_SECONDS', 'REDIS_URL', 'EMBEDDED_WORKER'];"
    "print(json.dumps({**{n: getattr(s, n) for n in names},"
    " 'engine': s.DATABASES['default']['ENGINE'],"
    " 'layer': s.CHANNEL_LAYERS['default']['BACKEND']}))"
)


def start(folder: Path, **env: str) -> "subprocess.CompletedProcess[str]":
    """Read the settings in a process of its own, with this environment only."""
    return subprocess.run(
        [sys.executable, "-c", SHOW],
        cwd=ROOT,
        env={
            "PATH": os.environ["PATH"],
            "DJANGO_SETTINGS_MODULE": "ptm_site.settings",
            "PTM_DATA": str(folder),
            **env,
        },
        capture_output=True,
        text=True,
    )


def test_nothing_set_means_loopback_sqlite_and_no_debug(tmp_path: Path) -> None:
    found = json.loads(start(tmp_path).stdout)
    assert found["DEBUG"] is False
    assert set(found["ALLOWED_HOSTS"]) <= {"localhost", "127.0.0.1", "[::1]", "::1"}
    assert (found["engine"], found["layer"]) == (
        "ptm_site.sqlite3",
        "channels.layers.InMemoryChannelLayer",
    )
    assert found["EMBEDDED_WORKER"] is True


def test_behind_https_everything_is_secure(tmp_path: Path) -> None:
    found = json.loads(start(tmp_path, PTM_PUBLIC_URL="https://ptm.example.org").stdout)
    assert "ptm.example.org" in found["ALLOWED_HOSTS"]
    assert found["SECURE_SSL_REDIRECT"] is True
    assert found["SESSION_COOKIE_SECURE"] is True
    assert found["CSRF_COOKIE_SECURE"] is True
    assert found["SECURE_HSTS_SECONDS"] >= 31536000


@pytest.mark.parametrize(
    ("env", "sentence"),
    [
        ({"PTM_PUBLIC_URL": "http://ptm.example.org"}, "must begin with https://"),
        ({"PTM_PUBLIC_URL": "http://10.0.0.5:8000"}, "must begin with https://"),
        ({"PTM_PUBLIC_URL": "ftp://localhost"}, "is not an address"),
        ({"PTM_PUBLIC_URL": "localhost:8000"}, "is not an address"),
        (
            {"DEBUG": "on", "PTM_PUBLIC_URL": "https://ptm.example.org"},
            "DEBUG is for a server on this machine",
        ),
        ({"ALLOWED_HOSTS": "*"}, "must name hosts"),
        ({"SECRET_KEY": "short"}, "at least 50 characters"),
        ({"SECRET_KEY_FILE": "/no/such/file"}, "/no/such/file"),
    ],
    ids=str,
)
def test_an_insecure_value_stops_the_start_with_a_sentence(
    tmp_path: Path, env: dict[str, str], sentence: str
) -> None:
    done = start(tmp_path, **env)
    assert done.returncode != 0
    assert sentence in done.stderr.strip().splitlines()[-1]


def test_a_secret_is_made_once_and_for_the_owner_only(tmp_path: Path) -> None:
    file = tmp_path / "secret_key"
    first = environment.generated_secret(file)
    assert len(first) >= 50
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert environment.generated_secret(file) == first
    assert environment.generated_secret(tmp_path / "other") != first


def test_a_truncated_secret_file_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "secret_key").write_text("")
    done = start(tmp_path)
    assert done.returncode != 0
    assert "at least 50 characters" in done.stderr


def test_secrets_may_come_from_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "secret"
    file.write_text("s" * 60)
    # Where what is read from the file is kept, which must not outlive the test.
    monkeypatch.setattr(environment.env.ENVIRON, "files_cache", {})
    monkeypatch.delenv("SECRET_KEY", raising=False)
    monkeypatch.setenv("SECRET_KEY_FILE", str(file))
    assert environment.secret_key(tmp_path) == "s" * 60


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8000",
        "http://localhost",
        "http://[::1]:8000",
        "https://ptm.example.org/",
    ],
)
def test_plain_http_is_for_loopback(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PTM_PUBLIC_URL", url)
    assert environment.public_url() == url.rstrip("/")


def test_a_host_that_only_begins_like_loopback_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for url in ("http://127.0.0.1.evil.org", "http://localhost.evil", "http://u@evil"):
        monkeypatch.setenv("PTM_PUBLIC_URL", url)
        with pytest.raises(ImproperlyConfigured):
            environment.public_url()


def test_sqlite_is_durable_and_locks_at_the_start(tmp_path: Path) -> None:
    options = environment.database(tmp_path)["OPTIONS"]
    assert isinstance(options, dict)
    assert options["transaction_mode"] == "IMMEDIATE"
    assert "journal_mode=WAL" in options["init_command"]
    assert "synchronous=FULL" in options["init_command"]


def test_the_server_opens_as_many_files_as_it_may() -> None:
    """A socket and a connection for each node, on a machine that gives 1,024 to all."""
    ask = "import resource as r; print(r.getrlimit(r.RLIMIT_NOFILE))"
    script = f"import runpy; runpy.run_path('deploy/gunicorn.conf.py'); {ask}"
    limited = 'ulimit -Sn 256 && ulimit -Hn 512 && exec "$@"'
    done = subprocess.run(
        ["bash", "-c", limited, "bash", sys.executable, "-c", script],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "(512, 512)"
