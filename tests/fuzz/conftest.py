"""Both worlds stand for all tests of the folder; what each request does is undone."""

import copy
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.db import transaction
from django.test import override_settings
from django.utils import timezone
from pytest_django import DjangoDbBlocker

from apps.accounts import naming
from apps.nodes.models import Node
from tests.conftest import QUICK
from tests.fuzz.stage import HEAD, Registry, Stage, set_stage
from tests.worlds import World


@pytest.fixture(scope="package")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("fuzz")
    return {
        "DATA_DIR": folder,
        "UPLOAD_DIR": folder / "uploads",
        "MEDIA_ROOT": folder / "results",
    }


@pytest.fixture(scope="package")
def _set(
    _worlds: list[World], files: dict[str, Path], django_db_blocker: DjangoDbBlocker
) -> Iterator[Stage]:
    """Set in a transaction that never ends well: other tests see none of it."""
    with django_db_blocker.unblock(), transaction.atomic():
        Node.objects.update(last_seen_at=timezone.now())
        with override_settings(**files, PASSWORD_HASHERS=QUICK):
            stage = set_stage(*copy.deepcopy(_worlds))
        yield stage
        transaction.set_rollback(True)


@pytest.fixture
def _django_db_helper(
    _set: Stage, _own_files: None, django_db_blocker: DjangoDbBlocker
) -> Iterator[None]:
    """In place of pytest-django's, which closes connections, and the stage too."""
    with django_db_blocker.unblock(), transaction.atomic():
        Node.objects.update(last_seen_at=timezone.now())  # as on the first day
        yield
        transaction.set_rollback(True)


@pytest.fixture
def stage(
    db: None,
    _set: Stage,
    files: dict[str, Path],
    settings: LazySettings,
    monkeypatch: pytest.MonkeyPatch,
) -> Stage:
    for name, value in files.items():
        setattr(settings, name, value)
    settings.REQUESTS_A_MINUTE = 10**9
    monkeypatch.setattr(naming, "TOLD_AN_HOUR", 10**9)
    settings.REGISTRY_URL = "http://registry.test"
    monkeypatch.setattr(HEAD, Registry())
    return _set
