"""`make_app(settings)`: the server as one value, without state of its own elsewhere."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any

import numpy as np
from anyio import create_task_group, to_thread
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from napari_tmaps.errors import (
    ExistsError,
    MissingError,
    NotFoundError,
    StorageError,
    TmapsError,
)
from napari_tmaps.model.version import __version__
from napari_tmaps.server import (
    routes_auth,
    routes_corrections,
    routes_experiments,
    routes_files,
    routes_images,
    routes_jterator,
    routes_layers,
    routes_metadata,
    routes_names,
    routes_objects,
    routes_outlines,
    routes_segmentations,
    routes_tools,
    routes_uploads,
    routes_wells,
    routes_workflow,
    routes_zarr,
)
from napari_tmaps.server.access import Server
from napari_tmaps.server.png import png
from napari_tmaps.server.settings import ServerSettings
from napari_tmaps.server.spelling import GuideSpelling
from napari_tmaps.server.users import ForbiddenError, LoginError, UserStore
from napari_tmaps.store.experiment import is_experiment

SLOW_S = 30.0
"""How long to wait for the next piece of a request."""

_STATUS: tuple[tuple[type[TmapsError], HTTPStatus], ...] = (
    (LoginError, HTTPStatus.UNAUTHORIZED),
    (ForbiddenError, HTTPStatus.FORBIDDEN),
    (NotFoundError, HTTPStatus.NOT_FOUND),
    (MissingError, HTTPStatus.NOT_FOUND),
    (ExistsError, HTTPStatus.CONFLICT),
    (StorageError, HTTPStatus.SERVICE_UNAVAILABLE),
    (TmapsError, HTTPStatus.BAD_REQUEST),
)


def make_app(settings: ServerSettings) -> FastAPI:
    """The server; experiments that lie in its folders are found now."""
    users = UserStore(settings.database)
    for folder in settings.folders:
        for path in sorted([folder, *folder.glob("*"), *folder.glob("*/*.tmaps")]):
            if settings.owner and is_experiment(path):
                users.register(path.absolute(), settings.owner)
    server = Server(settings, users, threading.Lock())

    @asynccontextmanager
    async def while_it_runs(_app: FastAPI) -> AsyncIterator[None]:
        async with create_task_group() as meanwhile:
            # The kernels are loaded now: else the first who asks for an image waits for that.
            meanwhile.start_soon(to_thread.run_sync, png, np.arange(4, dtype=np.uint16)[None])
            yield
        server.give_back()
        users.close()

    app = FastAPI(title="napari-tmaps", version=__version__, lifespan=while_it_runs)
    app.state.server = server
    for part in (
        routes_auth,
        routes_corrections,
        routes_experiments,
        routes_files,
        routes_uploads,
        routes_wells,
        routes_images,
        routes_jterator,
        routes_layers,
        routes_metadata,
        routes_names,
        routes_objects,
        routes_outlines,
        routes_segmentations,
        routes_tools,
        routes_workflow,
        routes_zarr,
    ):
        app.include_router(part.router)
    app.openapi()  # makes all routes now: FastAPI else does so while the first requests wait
    app.add_exception_handler(TmapsError, _on_error)
    app.add_exception_handler(HTTPException, _on_error)
    app.add_exception_handler(RequestValidationError, _on_error)
    app.add_middleware(BodyLimit, limit=int(settings.body_limit_mb * 2**20), slow_s=SLOW_S)
    app.add_middleware(GuideSpelling)
    return app


def _on_error(request: Request, error: Exception) -> JSONResponse:
    headers = None
    if isinstance(error, HTTPException):
        status, message = error.status_code, str(error.detail)
        headers = error.headers
    elif isinstance(error, RequestValidationError):
        status = HTTPStatus.BAD_REQUEST
        message = "; ".join(
            f"{'.'.join(map(str, row['loc'][1:])) or row['loc'][0]}: {row['msg']}"
            for row in error.errors()
        )
    else:
        status = next(status for kind, status in _STATUS if isinstance(error, kind))
        message = str(error)
    return error_answer(status, message, type(error).__name__, headers)


def error_answer(status: int, message: str, kind: str, headers: Any = None) -> JSONResponse:
    """An error as clients get it."""
    content = {"message": message, "type": kind, "status_code": int(status)}
    if status == HTTPStatus.UNAUTHORIZED:
        headers = {**(headers or {}), "WWW-Authenticate": "JWT"}
    return JSONResponse({"error": content}, status_code=int(status), headers=headers)


class BodyLimit:
    """Refuses requests that are too large, or that come too slowly, before all of them is read."""

    def __init__(self, app: ASGIApp, limit: int, slow_s: float) -> None:
        self.app, self.limit, self.slow_s = app, limit, slow_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        length = dict(scope["headers"]).get(b"content-length", b"0")
        if not length.isdigit() or int(length) > self.limit:
            await self._refuse()(scope, receive, send)
            return
        await self.app(scope, self._counted(receive), send)

    def _refuse(self) -> JSONResponse:
        return error_answer(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE, self._too_large(), "HTTPException", None
        )

    def _too_large(self) -> str:
        return f"A request has at most {self.limit} bytes. Send large files in pieces."

    def _counted(self, receive: Receive) -> Callable[[], Awaitable[Message]]:
        seen, ended = 0, False

        async def counted() -> Message:
            nonlocal seen, ended
            if ended:
                return await receive()
            try:
                message = await asyncio.wait_for(receive(), self.slow_s)
            except TimeoutError as error:
                text = f"Nothing came for {self.slow_s:g} s."
                raise HTTPException(HTTPStatus.REQUEST_TIMEOUT, text) from error
            seen += len(message.get("body", b""))
            ended = not message.get("more_body", False)
            if seen > self.limit:
                raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, self._too_large())
            return message

        return counted
