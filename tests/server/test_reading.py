"""Images, tables and labels as they come, beside those on disk."""

from __future__ import annotations

import http.client
import io
import json
from pathlib import Path

import httpx
import imageio.v3 as iio
import numpy as np
import pandas as pd
import pytest
import tifffile
from tests.server.running import running, settings_with_users
from tests.workflow.screen import PATTERN, name, plane

from napari_tmaps.client import TmClient
from napari_tmaps.client.program import main
from napari_tmaps.errors import InputError, MissingError, NotFoundError, TmapsError
from napari_tmaps.model.progress import run
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.vendors import scan
from napari_tmaps.workflow import convert

PLACE = {"plate_name": "plate01", "well_name": "C03", "well_pos_x": 1, "well_pos_y": 0}


def address(client: TmClient) -> str:
    (row,) = client.get_experiments()
    return f"/api/experiments/{row['id']}"


def test_experiment(client: TmClient):
    (row,) = client.get_experiments()
    assert (row["id"], row["name"], row["user"]) == ("MQ==", "test", "demo")
    assert client.get_info()["wells"] == ["B02", "C03"]
    assert [c["name"] for c in client.get_channels()] == ["DAPI", "GFP"]
    assert [w["name"] for w in client.get_wells("plate01")] == ["B02", "C03"]
    assert [c["index"] for c in client.get_cycles()] == [0]
    assert {(s["well_pos_y"], s["well_pos_x"]) for s in client.get_sites()} == {(0, 0), (0, 1)}
    (site, *_) = client.get_sites(well_name="C03")
    assert client.session.json("GET", f"{address(client)}/sites/{site['id']}")["data"] == site
    (well, *_) = client.get_wells()
    one = client.session.json("GET", f"{address(client)}/wells/{well['id']}")["data"]
    assert len(one["sites"]) == 2


def test_image_is_the_microscopes(client: TmClient):
    expected = plane("C03", 2, "GFP", 0)
    image = client.download_channel_image("GFP", **PLACE, correct=False)
    np.testing.assert_array_equal(image, expected)
    assert image.dtype == np.uint16


@pytest.mark.parametrize(("form", "read"), [("png", iio.imread), ("tiff", tifffile.imread)])
def test_image_is_read_by_other_programs(client: TmClient, form: str, read):
    (channel, *_) = client.get_channels()
    target = f"{address(client)}/channels/{channel['id']}/image-file"
    content = client.session.fetch("GET", target, query={**PLACE, "format": form})
    np.testing.assert_array_equal(read(io.BytesIO(content)), plane("C03", 2, "DAPI", 0))


@pytest.mark.parametrize("in_place", [False, True], ids=["converted", "in place"])
def test_one_plane_of_a_stack(tmp_path: Path, in_place: bool):
    """Others are not read, and may be damaged."""
    files, path = tmp_path / "files", tmp_path / "served" / "stack.tmaps"
    files.mkdir()
    for z in range(3):
        tifffile.imwrite(files / name("B02", 1, "DAPI", z), plane("B02", 1, "DAPI", z))
    with Experiment.create(path) as made:
        made.add(scan(files, pattern=PATTERN), plate="p")
        assert not run(convert(made, workers=1, in_place=in_place))
    stored = path / "plates/p.ome.zarr/B/02/1/0/c/0/0/0/0/0"
    lost = files / name("B02", 1, "DAPI", 0) if in_place else stored
    lost.write_bytes(b"damaged")
    with (
        running(settings_with_users(path.parent)) as port,
        TmClient("127.0.0.1", port, "demo", "XXX", "stack") as client,
    ):
        place = {"channel_name": "DAPI", "plate_name": "p", "well_name": "B02", "correct": False}
        image = client.download_channel_image(**place, zplane=2)
        np.testing.assert_array_equal(image, plane("B02", 1, "DAPI", 2))
        with pytest.raises(TmapsError, match=r"is damaged|is no readable TIFF"):
            client.download_channel_image(**place, zplane=0)
        with pytest.raises(NotFoundError, match="no plane z 3; it has 0, 1, 2"):
            client.download_channel_image(**place, zplane=3)


def test_image_file_has_the_name_of_the_guide(client: TmClient, tmp_path: Path):
    path = client.download_channel_image_file("DAPI", **PLACE, correct=False, directory=tmp_path)
    assert path.name == "test_plate01_C03_y000_x001_z000_t000_DAPI.png"
    np.testing.assert_array_equal(iio.imread(path), plane("C03", 2, "DAPI", 0))


@pytest.mark.parametrize("start", ["", "/"])
def test_image_by_the_address_of_the_guide(client: TmClient, start: str):
    (channel, *_) = client.get_channels()
    target = f"{start}{address(client)}/channels/{channel['id']}/image-files"
    query = "plate_name=plate01,cycle_index=0,well_name=C03,x=1,y=0,tpoint=0,zplane=0"
    connection = http.client.HTTPConnection("127.0.0.1", client.session.port)
    head = {"Authorization": f"JWT {client.session.token}"}
    connection.request("GET", f"{target}?{query}", headers=head)
    content = connection.getresponse().read()
    connection.close()
    np.testing.assert_array_equal(iio.imread(content), plane("C03", 2, "DAPI", 0))


