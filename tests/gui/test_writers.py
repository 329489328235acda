"""What File ▸ Save writes is what the layers hold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import tifffile
from napari.layers import Image, Labels, Points

from napari_tmaps.errors import InputError
from napari_tmaps.gui.writers import layer_data, write_image, write_labels, write_layers
from napari_tmaps.gui.zarr_source import ngff_source

PIXELS = np.arange(2 * 3 * 20 * 30, dtype=np.uint16).reshape(2, 3, 20, 30)


def image(**options: Any) -> Image:
    options = {
        "name": "DAPI",
        "scale": (60.0, 2.0, 0.5, 0.5),
        "units": ("second", "micrometer", "micrometer", "micrometer"),
        "axis_labels": ("t", "z", "y", "x"),
        "contrast_limits": (5, 900),
        "colormap": "green",
        **options,
    }
    return Image(options.pop("data", PIXELS), **options)


@pytest.mark.parametrize("ending", [".ome.tiff", ".ome.tif"])
def test_ome_tiff(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"cells{ending}"
    data, properties, _ = image().as_layer_data_tuple()
    written = write_image(str(path), data, properties)
    assert str(path) in written
    np.testing.assert_array_equal(tifffile.imread(path), PIXELS)
    with tifffile.TiffFile(path) as file:
        assert 'PhysicalSizeX="0.5"' in str(file.ome_metadata)
        assert 'Name="DAPI"' in str(file.ome_metadata)


def test_image_and_labels_to_ome_zarr(tmp_path: Path) -> None:
    labels = Labels(
        (PIXELS % 5).astype(np.int32),
        name="Nuclei",
        scale=(60.0, 2.0, 0.5, 0.5),
        units=("second", "micrometer", "micrometer", "micrometer"),
        axis_labels=("t", "z", "y", "x"),
        features=pd.DataFrame({"index": [1, 2], "area": [3.0, 4.0]}),
    )
    path = tmp_path / "cells.ome.zarr"
    layers = [layer.as_layer_data_tuple() for layer in (image(), image(name="Actin"), labels)]
    assert write_layers(str(path), layers)
    source = ngff_source(path)
    assert [channel.name for channel in source.channels] == ["DAPI", "Actin"]
    assert source.object_types == ("Nuclei",)
    assert source.pixel_size_um == (2.0, 0.5, 0.5)
    assert source.time_step_s == 60.0
    every = slice(None)
    np.testing.assert_array_equal(source.image(1).read(0, 0, 1, 2, every, every), PIXELS[1, 2])
    np.testing.assert_array_equal(
        source.labels("Nuclei").read(0, 0, 1, 2, every, every), PIXELS[1, 2] % 5
    )


def test_labels_alone(tmp_path: Path) -> None:
    labels = Labels((PIXELS[0, 0] % 5).astype(np.int32), name="Cells")
    data, properties, _ = labels.as_layer_data_tuple()
    assert write_labels(str(tmp_path / "x.ome.zarr"), data, properties)
    source = ngff_source(tmp_path / "x.ome.zarr")
    assert (source.channels, source.object_types) == ((), ("x",))
    written = write_labels(str(tmp_path / "x.ome.tiff"), data, properties)
    tiff = next(path for path in written if path.endswith(".tiff"))
    np.testing.assert_array_equal(tifffile.imread(tiff), PIXELS[0, 0] % 5)


@pytest.mark.parametrize(
    ("layer", "axes", "scale"),
    [
        pytest.param(image(), "TZYX", (60.0, 2.0, 0.5, 0.5), id="ours"),
        pytest.param(
            Image(PIXELS[0, 0]), "YX", (None, None), id="plain array, pixels of unknown size"
        ),
        pytest.param(
            Image(PIXELS[0], units="nm", scale=(100, 50, 50)), "ZYX", (0.1, 0.05, 0.05), id="nm"
        ),
        pytest.param(
            Image(np.zeros((6, 7, 3), np.uint8), rgb=True), "YXS", (None, None, None), id="rgb"
        ),
        pytest.param(
            Image([PIXELS[0, 0], PIXELS[0, 0, ::2, ::2]], multiscale=True),
            "YX",
            (None, None),
            id="multiscale",
        ),
    ],
)
def test_layer_data(layer: Image, axes: str, scale: tuple[float | None, ...]) -> None:
    got = layer_data(*layer.as_layer_data_tuple())
    assert got.axes == axes
    assert got.scale_um == pytest.approx(scale)


def test_colour_and_contrast_go_along() -> None:
    got = layer_data(*image().as_layer_data_tuple())
    assert (got.color, got.contrast) == ("#00FF00", (5.0, 900.0))


@pytest.mark.parametrize(
    ("path", "layer", "message"),
    [
        pytest.param("x.png", image(), "end its name in .ome.tiff", id="ending"),
        pytest.param("x.ome.tiff", Points(np.zeros((1, 2)), name="spots"), "'spots'", id="points"),
        pytest.param(
            "x.ome.tiff", Image(np.zeros((1,) * 6), name="six"), "'six' has 6 axes", id="6-D"
        ),
    ],
)
def test_refused(tmp_path: Path, path: str, layer: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        write_layers(str(tmp_path / path), [layer.as_layer_data_tuple()])
