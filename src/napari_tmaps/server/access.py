"""Who asks, and which experiment they may touch: the dependencies of all routes."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from anyio import CapacityLimiter, to_thread
from fastapi import Depends, Request, Response

from napari_tmaps.client.ids import decode_number
from napari_tmaps.server.kept_open import (
    KeptOpen,
    Layout,
    kept_experiments,
    kept_layouts,
    kept_maps,
)
from napari_tmaps.server.settings import ServerSettings
from napari_tmaps.server.tile_cache import TileCache
from napari_tmaps.server.users import Entry, ForbiddenError, LoginError, UserStore
from napari_tmaps.store import experiment as store
from napari_tmaps.store.maps import PlateMap
from napari_tmaps.workflow.door import Experiment
from napari_tmaps.workflow.lock import coordinating


@dataclass(frozen=True, slots=True)
class Server:
    """What the routes of one app share.

    Attributes
    ----------
    uploading
        Held while a file is put in place.
    experiments, maps, layouts
        Kept open between requests.
    tiles
        Those that were made last.
    pictures
        Threads for what is short and all processor: more of them than cores only get into each
        other's way, and long requests shall not take them.
    """

    settings: ServerSettings
    users: UserStore
    uploading: threading.Lock
    experiments: KeptOpen[Experiment] = field(default_factory=kept_experiments)
    maps: KeptOpen[PlateMap] = field(default_factory=kept_maps)
    layouts: KeptOpen[Layout] = field(default_factory=kept_layouts)
    tiles: TileCache = field(default_factory=TileCache)
    pictures: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(os.cpu_count() or 2))

    def give_back(self, path: Path | None = None) -> None:
        """Give the files of an experiment back, e.g. before they are removed; or those of all."""
        for kept in (self.experiments, self.maps, self.layouts):
            kept.close(path)

    async def picture(self, make: Callable[[], Response]) -> Response:
        """Make an answer in one of the threads for pictures."""
        return await to_thread.run_sync(make, limiter=self.pictures)


# What follows is asked at each request and takes microseconds; as coroutines, it needs no threads.
async def server_of(request: Request) -> Server:
    """The server of the app that answers."""
    server: Server = request.app.state.server
    return server


ServerOf = Annotated[Server, Depends(server_of)]


async def token_of(request: Request) -> str:
    """The token of a request: `Authorization: JWT <token>`, or Bearer.

    Raises
    ------
    LoginError
        There is none.
    """
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    if kind.lower() not in ("jwt", "bearer") or not token.strip():
        raise LoginError(
            "This needs a token: POST /auth with username and password, then send the header "
            "'Authorization: JWT <token>'."
        )
    return token.strip()


Token = Annotated[str, Depends(token_of)]


async def caller(server: ServerOf, token: Token) -> str:
    """Name of the user who asks."""
    return server.users.user_of(token)


Caller = Annotated[str, Depends(caller)]


async def readable(server: ServerOf, user: Caller, experiment_id: str) -> Entry:
    """The experiment of the address, which the user may read."""
    return server.users.entry(user, decode_number(experiment_id))


async def writable(server: ServerOf, user: Caller, experiment_id: str) -> Entry:
    """The experiment of the address, which the user may write to."""
    return server.users.entry(user, decode_number(experiment_id), write=True)


Readable = Annotated[Entry, Depends(readable)]
Writable = Annotated[Entry, Depends(writable)]


async def owned(user: Caller, entry: Writable) -> Entry:
    """The experiment of the address, which belongs to the user."""
    if entry.owner != user:
        raise ForbiddenError(f"Only its owner, '{entry.owner}', may do that.")
    return entry


Owned = Annotated[Entry, Depends(owned)]


@contextmanager
def alone(server: Server, experiment: store.Experiment, what: str) -> Iterator[None]:
    """Write while nothing else does: neither another request nor a workflow.

    Raises
    ------
    ExistsError
        Something is at work on the experiment.
    """
    with server.uploading, coordinating(experiment.path, what):
        yield


def reading(server: ServerOf, entry: Readable) -> Iterator[Experiment]:
    """The experiment, which others may read, too; open until the answer is sent."""
    with server.experiments.use(entry.path) as experiment:
        yield experiment


def writing(entry: Writable) -> Iterator[Experiment]:
    """The experiment for this request alone, for who may write."""
    with Experiment.open(entry.path) as experiment:
        yield experiment


Reading = Annotated[Experiment, Depends(reading)]
Writing = Annotated[Experiment, Depends(writing)]
