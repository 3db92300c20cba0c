"""Worlds: rival sites with people in every role, and doubles of nothing."""

import copy
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.cache import cache
from django.db import connection, transaction
from django.test import override_settings
from django.utils import timezone
from pytest_django import DjangoDbBlocker

from apps.audit import rules
from apps.audit.rules import UPDATE
from apps.nodes.models import Node
from tests import standing
from tests.daemon import NodeClient
from tests.live import running_server
from tests.worlds import World, build_world
from tools.rig.migrated import FILE_NAME, copy_migrated
from tools.rig.server import Server

NAMES = ("Heart failure", "Kidney stones")
QUICK = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(scope="session")
def data_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of this session's SQLite file, which a live server shares."""
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="session")
def django_db_keepdb() -> bool:
    """SQLite's file is there before the tests are, and goes with its folder."""
    return connection.vendor == "sqlite"


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    django_db_modify_db_settings: None, django_db_keepdb: bool, data_folder: Path
) -> None:
    """Test sessions on one machine do not meet in one SQLite file."""
    if django_db_keepdb:
        database = data_folder / FILE_NAME
        copy_migrated(database)
        connection.settings_dict["TEST"]["NAME"] = str(database)


@pytest.fixture(scope="session")
def django_db_setup(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker
) -> list[str]:
    """A test database is emptied, which an audit refuses: here alone, it may be.

    Yields the rules that the migrations left out, for the test that there are none.
    """
    with django_db_blocker.unblock():
        lacking = rules.missing(connection)
        emptying = [rule for rule in rules.RULES[connection.vendor] if rule != UPDATE]
        rules.remove(connection, tuple(emptying))
        standing.keep()
    standing.put_back_after_tests()
    return lacking


@pytest.fixture(autouse=True)
def _own_files(settings: LazySettings, tmp_path: Path) -> None:
    """Each test has its own data folder, an empty cache and quick passwords."""
    settings.DATA_DIR = tmp_path
    settings.UPLOAD_DIR = tmp_path / "uploads"
    settings.MEDIA_ROOT = tmp_path / "results"
    settings.MAX_INPUT_BYTES = 64 * 1024
    settings.PASSWORD_HASHERS = QUICK
    # Static files are looked up when asked for, not listed anew for every client.
    settings.WHITENOISE_AUTOREFRESH = True
    cache.clear()


@pytest.fixture(scope="session")
def _worlds(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> list[World]:
    """Both worlds, which stand while tests change and roll back."""
    with (
        django_db_blocker.unblock(),
        override_settings(PASSWORD_HASHERS=QUICK, WHITENOISE_AUTOREFRESH=True),
    ):
        with transaction.atomic():
            worlds = [build_world(name) for name in NAMES]
        standing.keep()
    return worlds


def _copy(world: World) -> World:
    Node.objects.update(last_seen_at=timezone.now())  # as on the first day
    return copy.deepcopy(world)


@pytest.fixture
def world(db: None, _worlds: list[World]) -> World:
    return _copy(_worlds[0])


@pytest.fixture
def rival(db: None, _worlds: list[World]) -> World:
    """A second world that shares nothing with the first."""
    return _copy(_worlds[1])


@pytest.fixture(scope="session")
def first_server(django_db_setup: None, data_folder: Path) -> Iterator[Server]:
    """A server process on the tests' database, for tests of real transactions."""
    with running_server(data_folder) as running:
        yield running


@pytest.fixture(scope="session")
def second_server(
    django_db_setup: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """Another one on the same database, where it takes more than one process."""
    with running_server(tmp_path_factory.mktemp("second")) as running:
        yield running


@pytest.fixture
def node(world: World) -> NodeClient:
    """The node of the first site."""
    return world.nodes[0]


@pytest.fixture
def run(world: World, node: NodeClient) -> dict[str, Any]:
    """The run of a task for the first site, which its node has claimed."""
    world.send(organizations=[world.sites[0].pk])
    (assignment,) = node.claimed()
    return assignment


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of nobody's authority, with its key in the same file."""
    path = tmp_path_factory.mktemp("tls") / "site.pem"
    subject = ["-subj", "/CN=ptm.test", "-addext", "subjectAltName=IP:127.0.0.1"]
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-nodes", "-days", "1"]
    curve = ["-pkeyopt", "ec_paramgen_curve:prime256v1"]
    files = ["-keyout", str(path), "-out", f"{path}.crt"]
    subprocess.run(
        [*command, *curve, *subject, *files], check=True, capture_output=True
    )
    return path
