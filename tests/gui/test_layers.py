"""Layers of experiments and of OME-Zarr: names, places, pixels, units, features."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from napari.components import ViewerModel
from napari.layers import Layer
from tests.gui.plate import CHANNELS, PIXEL_UM, SIZE, WELLS, plane_of

from napari_tmaps.errors import FormatError, NotFoundError
from napari_tmaps.gui.layers import attach, mosaic_layers, row_of, site_layers
from napari_tmaps.gui.zarr_source import experiment_source, ngff_source
from napari_tmaps.model.channels import Channel
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.streams.ngff import ImageWriter

WELL_SIZE = 2 * SIZE
PITCH = 136  # 128 pixels and a gap of 6 %, rounded up


def test_a_plate_is_one_layer_a_channel(experiment: Experiment) -> None:
    source = experiment_source(experiment, "P1")
    layers = mosaic_layers(source, source.places, on_problem=pytest.fail)
    assert [(properties["name"], kind) for _, properties, kind in layers] == [
        ("DAPI", "image"),
        ("Actin", "image"),
    ]
    for channel, (data, properties, _) in zip(CHANNELS, layers, strict=True):
        finest = np.asarray(data[0])
        assert finest.shape == (1, 1, PITCH + WELL_SIZE, PITCH + WELL_SIZE)
        for well in WELLS:
            row, column = (ord(well[0]) - ord("B")) * PITCH, (int(well[1:]) - 2) * PITCH
            for site in range(1, 5):
                y, x = row + (site - 1) // 2 * SIZE, column + (site - 1) % 2 * SIZE
                tile = finest[0, 0, y : y + SIZE, x : x + SIZE]
                np.testing.assert_array_equal(tile, plane_of(well, site, channel))
        assert properties["scale"] == (1.0, 1.0, PIXEL_UM, PIXEL_UM)
        assert properties["units"] == ("pixel", "micrometer", "micrometer", "micrometer")
        assert properties["axis_labels"] == ("t", "z", "y", "x")
        assert properties["multiscale"]
        tmaps = properties["metadata"]["tmaps"]
        assert (tmaps["plate"], tmaps["channel"]) == ("P1", channel)
    # Empty well C02 of the block B02 … C03.
    assert not np.asarray(layers[0][0][0][0, 0, PITCH:, :WELL_SIZE]).any()


def test_contrast_is_that_of_the_pixels(experiment: Experiment) -> None:
    source = experiment_source(experiment, "P1")
    low, high = source.contrast(0)
    # Site 1 of B02 has 100 … 107, site 4 of C03 2400 … 2407; some of the images are sampled.
    assert 100 <= low <= 107
    assert 2000 <= high <= 2407


def test_a_site_is_a_plain_array_with_colours(experiment: Experiment) -> None:
    source = experiment_source(experiment, "P1")
    row = row_of(source.places, "B03", 2)
    assert row is not None
    data, properties, _ = site_layers(source, row, features=lambda _: None, on_problem=pytest.fail)[
        0
    ]
    assert isinstance(data, np.ndarray)
    np.testing.assert_array_equal(data[0, 0], plane_of("B03", 2, "DAPI"))
    assert properties["metadata"]["tmaps"]["site"] == 2
    assert properties["translate"] == (0.0, 0.0, 0.0, 0.0)
    np.testing.assert_allclose(properties["colormap"].colors[-1], [0, 128 / 255, 1, 1], atol=1e-6)
    assert row_of(source.places, "B03", 99) is None


def test_layers_go_into_a_viewer(experiment: Experiment) -> None:
    source = experiment_source(experiment, "P1")
    viewer = ViewerModel()
    for layer in mosaic_layers(source, source.places, on_problem=pytest.fail):
        viewer.add_layer(Layer.create(*layer))
    assert [layer.name for layer in viewer.layers] == ["DAPI", "Actin"]
    assert viewer.layers["DAPI"].blending == "additive"
    world = viewer.layers.extent.world[1, -1] - viewer.layers.extent.world[0, -1]
    assert world == pytest.approx((PITCH + WELL_SIZE - 1) * PIXEL_UM)


def test_a_plate_without_images(tmp_path: Path) -> None:
    from tests.gui.plate import make_scan

    with Experiment.create(tmp_path / "new.tmaps") as experiment:
        experiment.add(make_scan(tmp_path / "raw"))
        with pytest.raises(NotFoundError, match=r"no images yet\. Convert it first"):
            experiment_source(experiment, "P1")


def test_labels_and_features(own_experiment: Path) -> None:
    from napari_tmaps.gui.facts import load
    from napari_tmaps.gui.layers import features_of_site
    from napari_tmaps.model.progress import run
    from napari_tmaps.workflow import analyse

    with Experiment.open(own_experiment) as experiment:
        assert features_of_site(experiment, "P1", "B02", 1, "Blocks") is None
        run(analyse(experiment, load(str(own_experiment / "pipelines" / "blocks.yaml"))))
        source = experiment_source(experiment, "P1")
        row = row_of(source.places, "C03", 4)
        assert row is not None
        layers = site_layers(
            source,
            row,
            features=lambda name: features_of_site(experiment, "P1", "C03", 4, name),
            on_problem=pytest.fail,
        )
        data, properties, kind = layers[-1]
        assert (kind, properties["name"], data.dtype) == ("labels", "Blocks", np.int32)
        assert set(np.unique(data)) == {1}
        table = properties["features"]
        assert table["label"].tolist() == table["index"].tolist() == [1]
        expected = plane_of("C03", 4, "DAPI").mean()
        assert table["Intensity_mean_DAPI"].tolist() == pytest.approx([expected])
        # Labels repeat between the sites of a plate: there they have no features.
        assert "features" not in mosaic_layers(source, source.places, on_problem=pytest.fail)[-1][1]


def test_attach_has_the_columns_that_napari_and_plugins_look_for() -> None:
    table = pd.DataFrame({"area": [5.0, 6.0]}, index=pd.Index([3, 7], name="label"))
    got = attach(table)
    assert got.to_dict("list") == {"index": [3, 7], "label": [3, 7], "area": [5.0, 6.0]}


# -- OME-Zarr, ours and of others -----------------------------------------------------------------


def test_our_plate_moved_elsewhere_looks_the_same(experiment_path: Path, tmp_path: Path) -> None:
    moved = tmp_path / "moved.ome.zarr"
    shutil.copytree(experiment_path / "plates" / "P1.ome.zarr", moved)
    with Experiment.open(experiment_path) as experiment:
        source = experiment_source(experiment, "P1")
        expected = mosaic_layers(source, source.places, on_problem=pytest.fail)
    source = ngff_source(moved)
    got = mosaic_layers(source, source.places, on_problem=pytest.fail)
    for one, other in zip(got, expected, strict=True):
        np.testing.assert_array_equal(np.asarray(one[0][0]), np.asarray(other[0][0]))
        for key in ("name", "scale", "units", "contrast_limits"):
            assert one[1][key] == other[1][key]


def test_a_site_that_is_gone_is_empty_without_a_word(experiment_path: Path, tmp_path: Path) -> None:
    moved = tmp_path / "moved.ome.zarr"
    shutil.copytree(experiment_path / "plates" / "P1.ome.zarr", moved)
    shutil.rmtree(moved / "B" / "03" / "2")
    source = ngff_source(moved)
    layers = mosaic_layers(source, source.places, on_problem=pytest.fail)
    finest = np.asarray(layers[0][0][0])
    assert not finest[0, 0, :SIZE, PITCH + SIZE : PITCH + WELL_SIZE].any()
    assert finest[0, 0, :SIZE, PITCH : PITCH + SIZE].any()


def test_a_damaged_site_is_told(experiment_path: Path, tmp_path: Path) -> None:
    moved = tmp_path / "moved.ome.zarr"
    shutil.copytree(experiment_path / "plates" / "P1.ome.zarr", moved)
    (moved / "C" / "03" / "3" / "0" / "zarr.json").write_text("{")
    problems: list[str] = []
    source = ngff_source(moved)
    layers = mosaic_layers(source, source.places, on_problem=problems.append)
    assert np.asarray(layers[0][0][0]).any()
    assert len(problems) == 1
    assert "damaged" in problems[0]


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_a_single_image(tmp_path: Path, version: str) -> None:
    pixels = np.random.default_rng(1).integers(0, 4000, (2, 1, 3, 40, 50), np.uint16)
    path = tmp_path / "cells.ome.zarr"
    with ImageWriter(
        path,
        shape=pixels.shape,
        dtype=np.uint16,
        pixel_size_um=(2.0, 0.25, 0.5),
        time_step_s=30.0,
        translation_um=(0.0, 10.0, 20.0),
        channels=[Channel("GFP", color="#00FF00")],
        version=version,
    ) as writer:
        for t in range(2):
            for z in range(3):
                writer.write_plane(t, 0, z, pixels[t, 0, z])
    source = ngff_source(path)
    ((data, properties, kind),) = mosaic_layers(source, source.places, on_problem=pytest.fail)
    np.testing.assert_array_equal(data, pixels[:, 0])
    assert (kind, properties["name"]) == ("image", "GFP")
    assert properties["scale"] == (30.0, 2.0, 0.25, 0.5)
    assert properties["translate"] == (0.0, 0.0, 10.0, 20.0)
    assert properties["units"] == ("second", "micrometer", "micrometer", "micrometer")
    np.testing.assert_allclose(properties["colormap"].colors[-1], [0, 1, 0, 1])


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_an_image_of_another_program(tmp_path: Path) -> None:
    """ome-zarr-py: three axes, no names of channels, no contrast."""
    import zarr
    from ome_zarr.writer import write_image

    pixels = np.random.default_rng(2).integers(100, 200, (2, 30, 40), np.uint16)
    path = tmp_path / "other.zarr"
    write_image(pixels, zarr.open_group(path, mode="w"), axes="cyx", scale_factors=[])
    source = ngff_source(path)
    layers = mosaic_layers(source, source.places, on_problem=pytest.fail)
    assert [properties["name"] for _, properties, _ in layers] == ["channel 1", "channel 2"]
    for number, (data, properties, _) in enumerate(layers):
        np.testing.assert_array_equal(data[0, 0], pixels[number])
        assert properties["units"] == ("pixel",) * 4
        low, high = properties["contrast_limits"]
        assert 100 <= low < high < 200


def test_a_zarr_that_is_no_image(tmp_path: Path) -> None:
    import zarr

    zarr.open_group(tmp_path / "x.zarr", mode="w")
    with pytest.raises(FormatError, match="neither a plate nor an image"):
        ngff_source(tmp_path / "x.zarr")


def test_a_plate_that_lost_all_images(experiment_path: Path, tmp_path: Path) -> None:
    moved = tmp_path / "moved.ome.zarr"
    shutil.copytree(experiment_path / "plates" / "P1.ome.zarr", moved)
    for image in [*moved.glob("*/*/[0-9]")]:
        shutil.rmtree(image)
    with pytest.raises(NotFoundError, match="lists no image that is there"):
        ngff_source(moved)
