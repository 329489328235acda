"""A server on loopback with one analysed experiment."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest
import uvicorn
from tests.once import copy_of
from tests.workflow.screen import PATTERN, write_screen
from tests.workflow.test_analyse import discs

from napari_tmaps.client import TmClient
from napari_tmaps.server.app import make_app
from napari_tmaps.server.settings import ServerSettings
from napari_tmaps.server.users import UserStore
from napari_tmaps.vendors import scan
from napari_tmaps.workflow import analyse, convert
from napari_tmaps.workflow.door import Experiment

T = TypeVar("T")
USERS = {"demo": "XXX", "reader": "rrr", "writer": "www", "stranger": "sss"}


def make_screen(folder: Path) -> Path:
    """An experiment "test" with plate01, wells B02 and C03, and objects "Discs"."""
    return copy_of(_make_screen, folder) / "served" / "test.tmaps"


def _make_screen(folder: Path) -> None:
    write_screen(folder / "microscope")
    path = folder / "served" / "test.tmaps"
    with Experiment.create(path) as made:
        made.add(scan(folder / "microscope", pattern=PATTERN), plate="plate01")
        list(convert(made, workers=1))
        list(analyse(made, discs(), workers=1))


def settings_with_users(folder: Path, **more: object) -> ServerSettings:
    copy_of(_add_users, folder)
    return ServerSettings((folder,), owner="demo", **more)


def _add_users(folder: Path) -> None:
    """Keeping a password takes long, as it should."""
    users = UserStore(ServerSettings((folder,)).database)
    for name, password in USERS.items():
        users.add(name, password)


@contextmanager
def running(settings: ServerSettings) -> Iterator[int]:
    """The server in a thread; gives its port."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        config = uvicorn.Config(
            make_app(settings), log_level="error", timeout_graceful_shutdown=1, ws="none"
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        until(lambda: server.started or not thread.is_alive())
        assert server.started, "it ended at once"
        try:
            yield listening.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join()


def until(asked: Callable[[], T]) -> T:
    """The first answer that is true, asked for until pytest's own limit ends the test."""
    while not (answer := asked()):
        time.sleep(0.02)
    return answer


def ended(client: TmClient) -> dict[str, Any]:
    """The status of the workflow once it is over."""

    def status() -> dict[str, Any] | None:
        found = client.get_workflow_status()
        return None if found is None or found["live"] else found

    found = until(status)
    assert found is not None
    return found


@contextmanager
def opened_from_afar(path: Path, folder: Path) -> Iterator[Experiment]:
    """An experiment as its owner opens it through a server; `folder` takes what is kept here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMAPS_CACHE", str(folder / "cache"))
        patch.setenv("TMAPS_CONFIG", str(folder / "config"))
        with (
            running(settings_with_users(path.parent)) as port,
            Experiment.open(f"http://demo@127.0.0.1:{port}/{path.stem}", password="XXX") as opened,
        ):
            yield opened
