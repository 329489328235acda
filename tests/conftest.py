"""Shared fixtures."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session", autouse=True)
def _own_list(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The list of experiments of the person who runs the tests stays as it is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMAPS_CONFIG", str(tmp_path_factory.mktemp("config")))
        patch.setenv("TMAPS_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real microscope files, which is not part of the repository."""
    if not SHARED_DATA.is_dir():
        pytest.skip("needs the real microscope files, which are not part of the repository")
    return SHARED_DATA


@pytest.fixture
def others_may_warn():
    """Warnings of the libraries that read our files are not our errors."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
