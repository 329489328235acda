"""No request, however odd, makes the server fail: made from its own description."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from tests.server.running import USERS, running, settings_with_users

from napari_tmaps.server.users import UserStore

NOT_HERE = re.compile(r"/(submit|resubmit|resume|kill|request)$|^/auth$")
"""These start processes or end the login; their own tests try them."""
EACH = 10


@pytest.fixture(scope="module")
def server(screen: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    folder = tmp_path_factory.mktemp("odd") / "served"
    shutil.copytree(screen, folder / "test.tmaps")
    made = settings_with_users(folder)
    token = UserStore(made.database).login("demo", USERS["demo"], 2)
    with (
        running(made) as port,
        httpx.Client(
            base_url=f"http://127.0.0.1:{port}",
            headers={"Authorization": f"JWT {token}"},
            timeout=None,
        ) as client,
    ):
        yield client


def test_no_request_makes_the_server_fail(server: httpx.Client):
    description = server.get("/openapi.json").json()
    schema = schemathesis.openapi.from_dict(description)
    statuses: dict[int, int] = {}
    tried = 0
    for found in schema.get_all_operations():
        operation = found.ok()
        # The experiment itself stays, for all the others to be tried on.
        ends_it = operation.method == "delete" and operation.path.endswith("{experiment_id}")
        if NOT_HERE.search(operation.path) or ends_it:
            continue
        tried += 1
        for status in answers(server, operation):
            statuses[status] = statuses.get(status, 0) + 1
    assert tried > 50
    assert {200, 400, 404} <= set(statuses), statuses


def answers(server: httpx.Client, operation) -> list[int]:
    """The status of each answer to requests that were made up."""
    seen: list[int] = []

    @given(case=operation.as_strategy())
    @settings(
        max_examples=EACH,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    def ask(case):
        # Most made-up ids are nobody's; with that of an experiment, requests go further.
        if "experiment_id" in operation.path:
            case.path_parameters["experiment_id"] = "MQ=="
        response = case.call(base_url=str(server.base_url), headers=dict(server.headers))
        assert response.status_code < 500, (case.as_curl_command(), response.text)
        seen.append(response.status_code)

    ask()
    return seen