@pytest.mark.parametrize(
    ("change", "kind", "text"),
    [
        ({"well_name": "D01"}, NotFoundError, "There is no well of plate 'plate01' 'D01'"),
        ({"well_name": "?"}, InputError, "'\\?'"),
        ({"well_pos_x": 7}, NotFoundError, r"no site of well C03 '\(0, 7\)'"),
        ({"tpoint": 3}, NotFoundError, "no time point 3"),
        ({"zplane": 3}, NotFoundError, "no plane z 3"),
        ({"plate_name": "other"}, NotFoundError, "no plate 'other'"),
        ({"channel_name": "Cy5"}, NotFoundError, "no channel 'Cy5'"),
        ({"correct": True}, NotFoundError, "no illumination field"),
        ({"align": True}, NotFoundError, "was not aligned"),
        ({"well_pos_x": -1}, InputError, "well_pos_x"),
    ],
)
def test_image_that_is_not_there(client: TmClient, change, kind, text):
    with pytest.raises(kind, match=text):
        client.download_channel_image(
            **{"channel_name": "DAPI", "correct": False, **PLACE, **change}
        )
    assert not issubclass(kind, MissingError)


def test_tables_are_those_of_the_store(client: TmClient, screen: Path):
    with Experiment.open(screen) as experiment:
        expected = experiment.features.read("Discs").reset_index()
    values = client.download_object_feature_values("Discs")
    places = client.download_object_metadata("Discs")
    names = [row["name"] for row in client.get_features("Discs")]
    assert list(values.columns) == names
    assert len(values) == 8
    pd.testing.assert_frame_equal(
        values.reset_index(drop=True), expected[names], check_dtype=False, rtol=1e-6
    )
    assert list(values.index) == list(places.index) == list(range(1, 9))
    assert places["label"].tolist() == expected["label"].tolist()
    assert places["well_name"].tolist() == expected["well"].tolist()
    assert places["well_pos_x"].tolist() == (expected["site"] - 1).tolist()
    one = client.download_object_feature_values("Discs", well_name="C03")
    pd.testing.assert_frame_equal(one, values[values.index > 4])


def test_labels_are_those_of_the_store(client: TmClient, screen: Path, tmp_path: Path):
    (row,) = client.get_mapobject_types()
    assert (row["name"], row["objects"], row["stale"]) == ("Discs", 8, False)
    with Experiment.open(screen) as experiment:
        expected = experiment.labels("plate01", "C03", 2, "Discs")[0]
    labels = client.download_segmentation_image("Discs", **PLACE)
    np.testing.assert_array_equal(labels, expected)
    assert labels.dtype == np.int32
    path = client.download_segmentation_image_file("Discs", **PLACE, directory=tmp_path)
    np.testing.assert_array_equal(iio.imread(path), expected)
    with pytest.raises(NotFoundError, match="none of them"):
        client.download_segmentation_image("Discs", **PLACE, zplane=5)
    with pytest.raises(NotFoundError, match="no object type 'Disks'"):
        client.download_segmentation_image("Disks", **PLACE)


def test_zarr_is_served_with_ranges(client: TmClient, screen: Path):
    import httpx
    import zarr

    token = {"Authorization": f"JWT {client.session._token}"}
    base = f"http://127.0.0.1:{client.session.port}{address(client)}/zarr/plates/plate01.ome.zarr"
    file = next((screen / "plates" / "plate01.ome.zarr").rglob("c/0/0/0/*/0"), None)
    assert file is not None
    name = file.relative_to(screen / "plates" / "plate01.ome.zarr").as_posix()
    with httpx.Client(headers=token) as http:
        part = http.get(f"{base}/{name}", headers={"Range": "bytes=2-5"})
        assert (part.status_code, part.content) == (206, file.read_bytes()[2:6])
        assert http.get(f"{base}/zarr.json").json()["attributes"]["ome"]["plate"]["name"]
        assert http.get(f"{base}/none").status_code == 404
    options = {"client_kwargs": {"headers": token}}
    array = zarr.open_array(f"{base}/C/03/2/0", mode="r", storage_options=options)
    np.testing.assert_array_equal(array[0, 1, 0], plane("C03", 2, "GFP", 0))


@pytest.mark.parametrize(
    "path",
    ["../experiment.db", "%2e%2e/experiment.db", "..%2fexperiment.db", "/etc/passwd", "a%00b"],
)
def test_zarr_leads_nowhere_else(client: TmClient, path: str):
    import httpx

    url = f"http://127.0.0.1:{client.session.port}{address(client)}/zarr/plates/"
    with httpx.Client(headers={"Authorization": f"JWT {client.session._token}"}) as http:
        answer = http.send(
            http.build_request(
                "GET",
                httpx.URL(url).copy_with(raw_path=f"{address(client)}/zarr/plates/{path}".encode()),
            )
        )
    assert answer.status_code == 404


