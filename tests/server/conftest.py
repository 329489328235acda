"""The server, once for all tests that only read, and anew for those that write."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.server.running import make_screen, running, settings_with_users

from napari_tmaps.client import TmClient
from napari_tmaps.server.settings import ServerSettings


@pytest.fixture(scope="session")
def screen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the analysed experiment "test"."""
    return make_screen(tmp_path_factory.mktemp("server"))


@pytest.fixture(scope="session")
def port(screen: Path) -> Iterator[int]:
    with running(settings_with_users(screen.parent)) as number:
        yield number


@pytest.fixture
def client(port: int) -> Iterator[TmClient]:
    """The user demo, to whom the experiment belongs."""
    with TmClient("127.0.0.1", port, "demo", "XXX", "test") as made:
        yield made


@pytest.fixture
def empty_settings(tmp_path: Path) -> ServerSettings:
    """A server of a test's own, without experiments."""
    (tmp_path / "own").mkdir()
    return settings_with_users(tmp_path / "own", register_folders=(tmp_path,))


@pytest.fixture
def empty(empty_settings: ServerSettings) -> Iterator[TmClient]:
    """The user demo at a server without experiments."""
    with (
        running(empty_settings) as port,
        TmClient("127.0.0.1", port, "demo", "XXX") as made,
    ):
        yield made
