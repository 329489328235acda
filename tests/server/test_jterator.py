"""What the interface of jterator asks for."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from tests.server.running import running, settings_with_users
from tests.workflow.test_analyse import discs

from napari_tmaps.client import TmClient
from napari_tmaps.errors import InputError, NotFoundError
from napari_tmaps.modules import MODULES
from napari_tmaps.pipeline.jterator_project_export import project_files


@pytest.fixture
def own(screen: Path, tmp_path: Path) -> Iterator[TmClient]:
    shutil.copytree(screen, tmp_path / "served" / "test.tmaps")
    with (
        running(settings_with_users(tmp_path / "served")) as port,
        TmClient("127.0.0.1", port, "demo", "XXX", "test") as made,
    ):
        yield made


def at(client: TmClient, path: str) -> str:
    return f"/jtui/experiments/{client._address().rsplit('/', 1)[-1]}/{path}"


def project(**change: object) -> dict[str, object]:
    files, _ = project_files(discs(**change))
    handles = {Path(name).name: text for name, text in files.items() if name != "pipeline.yaml"}
    return {"pipeline": files["pipeline.yaml"], "handles": handles}


def test_a_project_is_checked_sent_and_removed(own: TmClient):
    ask = own.session.json
    assert ask("POST", at(own, "project/check"), body=project())["message"] == "ok"
    with pytest.raises(NotFoundError):
        ask("GET", at(own, "project"))  # the check kept nothing
    assert ask("POST", at(own, "project"), body=project())["message"] == "ok"
    got = ask("GET", at(own, "project"))["data"]
    assert got == own.download_jterator_project()
    channels = yaml.safe_load(got["pipeline"])["input"]["channels"]
    assert [each["name"] for each in channels] == ["DAPI", "GFP"]
    assert ask("DELETE", at(own, "project"))["message"] == "ok"
    with pytest.raises(NotFoundError, match="no project"):
        ask("DELETE", at(own, "project"))


def test_what_cannot_run_is_told(own: TmClient):
    body = project(channels=("DAPI", "Cy5"))
    with pytest.raises(InputError, match="Cy5"):
        own.session.json("POST", at(own, "project/check"), body=body)
    with pytest.raises(InputError, match="no name of a file of handles"):
        own.session.json(
            "POST", at(own, "project"), body={"pipeline": "", "handles": {"../x.yaml": ""}}
        )


def test_modules_channels_and_jobs(client: TmClient):
    found = client.session.json("GET", "/jtui/available_modules")["data"]
    assert {row["name"] for row in found} >= set(MODULES)
    (smooth,) = (row for row in found if row["name"] == "smooth")
    assert smooth["description"]
    assert [each["type"] for each in smooth["output"]] == ["IntensityImage"]
    code = client.session.json(
        "GET", "/jtui/module_source_code", query={"module_name": "smooth.py"}
    )["data"]
    assert code.startswith("def smooth(")
    with pytest.raises(NotFoundError, match="no module 'os'"):
        client.session.json("GET", "/jtui/module_source_code", query={"module_name": "os"})
    assert client.session.json("GET", at(client, "available_channels"))["data"] == ["DAPI", "GFP"]
    jobs = client.session.json("GET", at(client, "joblist"))["data"]
    assert [(row["id"], row["well"], row["y"], row["x"]) for row in jobs] == [
        (1, "B02", 0, 0),
        (2, "B02", 0, 1),
        (3, "C03", 0, 0),
        (4, "C03", 0, 1),
    ]