def test_one_object(client: TmClient, port: int, capsys):
    table = client.download_object_metadata("Discs")
    for number in (1, len(table)):
        row = table.loc[number]
        info = client.get_mapobject("Discs", number)
        assert info["experiment_name"] == "test"
        assert (info["type"], info["mapobject_id"], info["zplane"]) == ("Discs", number, 0)
        same = ("plate_name", "well_name", "well_pos_y", "well_pos_x", "tpoint", "label")
        assert {name: info[name] for name in same} == {name: row[name] for name in same}
    for number in (0, len(table) + 1, -1):
        with pytest.raises(NotFoundError, match="There is no object"):
            client.get_mapobject("Discs", number)
    start = ["-P", str(port), "-u", "demo", "-p", "XXX", "mapobject", "-e", "test"]
    assert main([*start, "info", "-o", "Discs", "1", "2"]) == 0
    assert [json.loads(line)["mapobject_id"] for line in capsys.readouterr().out.splitlines()] == [
        1,
        2,
    ]


@pytest.mark.parametrize("how", ["data", "files"], ids=["form", "multipart"])
def test_a_login_by_a_form(port: int, how: str):
    fields = {"username": "demo", "password": "XXX"}
    sent = {how: fields if how == "data" else {k: (None, v) for k, v in fields.items()}}
    answer = httpx.post(f"http://127.0.0.1:{port}/auth", **sent)
    assert answer.status_code == 200
    headers = {"Authorization": f"JWT {answer.json()['access_token']}"}
    listed = httpx.get(f"http://127.0.0.1:{port}/api/experiments", headers=headers)
    assert [row["name"] for row in listed.json()["data"]] == ["test"]


@pytest.mark.parametrize(
    ("sent", "status", "text"),
    [
        ({"data": {"username": "demo"}}, 400, "password: Field required"),
        ({"data": {"username": "demo", "password": "no"}}, 401, ""),
        ({"content": b"{"}, 400, "Invalid JSON"),
        ({"content": b"\xff"}, 400, "body"),
        ({"json": {"username": "demo", "password": 5}}, 400, "password"),
        ({"files": {"username": ("a", b"x"), "password": (None, "XXX")}}, 400, ""),
    ],
)
def test_what_is_no_login(port: int, sent, status, text):
    answer = httpx.post(f"http://127.0.0.1:{port}/auth", **sent)
    assert answer.status_code == status
    assert text in answer.json()["error"]["message"]


def test_pictures_of_an_object(client: TmClient, screen: Path, tmp_path: Path, port: int, capsys):
    table = client.download_object_metadata("Discs")
    number = int(table.index[-1])
    row = table.loc[number]
    start = ["-vv", "-P", str(port), "-u", "demo", "-p", "XXX", "mapobject", "-e", "test"]
    how = ["--margin", "3", "--directory", str(tmp_path), "-o", "Discs"]
    assert main([*start, "exhibit", str(number), *how]) == 0
    paths = [tmp_path / f"{number}_{name}.png" for name in ("DAPI", "GFP")]
    assert capsys.readouterr().out.split() == [str(path) for path in paths]
    with Experiment.open(screen) as experiment:
        site = experiment.sites("plate01", row["well_name"])
        site = site[(site["y"] == row["well_pos_y"]) & (site["x"] == row["well_pos_x"])]
        labels = experiment.labels("plate01", row["well_name"], int(site["site"].iloc[0]), "Discs")
    y, x = np.nonzero(labels[0] == row["label"])
    height, width = labels[0].shape
    top, left = max(y.min() - 3, 0), max(x.min() - 3, 0)
    bottom, right = min(y.max() + 4, height), min(x.max() + 4, width)
    for path in paths:
        picture = iio.imread(path)
        assert picture.shape == (bottom - top, right - left, 3)
        yellow = (picture == (255, 210, 0)).all(-1)
        assert yellow[y.min() - top, x[y == y.min()] - left].all()  # its uppermost row is outline
        assert not yellow[(y.min() + y.max()) // 2 - top, (x.min() + x.max()) // 2 - left]
    for wrong in ("{nothing}", "{mapobject_id[0]}"):
        with pytest.raises(InputError, match="no format of names"):
            client.exhibit_mapobject("Discs", number, file_name_format=wrong)
    with pytest.raises(InputError, match="The margin is -1 pixels"):
        client.exhibit_mapobject("Discs", number, margin=-1)
    with pytest.raises(InputError, match=r"needs \{channel_name\}"):
        client.exhibit_mapobject("Discs", number, file_name_format="{mapobject_id}.png")
    ours = [str(number), "1", "--file-name-format", "{channel_name}.png"]
    assert main([*start, "exhibit", *how, *ours]) == 1
    assert "needs {mapobject_id}" in capsys.readouterr().err
    with pytest.raises(NotFoundError, match="no channel 'Cy5'"):
        client.exhibit_mapobject("Discs", number, channels=["Cy5"], directory=tmp_path)
