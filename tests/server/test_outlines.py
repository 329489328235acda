"""Objects of the map as vector tiles: by hand, and beside the labels."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from tests.server.running import make_screen, running, settings_with_users
from tests.workflow.screen import SIZE

from napari_tmaps.client import TmClient
from napari_tmaps.client.ids import encode
from napari_tmaps.errors import MissingError, NotFoundError
from napari_tmaps.server.outline_tiles import outline_tile, outline_zooms
from napari_tmaps.server.tiles import tile
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.store.maps import MapLevel, open_map

PLACE = {"plate_name": "plate01", "well_name": "C03", "well_pos_x": 1, "well_pos_y": 0}


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_screen(tmp_path_factory.mktemp("outlines"))


@pytest.fixture(scope="module")
def client(own: Path) -> Iterator[TmClient]:
    with (
        running(settings_with_users(own.parent)) as port,
        TmClient("127.0.0.1", port, "demo", "XXX", "test") as made,
    ):
        labels = np.zeros((SIZE, SIZE + 16), np.int32)
        labels[5:15, 6:18] = 2
        labels[8:11, 9:12] = 0
        made.create_mapobject_type("Drawn")
        made.upload_segmentation_image("Drawn", **PLACE, image=labels)
        values = pd.DataFrame({"Score": [2.5]}, index=[2])
        made.upload_feature_values("Drawn", **PLACE, values=values)
        yield made


def layer(client: TmClient, name: str) -> dict:
    (found,) = (row for row in client.get_segmentation_layers("plate01") if row["name"] == name)
    return found


def tiles(client: TmClient, name: str, zoom: int, result: str = "") -> dict[int, dict]:
    """All objects of all tiles of a zoom."""
    one = layer(client, name)
    side = 256 << (one["max_zoom"] - zoom)
    found: dict[int, dict] = {}
    for y in range(-(-one["image_height"] // side)):
        for x in range(-(-one["image_width"] // side)):
            answer = client.download_outlines(one["id"], zoom, y, x, result)
            assert answer["type"] == "FeatureCollection"
            for feature in answer["features"]:
                assert found.setdefault(feature["id"], feature) == feature, "whole in each tile"
    return found


def test_an_outline_by_hand(client: TmClient, own: Path):
    with Experiment.open(own) as experiment:
        sites = open_map(experiment, "plate01").plan.sites
    (site,) = (each for each in sites if (each.well, each.site) == ("C03", 2))
    (feature,) = tiles(client, "Drawn", layer(client, "Drawn")["max_zoom"]).values()
    assert feature["geometry"]["type"] == "Polygon"
    outer, hole = feature["geometry"]["coordinates"]
    corners = [(6, 5), (18, 5), (18, 15), (6, 15)]
    assert outer[0] == outer[-1]
    assert set(map(tuple, outer)) == {(site.left + x, site.top + y) for x, y in corners}
    corners = [(9, 8), (12, 8), (12, 11), (9, 11)]
    assert set(map(tuple, hole)) == {(site.left + x, site.top + y) for x, y in corners}
    assert feature["properties"] == {
        "type": "Drawn",
        "plate_name": "plate01",
        "well_name": "C03",
        "site": 2,
        "tpoint": 0,
        "zplane": 0,
        "label": 2,
    }


def test_farther_away_an_outline_is_as_exact_as_the_tile(client: TmClient):
    one = layer(client, "Discs")
    fine = tiles(client, "Discs", one["max_zoom"])
    assert len(fine) == 8
    wide = one["max_zoom"] - 1
    coarse = tiles(client, "Discs", wide)
    assert coarse.keys() == fine.keys()
    for number, feature in coarse.items():
        corners = np.array(feature["geometry"]["coordinates"][0])
        exact = np.array(fine[number]["geometry"]["coordinates"][0])
        assert (corners % 2 == 0).all()
        assert len(corners) < len(exact)
        assert np.abs(corners.min(0) - exact.min(0)).max() <= 2
        assert np.abs(corners.max(0) - exact.max(0)).max() <= 2


def test_values_of_a_result(client: TmClient):
    client.run_tool("cluster", "Discs", {"clusters": 2}, result="groups")
    table = client.download_object_metadata("Discs")
    column = table.columns[-1]
    assert column.startswith("groups")
    expected = {
        (row["well_name"], row["well_pos_x"] + 1, row["label"]): row[column]
        for row in table.to_dict("records")
    }
    one = layer(client, "Discs")
    found = tiles(client, "Discs", one["max_zoom"], column)
    assert {
        (each["properties"]["well_name"], each["properties"]["site"], each["properties"]["label"]):
        each["properties"]["value"]
        for each in found.values()
    } == expected  # fmt: skip
    with pytest.raises(NotFoundError, match="There is no column of a result 'none'"):
        client.download_outlines(one["id"], one["max_zoom"], 0, 0, "none")


@pytest.mark.parametrize(
    ("change", "text"),
    [({"z": 30}, "no zoom 30"), ({"x": 99}, "no tile x 99"), ({"tpoint": 4}, "t 4, z 0 is none")],
)
def test_what_is_not_there(client: TmClient, change, text):
    target = f"{client._address()}/segmentation_layers/{layer(client, 'Discs')['id']}/tiles"
    with pytest.raises(NotFoundError, match=text):
        client.session.fetch("GET", target, query={"x": 0, "y": 0, "z": 0, **change})
    other = target.replace(layer(client, "Discs")["id"], encode("plate01", "Blobs"))
    with pytest.raises(NotFoundError, match="no object type 'Blobs'"):
        client.session.fetch("GET", other, query={"x": 0, "y": 0, "z": 0})


# -- far away -----------------------------------------------------------------------------------


def drawn(labels: np.ndarray, built: bool) -> SimpleNamespace:
    """A map of one picture."""

    def level(factor: int) -> MapLevel:
        pixels = labels[::factor, ::factor]
        read = lambda t, z, y, x: pixels[y, x]  # noqa: E731
        return MapLevel(factor, (1, 1, *pixels.shape), pixels.dtype, (512, 512), read)

    plan = SimpleNamespace(size=labels.shape, times=1, depth=1, plate="p")
    return SimpleNamespace(
        plan=plan,
        object_types=("Drops",) if built else (),
        site_labels=lambda name: level(1),
        labels=lambda name: [level(factor) for factor in (1, 2, 4, 8, 16)],
    )


def test_points_are_the_middles_each_in_one_tile():
    labels = np.zeros((4096, 8192), np.int32)
    labels[1000:1100, 400:600] = 7
    labels[2000:2100, 2000:2100] = 9  # at zoom 2, over the corner of four tiles
    plate = drawn(labels, built=False)
    assert outline_zooms(plate, "Drops") == (2, 3)
    found = [
        (y, x, number, geometry)
        for y in range(2)
        for x in range(4)
        for number, geometry in outline_tile(plate, "Drops", 2, y, x, 0, 0)
    ]
    assert [(y, x, number) for y, x, number, _ in found] == [(0, 0, 7), (0, 0, 9)]
    for (*_, geometry), middle in zip(found, [(500, 1050), (2050, 2050)], strict=True):
        assert geometry["type"] == "Point"
        assert geometry["coordinates"] == pytest.approx(middle, abs=8)
    assert not list(outline_tile(plate, "Drops", 1, 0, 0, 0, 0)), "nothing without a map"
    built = drawn(labels, built=True)
    assert outline_zooms(built, "Drops") == (0, 3)
    for zoom in (0, 1):
        numbers = [number for number, _ in outline_tile(built, "Drops", zoom, 0, 0, 0, 0)]
        assert numbers == [7, 9]


def test_an_object_larger_than_what_is_read_around_a_tile_is_whole():
    labels = np.zeros((1024, 2048), np.int32)
    labels[100:900, 200:1500] = 3
    plate = drawn(labels, built=False)
    shapes = [
        geometry["coordinates"]
        for y in range(4)
        for x in range(6)
        for _, geometry in outline_tile(plate, "Drops", 3, y, x, 0, 0)
    ]
    assert len(shapes) == 24
    for (ring,) in shapes:
        assert set(map(tuple, ring)) == {(200, 100), (1500, 100), (1500, 900), (200, 900)}


def test_a_tile_of_a_whole_plate_needs_a_map():
    labels = np.zeros((8192, 8192), np.uint16)
    plate = drawn(labels, built=False)
    assert tile(plate, plate.labels("")[:1], 1, 0, 0, 0, 0).shape == (256, 256)
    with pytest.raises(MissingError, match=r"map of plate 'p' is not built.*illuminati"):
        tile(plate, plate.labels("")[:1], 0, 0, 0, 0, 0)
