"""Shared fixtures."""

from __future__ import annotations

import signal
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parent
SHARED_DATA = TESTS.parents[1] / "shared" / "data"

# The first file compiles most kernels, which are kept for all others; rooms that need few of them
# come next, for the other process. Rooms of short files come last, so that both end together.
_ORDER = (
    "modules/test_all_modules.py", "streams", "server", "workflow", "vendors", "docs", "client",
    "modules", "gui", "pipeline", "store", "tools", "cli",
)  # fmt: skip


def pytest_configure() -> None:
    """Hear Ctrl+C, which a shell has what it runs in the background ignore; some tests press it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Order the files for `pytest --dist loadfile --no-loadscope-reorder`."""

    def rank(item: pytest.Item) -> int:
        path = item.path.relative_to(TESTS).as_posix()
        return next((i for i, name in enumerate(_ORDER) if path.startswith(name)), len(_ORDER))

    items.sort(key=rank)


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
