"""Worlds: rival sites with people in every role, and doubles of nothing."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.cache import cache

from tests.worlds import World, build_world


@pytest.fixture(autouse=True)
def _own_files(settings: LazySettings, tmp_path: Path) -> Iterator[None]:
    """Each test has its own data folder and an empty cache."""
    settings.DATA_DIR = tmp_path
    settings.UPLOAD_DIR = tmp_path / "uploads"
    settings.MEDIA_ROOT = tmp_path / "results"
    settings.MAX_INPUT_BYTES = 64 * 1024
    cache.clear()
    yield


@pytest.fixture
def world(db: None) -> World:
    return build_world("Breast cancer")


@pytest.fixture
def rival(db: None) -> World:
    """A second world that shares nothing with the first."""
    return build_world("Lung cancer")


@pytest.fixture
def sha256() -> Any:
    return lambda data: hashlib.sha256(data).hexdigest()
