from __future__ import annotations

import shutil

import numpy as np
import pandas as pd
import pytest
from tests.gui.plate import SIZE, make_experiment, plane_of

from napari_tmaps.errors import InputError, NotFoundError
from napari_tmaps.store.crops import OUTSIDE, CropReader, crops
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.store.features import INDEX
from napari_tmaps.streams.ngff import ImageWriter, read_levels


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """Site 2 of B03 has the objects 1 (rows 10 … 13, columns 20 … 25) and 7 (a corner)."""
    path = make_experiment(tmp_path_factory.mktemp("plate"))
    with Experiment.open(path) as experiment:
        labels = np.zeros((1, 1, SIZE, SIZE), np.int32)
        labels[0, 0, 10:14, 20:26] = 1
        labels[0, 0, 60:, 62:] = 7
        experiment.plate("P1").write_labels(
            "B03", 2, "Blocks", labels, pixel_size_um=(None, 0.5, 0.5), translation_um=(0, 0, 0)
        )
    return path


@pytest.fixture
def experiment(path):
    with Experiment.open(path) as opened:
        yield opened


def some(*labels, well="B03", site=2):
    return pd.DataFrame([("P1", well, site, 0, label) for label in labels], columns=INDEX)


def test_an_object_is_in_the_middle_of_its_crop(experiment):
    (crop,) = crops(experiment, "Blocks", some(1), size_px=8)
    # Its middle is row 12, column 23; a crop of 8 reaches from 8 to 15 and from 19 to 26.
    assert crop.number == 0
    expected = [plane_of("B03", 2, channel)[8:16, 19:27] for channel in ("DAPI", "Actin")]
    np.testing.assert_array_equal(crop.pixels, expected)
    assert crop.pixels.dtype == np.uint16
    mask = np.zeros((8, 8), bool)
    mask[2:6, 1:7] = True
    np.testing.assert_array_equal(crop.mask, mask)


def test_channels_by_name_and_the_edge_of_the_site(experiment):
    (crop,) = crops(experiment, "Blocks", some(7), size_px=8, channels=["Actin"])
    # The middle is row 62, column 63: two rows and one column of the site are left.
    assert crop.pixels.shape == (1, 8, 8)
    assert (crop.labels[6:] == OUTSIDE).all()
    assert (crop.labels[:, 5:] == OUTSIDE).all()
    assert (crop.labels[2:6, 3:5] == 7).all()
    assert crop.mask.sum() == 8
    np.testing.assert_array_equal(crop.pixels[0, :6, :5], plane_of("B03", 2, "Actin")[58:, 59:])
    assert not crop.pixels[0, 6:].any()


def test_each_knows_which_object_it_is_and_those_that_are_gone_have_none(experiment):
    asked = pd.concat([some(1, site=1), some(7, 99, 1), some(1, well="H12")])
    assert {crop.number: crop.label for crop in crops(experiment, "Blocks", asked)} == {1: 7, 3: 1}
    middles = CropReader(experiment).middles("Blocks", asked)
    np.testing.assert_array_equal(
        middles, [[np.nan] * 2, [62, 63], [np.nan] * 2, [12, 23], [np.nan] * 2]
    )
    assert list(crops(experiment, "Cells", some(1))) == []
    assert list(crops(experiment, "Blocks", some())) == []


def test_small_objects_are_found_in_large_sites(tmp_path, monkeypatch):
    """A single pixel is not in the coarse level, where large ones are looked for."""
    from napari_tmaps.store import crops as module

    monkeypatch.setattr(module, "_COARSE_PX", 16)
    path = make_experiment(tmp_path)
    labels = np.zeros((SIZE, SIZE), np.int32)
    labels[33, 17] = 4
    labels[41:60, 13:22] = 5
    with Experiment.open(path) as experiment:
        folder = experiment.plate("P1").labels_path("B02", 1, "Dots")
        with ImageWriter(
            folder, shape=(1, 1, 1, SIZE, SIZE), dtype=np.int32, labels=True, levels=3
        ) as writer:
            writer.write_plane(0, 0, 0, labels)
        coarse = np.asarray(read_levels(folder)[2])
        assert set(np.unique(coarse)) == {0, 5}
        found = list(crops(experiment, "Dots", some(4, 5, well="B02", site=1), size_px=3))
    middles = {crop.label: crop.pixels[0, 1, 1] for crop in found}
    dapi = plane_of("B02", 1, "DAPI")
    assert middles == {4: dapi[33, 17], 5: dapi[50, 17]}
    assert [int(crop.mask.sum()) for crop in found] == [1, 9]


def test_images_that_were_not_converted_or_are_gone(tmp_path, path):
    copied = shutil.copytree(path, tmp_path / "screen.tmaps")
    with Experiment.open(copied) as experiment:
        shutil.rmtree(copied / "plates" / "P1.ome.zarr" / "B" / "03" / "2" / "0")
        (crop,) = crops(experiment, "Blocks", some(1), size_px=8)
        assert not crop.pixels.any(), "the objects are there, the pixels are not"
        assert crop.mask.any()


def test_bad_requests(experiment):
    with pytest.raises(InputError, match="size_px is 0; it may be 1 to"):
        list(crops(experiment, "Blocks", some(1), size_px=0))
    with pytest.raises(NotFoundError, match="channel 'GFP'"):
        list(crops(experiment, "Blocks", some(1), channels=["GFP"]))
    with pytest.raises(InputError, match="need the column 'label'"):
        list(crops(experiment, "Blocks", some(1).drop(columns="label")))
    with pytest.raises(NotFoundError, match="plate 'P9'"):
        list(crops(experiment, "Blocks", some(1).assign(plate="P9")))
