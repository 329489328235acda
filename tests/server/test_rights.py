"""Every route × who asks."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import pytest
from fastapi.routing import APIRoute
from tests.server.running import USERS

from napari_tmaps.server import (
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

ROUTES = [
    (method, route.path)
    for part in (
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
    for route in part.router.routes
    if isinstance(route, APIRoute)
    for method in sorted(route.methods)
]
OF_ONE = [(method, path) for method, path in ROUTES if "{experiment_id}" in path]
READS = ("upload/validity-check", "/project/check")
"""POST that changes nothing."""
OWNERS = [("DELETE", "/shares/{name}"), ("POST", "/shares"), ("DELETE", "{experiment_id}")]
OWNERS.append(("PUT", "{experiment_id}"))


def is_write(method: str, path: str) -> bool:
    return method not in ("GET", "HEAD") and not path.endswith(READS)


def is_owners(method: str, path: str) -> bool:
    return any(method == m and path.endswith(end) for m, end in OWNERS)


@pytest.fixture(scope="session")
def http(port: int) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=None) as made:
        yield made


@pytest.fixture(scope="session")
def tokens(http: httpx.Client) -> dict[str, str]:
    found = {
        name: http.post("/auth", json={"username": name, "password": word}).json()["access_token"]
        for name, word in USERS.items()
    }
    for name in ("reader", "writer"):
        answer = http.post(
            "/api/experiments/MQ==/shares",
            json={"user": name, "write_access": name == "writer"},
            headers={"Authorization": f"JWT {found['demo']}"},
        )
        assert answer.status_code == 200
    return found


def ask(http: httpx.Client, method: str, path: str, token: str = "") -> int:
    """With things that do not exist and a body that does not fit: only rights are asked for."""
    path = path.replace("{experiment_id}", "MQ==").replace("{path:path}", "none")
    path = re.sub(r"\{[^}]*\}", "bm9uZQ==", path)
    headers = {"Authorization": f"JWT {token}"} if token else {}
    if method in ("POST", "PUT") and "/workflow/" not in path:
        return http.request(method, path, headers=headers, json={"no": "such"}).status_code
    if method in ("POST", "PUT"):
        return http.request(method, path, headers=headers, content=b"nonsense").status_code
    return http.request(method, path, headers=headers).status_code


def test_the_table_is_whole(http: httpx.Client):
    described = http.get("/openapi.json").json()["paths"]
    ours = {(method.lower(), re.sub(":path}", "}", path)) for method, path in ROUTES}
    there = {(method, path) for path, verbs in described.items() for method in verbs}
    assert there - ours == {("post", "/auth"), ("delete", "/auth"), ("get", "/api/users")}


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_nobody_without_a_token(http, method, path):
    assert ask(http, method, path) == 401
    assert ask(http, method, path, "made-up") == 401


@pytest.mark.parametrize(("method", "path"), OF_ONE)
def test_nobody_with_whom_it_is_not_shared(http, tokens, method, path):
    assert ask(http, method, path, tokens["stranger"]) == 403


@pytest.mark.parametrize(("method", "path"), OF_ONE)
def test_who_may_read_cannot_write(http, tokens, method, path):
    status = ask(http, method, path, tokens["reader"])
    if is_write(method, path):
        assert status == 403
    else:
        assert status in (200, 400, 404)


@pytest.mark.parametrize(("method", "path"), [row for row in OF_ONE if is_owners(*row)])
def test_what_the_owner_alone_may(http, tokens, method, path):
    assert ask(http, method, path, tokens["writer"]) == 403


WRITES = [row for row in OF_ONE if is_write(*row) and not is_owners(*row)]


@pytest.mark.parametrize(
    ("method", "path"), [row for row in WRITES if not row[1].endswith(("/resume", "/kill"))]
)
def test_who_may_write_is_not_held_up(http, tokens, method, path):
    assert ask(http, method, path, tokens["writer"]) in (400, 404)
