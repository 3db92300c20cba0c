"""Both worlds stand for all tests of the folder; what each cell does is undone."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import transaction
from django.test import override_settings
from pytest_django import DjangoDbBlocker

from tests.conftest import QUICK
from tests.rights.named_rows import name_rows
from tests.rights.readers import Answer, Reader, build_readers
from tests.rights.stage import NAMES, Scene, build_scene, number_apart


@dataclass(frozen=True)
class Stage:
    own: Scene
    rival: Scene
    readers: dict[str, Reader]
    # Nothing changes: whoever asks the same again is answered the same.
    answers: dict[Any, Answer] = field(default_factory=dict)


@pytest.fixture(scope="package")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder: Path = tmp_path_factory.mktemp("rights")
    return {
        "DATA_DIR": folder,
        "UPLOAD_DIR": folder / "uploads",
        "MEDIA_ROOT": folder / "results",
        "PASSWORD_HASHERS": QUICK,
        "WHITENOISE_AUTOREFRESH": True,
    }


@pytest.fixture(scope="package")
def stage(
    django_db_setup: None, files: dict[str, Any], django_db_blocker: DjangoDbBlocker
) -> Iterator[Stage]:
    """Built in a transaction that never ends well: other tests see none of it."""
    with django_db_blocker.unblock(), transaction.atomic():
        with override_settings(**files):
            number_apart()
            own, rival = (build_scene(name) for name in NAMES)
            readers = build_readers((own, rival))
        for scene in (own, rival):
            name_rows(scene)
        yield Stage(own, rival, readers)
        transaction.set_rollback(True)


@pytest.fixture(autouse=True)
def _of_stage(
    files: dict[str, Any],
    settings: LazySettings,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    _own_files: None,
) -> None:
    digest = f"sha256:{'8' * 64}"  # there is no registry here
    monkeypatch.setattr(
        "apps.algorithms.services.resolve_digest", lambda reference: digest
    )
    # Thousands of refusals are asked for: they need no lines.
    caplog.set_level(logging.ERROR, "django.request")
    for name, value in files.items():
        setattr(settings, name, value)


@pytest.fixture
def _django_db_helper(
    stage: Stage, django_db_blocker: DjangoDbBlocker
) -> Iterator[None]:
    """In place of pytest-django's, which closes connections, and the stage with them.

    Tests here change nothing: each request is undone by itself.
    """
    with django_db_blocker.unblock():
        yield
