"""Typed reading of the environment; a wrong value stops the start with one sentence."""

import os
import secrets
from pathlib import Path
from urllib.parse import urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "[::1]", "::1"})

# NAME_FILE names a file that holds the value of NAME.
env = environ.FileAwareEnv()


def generated_secret(path: Path) -> str:
    """Read the secret in `path`, making it (mode 0600) the first time."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text().strip()
    secret = secrets.token_urlsafe(64)
    with os.fdopen(descriptor, "w") as file:
        file.write(secret)
    return secret


def public_url() -> str:
    """Return the address that people and nodes use; plain http on loopback only."""
    url: str = env.str("PTM_PUBLIC_URL", "http://127.0.0.1:8000").rstrip("/")
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ImproperlyConfigured(f"PTM_PUBLIC_URL is not an address: {url!r}.")
    if parts.scheme == "http" and parts.hostname not in LOOPBACK_HOSTS:
        raise ImproperlyConfigured(
            "PTM_PUBLIC_URL must begin with https:// unless it is on this machine."
        )
    return url


def debug(public_url: str) -> bool:
    """Return DEBUG, which shows its readers settings and source: loopback only."""
    wanted: bool = env.bool("DEBUG", False)
    if wanted and urlsplit(public_url).hostname not in LOOPBACK_HOSTS:
        raise ImproperlyConfigured("DEBUG is for a server on this machine only.")
    return wanted


def allowed_hosts(public_url: str) -> list[str]:
    """Return the names by which the server may be called."""
    own = urlsplit(public_url).hostname or ""
    hosts: list[str] = env.list("ALLOWED_HOSTS", default=[*LOOPBACK_HOSTS, own])
    if "*" in hosts:
        raise ImproperlyConfigured("ALLOWED_HOSTS must name hosts, not all of them.")
    return hosts


def secret_key(data_dir: Path) -> str:
    """Return SECRET_KEY, or one generated for this data folder."""
    key = env.str("SECRET_KEY", "") or generated_secret(data_dir / "secret_key")
    if len(key) < 50:
        raise ImproperlyConfigured("SECRET_KEY must have at least 50 characters.")
    return key


def database(data_dir: Path) -> dict[str, object]:
    """Return Django's database setting: DATABASE_URL, or SQLite made durable."""
    if url := env.str("DATABASE_URL", ""):
        config = dict(env.db_url_config(url))
        if config["ENGINE"].endswith("postgresql"):
            config["ENGINE"] = "ptm_site.postgresql"
            config["OPTIONS"] = {
                "pool": {"min_size": 1, "max_size": 16},
                # PostgreSQL keeps the plan of what is asked again and again: finding
                # who may see what takes longer to plan than to answer.
                "server_side_binding": True,
                "prepare_threshold": 5,
            }
        return config
    return {
        "ENGINE": "ptm_site.sqlite3",
        "NAME": str(data_dir / "db.sqlite3"),
        "CONN_MAX_AGE": None,  # a file needs no reconnecting
        "OPTIONS": {
            # A write transaction takes its lock at the start: no deadlock half-way.
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            # FULL: what was acknowledged to a node survives a power cut.
            "init_command": (
                "PRAGMA journal_mode=WAL;PRAGMA synchronous=FULL;"
                "PRAGMA cache_size=-2000;PRAGMA temp_store=MEMORY;"
            ),
        },
        "TEST": {"NAME": str(data_dir / "test.sqlite3")},
    }
