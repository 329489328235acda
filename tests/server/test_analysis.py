"""Objects that clients send, tools, and tiles: as they come back, beside what is on disk."""

from __future__ import annotations

import base64
import io
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import imageio.v3 as iio
import numpy as np
import pandas as pd
import pytest
from tests.server.running import make_screen, running, settings_with_users, until

from napari_tmaps.client import TmClient
from napari_tmaps.client.program import main
from napari_tmaps.errors import ExistsError, InputError, NotFoundError
from napari_tmaps.server.kept_open import kept_maps
from napari_tmaps.server.tile_cache import TileCache
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.store.maps import open_map
from napari_tmaps.workflow import tool_jobs as jobs
from napari_tmaps.workflow.lock import coordinating
from napari_tmaps.workflow.tool_jobs import ToolJob, tool_jobs

SHAPE = (64, 80)
PLACE = {"plate_name": "plate01", "well_name": "B02", "well_pos_x": 1, "well_pos_y": 0}


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An experiment "test" that these tests write to."""
    return make_screen(tmp_path_factory.mktemp("writing"))


@pytest.fixture(scope="module")
def client(own: Path) -> Iterator[TmClient]:
    with (
        running(settings_with_users(own.parent)) as port,
        TmClient("127.0.0.1", port, "demo", "XXX", "test") as made,
    ):
        yield made


def address(client: TmClient) -> str:
    (row,) = client.get_experiments()
    return f"/api/experiments/{row['id']}"


def labels() -> np.ndarray:
    found = np.zeros(SHAPE, np.int32)
    found[5:15, 5:15] = 2
    found[30:40, 70:] = 5
    return found


# -- objects that are sent ----------------------------------------------------------------------


def test_objects_that_are_sent_are_objects_like_all_others(client: TmClient, own: Path):
    client.create_mapobject_type("Sent")
    assert client.upload_segmentation_image("Sent", **PLACE, image=labels()) == 2
    back = client.download_segmentation_image("Sent", **PLACE)
    np.testing.assert_array_equal(back, labels())
    values = pd.DataFrame({"Area": [100.0, np.nan], "Score": [0.5, 1.5]}, index=[2, 5])
    client.upload_feature_values("Sent", **PLACE, values=values)
    with Experiment.open(own) as experiment:
        table = experiment.features.read("Sent")
        np.testing.assert_array_equal(table[["Area", "Score"]], values)
        assert table["is_border"].tolist() == [False, True]
    downloaded = client.download_object_feature_values("Sent")
    np.testing.assert_array_equal(downloaded["Score"], [0.5, 1.5])
    client.delete_mapobject_type("Sent")
    assert "Sent" not in [row["name"] for row in client.get_mapobject_types()]


def test_objects_of_a_pipeline_are_not_replaced(client: TmClient):
    before = client.download_segmentation_image("Discs", **PLACE)
    with pytest.raises(InputError, match="made by the pipeline"):
        client.upload_segmentation_image("Discs", **PLACE, image=labels())
    with pytest.raises(InputError, match="made by the pipeline"):
        client.delete_mapobject_type("Discs")
    with pytest.raises(ExistsError, match="There are objects of type 'Discs' already"):
        client.create_mapobject_type("Discs")
    np.testing.assert_array_equal(client.download_segmentation_image("Discs", **PLACE), before)


def packed(array: np.ndarray, *, pickled: bool = False) -> str:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=pickled)
    return base64.b64encode(file.getvalue()).decode()


def huge() -> str:
    """An array of a petabyte, announced in a few bytes."""
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        file, {"descr": "<i4", "fortran_order": False, "shape": (1 << 24, 1 << 24)}
    )
    return base64.b64encode(file.getvalue()).decode()


def bomb() -> str:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.npy", bytes(2**29 + 1))
    return base64.b64encode(file.getvalue()).decode()


WRONG = [
    pytest.param("not base64!", id="base64"),
    pytest.param(base64.b64encode(b"nonsense").decode(), id="nonsense"),
    pytest.param(base64.b64encode(b"PK\x03\x04x").decode(), id="broken-zip"),
    pytest.param(packed(np.array([{"a": 1}], object), pickled=True), id="pickle"),
    pytest.param(huge(), id="huge"),
    pytest.param(packed(np.zeros((2, 2), np.int32)), id="size"),
    pytest.param(packed(np.zeros(SHAPE)), id="floats"),
]


@pytest.mark.parametrize("image", WRONG)
def test_what_is_no_image_of_labels(client: TmClient, image: str):
    if "Odd" not in [row["name"] for row in client.get_mapobject_types()]:
        client.create_mapobject_type("Odd")
    target = f"{client._type('Odd')}/segmentations"
    with pytest.raises(InputError, match=r"is no array|Labels"):
        client.session.json("POST", target, body={**PLACE, "image": image})


def test_an_archive_that_unpacks_to_half_a_gigabyte(client: TmClient):
    """Making it takes longer than the server keeps an idle connection: the client opens another."""
    client.create_mapobject_type("Bomb")
    with pytest.raises(InputError, match="is no array"):
        client.session.json(
            "POST", f"{client._type('Bomb')}/segmentations", body={**PLACE, "image": bomb()}
        )


def test_values_that_do_not_fit(client: TmClient):
    client.create_mapobject_type("Few")
    client.upload_segmentation_image("Few", **PLACE, image=labels())
    with pytest.raises(NotFoundError, match="no object 9 among the Few of plate01 B02 site 2"):
        client.upload_feature_values("Few", **PLACE, values=pd.DataFrame({"A": [1.0]}, index=[9]))
    target = f"{client._type('Few')}/feature-values"
    body = {**PLACE, "names": ["A", "B"], "labels": [2], "values": [[1.0]]}
    with pytest.raises(InputError, match=r"1 rows \(labels\) of 2 numbers"):
        client.session.json("POST", target, body=body)


def test_nothing_is_sent_while_a_workflow_runs(client: TmClient, own: Path):
    client.create_mapobject_type("Late")
    with (
        coordinating(own, "a workflow of a test"),
        pytest.raises(ExistsError, match="a workflow of a test"),
    ):
        client.upload_segmentation_image("Late", **PLACE, image=labels())
    assert client.upload_segmentation_image("Late", **PLACE, image=labels()) == 2


# -- tools --------------------------------------------------------------------------------------


def test_a_tool_in_the_background(client: TmClient, own: Path):
    assert {"classify", "cluster", "heatmap"} <= {row["name"] for row in client.get_tools()}
    settings = {"clusters": 2, "features": ["Intensity_mean_DAPI"]}
    about = client.run_tool("cluster", "Discs", settings, result="two")
    assert (about["name"], about["tool"], about["objects"]) == ("two", "cluster", 8)
    (job,) = [row for row in client.get_tools_status() if row["result"] == "two"]
    assert (job["state"], job["settings"]) == ("TERMINATED", settings)
    assert isinstance(client.get_tool_log(job["submission_id"]), str)
    places = client.download_object_metadata("Discs")
    assert len(places["two:group"].dropna()) == 8
    assert {"zplane", "is_border", "label", "well_pos_y"} <= set(places.columns)
    client.rename_tool_result("Discs", "two", "groups")
    assert [row["name"] for row in client.get_tool_results()] == ["groups"]
    client.delete_tool_result("Discs", "groups")
    assert client.get_tool_results() == []


def through(client: TmClient, number: int) -> dict[str, Any]:
    """A job of a tool once it has ended."""

    def job() -> dict[str, Any] | None:
        (row,) = (row for row in client.get_tools_status() if row["submission_id"] == number)
        return None if row["state"] in ("SUBMITTED", "RUNNING") else row

    found = until(job)
    assert found is not None
    return found


def test_the_payloads_of_tissuemaps(client: TmClient):
    ids = client.download_object_metadata("Discs").index.tolist()
    payload = {
        "chosen_object_type": "Discs",
        "selected_features": ["Intensity_mean_DAPI"],
        "training_classes": [
            {"name": "one", "object_ids": ids[:4], "color": "#ff0000"},
            {"name": "two", "object_ids": ids[4:], "color": "#00ff00"},
        ],
        "options": {"method": "randomforest", "n_fold_cv": 2},
    }
    target = f"{address(client)}/tools/request"
    for name, body in (
        ("Classification", payload),
        ("Clustering", {**payload, "training_classes": [], "options": {"k": 2}}),
        ("Heatmap", {"chosen_object_type": "Discs", "selected_feature": "Intensity_mean_DAPI"}),
    ):
        answer = client.session.json("POST", target, body={"name": name, "payload": body})
        job = through(client, answer["submission_id"])
        assert job["state"] == "TERMINATED", job
    found = {row["tool"]: row for row in client.get_tool_results()}
    assert found["classify"]["colors"] == {"one": "#ff0000", "two": "#00ff00"}
    assert found["cluster"]["settings"]["clusters"] == 2


@pytest.mark.parametrize(
    ("name", "type_", "settings", "kind", "text"),
    [
        ("kluster", "Discs", {}, NotFoundError, "Did you mean 'cluster'"),
        ("cluster", "Disks", {}, NotFoundError, "Did you mean 'Discs'"),
        ("cluster", "Discs", {"clusters": 0}, InputError, "clusters"),
        ("cluster", "Discs", {"cluster": 3}, InputError, "cluster"),
    ],
)
def test_requests_that_do_not_fit_are_refused_at_once(client, name, type_, settings, kind, text):
    before = len(client.get_tools_status())
    with pytest.raises(kind, match=text):
        client.submit_tool(name, type_, settings)
    assert len(client.get_tools_status()) == before


def test_a_tool_that_fails_says_why(client: TmClient):
    with pytest.raises(InputError, match="nothing_such"):
        client.run_tool("cluster", "Discs", {"features": ["nothing_such"]})
    with pytest.raises(NotFoundError, match="no result of 'Discs' 'none'"):
        client.delete_tool_result("Discs", "none")


def test_a_tool_whose_process_was_killed_is_told(client: TmClient, own: Path):
    import psutil

    number = client.submit_tool("cluster", "Discs", {"clusters": 2}, "killed")
    pid = until(lambda: {job.number: job.pid for job in tool_jobs(own)}[number])
    with suppress(psutil.NoSuchProcess):  # it was faster
        psutil.Process(pid).kill()
    assert through(client, number)["state"] in ("STOPPED", "TERMINATED")
    later = client.run_tool("cluster", "Discs", {"clusters": 2}, "later")
    assert later["name"] == "later", "those that come after are not held up"


def test_a_tool_that_ends_while_somebody_looks(client: TmClient, own: Path, monkeypatch):
    about = client.run_tool("cluster", "Discs", {"clusters": 2}, "quick")
    (ended,) = (job for job in tool_jobs(own) if job.result == about["name"])
    jobs._write(own, ended.model_copy(update={"state": "RUNNING"}))

    def ends(job: ToolJob, _: Path) -> bool:
        if job.number == ended.number:
            jobs._write(own, ended)
        return False

    monkeypatch.setattr(jobs, "_lives", ends)
    assert ended in tool_jobs(own), "it did not stop without a word"


def test_tools_on_the_command_line(client: TmClient, capsys: pytest.CaptureFixture[str]):
    start = ["-P", str(client.session.port), "-H", "127.0.0.1", "-u", "demo", "-p", "XXX"]
    words = ["tool", "-e", "test", "run", "-n", "cluster", "-o", "Discs", "-s", "clusters=2"]
    assert main([*start, *words, "--result", "by hand"]) == 0
    assert capsys.readouterr().out.strip() == "by hand"
    assert main([*start, "tool-result", "-e", "test", "rm", "-o", "Discs", "-n", "by hand"]) == 0
    assert main([*start, *words[:-1], "clusters"]) == 1
    assert "'clusters' is no setting" in capsys.readouterr().err


# -- tiles --------------------------------------------------------------------------------------


def test_tiles_are_the_map(client: TmClient, own: Path):
    layers = {row["channel_name"]: row for row in client.get_channel_layers("plate01")}
    layer = layers["DAPI"]
    target = f"{address(client)}/channel_layers/{layer['id']}/tiles"
    most = layer["max_zoom"]
    with Experiment.open(own) as experiment:
        plate = open_map(experiment, "plate01")
        level = plate.channel("DAPI")[0]
        height, width = level.shape[2:]
        whole = level.read(0, 0, slice(0, height), slice(0, width))
    assert (layer["image_height"], layer["image_width"]) == (height, width)
    padded = np.zeros((256 << most, 256 << most), whole.dtype)
    padded[:height, :width] = whole
    for y in range(-(-height // 256)):
        for x in range(-(-width // 256)):
            query = {"x": x, "y": y, "z": most, "format": "png"}
            got = iio.imread(client.session.fetch("GET", target, query=query))
            expected = padded[y * 256 : y * 256 + 256, x * 256 : x * 256 + 256]
            np.testing.assert_array_equal(got, expected)
    coarse = iio.imread(
        client.session.fetch("GET", target, query={"x": 0, "y": 0, "z": 0, "format": "png"})
    )
    step = 1 << most
    expected = padded.reshape(256, step, 256, step).mean((1, 3))
    assert np.abs(coarse - expected).max() <= 1


def test_pictures_have_the_contrast_that_is_asked_for(client: TmClient):
    layer = next(row for row in client.get_channel_layers() if row["name"] == "DAPI")
    picture = iio.imread(client.download_tile(layer["id"], 0, 0, 0))
    assert picture.shape == (256, 256)
    target = f"{address(client)}/channel_layers/{layer['id']}/tiles"
    query = {"x": 0, "y": 0, "z": layer["max_zoom"], "low": 500, "high": 501}
    black_white = iio.imread(client.session.fetch("GET", target, query=query))
    assert (black_white > 200).any()
    assert np.median(black_white) < 30


@pytest.mark.parametrize(
    ("change", "text"),
    [({"z": 30}, "no zoom 30"), ({"x": 99}, "no tile x 99"), ({"tpoint": 4}, "t 4, z 0 is none")],
)
def test_tiles_that_are_not_there(client: TmClient, change, text):
    layer = client.get_channel_layers()[0]
    target = f"{address(client)}/channel_layers/{layer['id']}/tiles"
    with pytest.raises(NotFoundError, match=text):
        client.session.fetch("GET", target, query={"x": 0, "y": 0, "z": 0, **change})


def test_tiles_are_kept_until_the_map_changes(own: Path):
    maps, tiles = kept_maps(), TileCache(most=10)
    assert maps.fresh(own, "plate01") is None
    with maps.use(own, "plate01") as plate:
        assert maps.fresh(own, "plate01") is plate
        tiles.keep(plate, "a", b"1234")
        tiles.keep(plate, "b", b"1234")
        assert tiles.get(plate, "a") == b"1234"
        tiles.keep(plate, "c", b"1234")
        assert [tiles.get(plate, key) for key in "abc"] == [b"1234", None, b"1234"]
    with Experiment.open(own) as experiment:
        experiment.catalogue.set("description", "changed again")
    assert maps.fresh(own, "plate01") is None
    with maps.use(own, "plate01") as plate:
        assert tiles.get(plate, "a") is None
    maps.close()


def test_maps_are_opened_anew_when_something_changes(own: Path):
    maps = kept_maps()
    try:
        with maps.use(own, "plate01") as first:
            with maps.use(own, "plate01") as second:
                assert first is second
            with Experiment.open(own) as experiment:
                assert experiment.plate_names() == ["plate01"]
            with maps.use(own, "plate01") as again:
                assert again is first, "who only reads changes nothing"
            with Experiment.open(own) as experiment:
                experiment.catalogue.set("description", "changed")
            with maps.use(own, "plate01") as third:
                assert third is not first
            level = first.channel("DAPI")[0]
            assert level.read(0, 0, slice(0, 8), slice(0, 8)).shape == (8, 8), "still usable"
        with pytest.raises(NotFoundError), maps.use(own, "no plate"):
            pass
    finally:
        maps.close()
