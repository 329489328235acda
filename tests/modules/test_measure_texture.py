"""Columns, names and refusals of measure_texture; its numbers are tested with the kernels."""

from __future__ import annotations

import numpy as np
import pytest

from napari_tmaps.errors import InputError
from napari_tmaps.measure.haralick import NAMES, haralick
from napari_tmaps.measure.histogram import histogram, otsu
from napari_tmaps.measure.patterns import TAS_NAMES, threshold_adjacency
from napari_tmaps.measure.runs import find_boxes, find_runs
from napari_tmaps.modules import measure_texture

LABELS = np.zeros((12, 16), np.int32)
LABELS[1:9, 1:7], LABELS[2:11, 7:15] = 5, 2
STAIN = np.random.default_rng(3).integers(0, 4000, LABELS.shape, np.uint16)

GABOR = [f"Texture_Gabor-frequency-{f}" for f in (1, 5, 10)]
HU = [f"Texture_Hu-{n}" for n in range(7)]
TAS = [f"Texture_TAS-{name}-{n}" for name in TAS_NAMES for n in range(9)]
LBP = [f"Texture_LBP-radius-{r}-{n}" for r in (1, 5, 10) for n in range(36)]
HARALICK = [f"Texture_Haralick-{name}-{scale}" for name in NAMES for scale in (1, 2)]


@pytest.mark.parametrize(
    ("settings", "columns"),
    [
        pytest.param({}, GABOR + HU, id="default"),
        pytest.param({"measure_TAS": True}, GABOR + TAS + HU, id="tas"),
        pytest.param({"measure_LBP": True}, GABOR + HU + LBP, id="lbp"),
        pytest.param({"measure_haralick": True}, GABOR + HU + HARALICK, id="haralick"),
        pytest.param({"frequencies": ()}, HU, id="no-gabor"),
        pytest.param({"measure_LBP": True, "radii": ()}, GABOR + HU, id="no-radii"),
        pytest.param({"measure_haralick": True, "scales": ()}, GABOR + HU, id="no-scales"),
    ],
)
@pytest.mark.parametrize("labels", [LABELS, LABELS * 0], ids=["two", "none"])
def test_columns(settings, columns, labels):
    table = measure_texture(labels, labels, STAIN, **settings)
    assert list(table.columns) == columns
    assert (table.dtypes == np.float64).all()
    assert table.index.tolist() == ([2, 5] if labels.any() else [])


def test_values_stand_under_their_own_names():
    """TissueMAPS mixed up scales and statistics, and the families of threshold adjacency."""
    table = measure_texture(LABELS, LABELS, STAIN, measure_haralick=True, measure_TAS=True)
    runs = find_runs(LABELS)
    boxes = find_boxes(runs)
    statistics = haralick(runs, boxes, STAIN, 65535, np.array([2]))
    for n, name in enumerate(NAMES):
        np.testing.assert_array_equal(table[f"Texture_Haralick-{name}-2"], statistics[:, 0, n])
    adjacency = threshold_adjacency(runs, boxes, STAIN, otsu(histogram(STAIN)))
    for family, name in enumerate(TAS_NAMES):
        columns = [f"Texture_TAS-{name}-{n}" for n in range(9)]
        np.testing.assert_array_equal(table[columns], adjacency[:, family])


def test_pixels_of_8_bits_have_the_same_texture():
    image = (STAIN // 16).astype(np.uint8)
    settings = {"measure_haralick": True, "measure_LBP": True, "measure_TAS": True}
    ours = measure_texture(LABELS, LABELS, image, **settings)
    wide = measure_texture(LABELS, LABELS, image.astype(np.uint16), **settings)
    assert ours.equals(wide)


def test_one_bright_pixel_does_not_squeeze_the_levels_of_its_object():
    """Of 500,000 pixels 5 are above the 99.999th percentile: the brightest of them is clipped."""
    labels, image = np.zeros((500, 1000), np.int32), np.zeros((500, 1000), np.uint16)
    labels[:12, :16], image[:12, :16] = LABELS, np.minimum(STAIN, 3990)
    expected = measure_texture(labels, labels, image, measure_haralick=True)
    image[3, 3] = 65535
    image[400, :6] = 4000
    ours = measure_texture(labels, labels, image, measure_haralick=True)
    contrast = "Texture_Haralick-contrast-1"
    assert ours.loc[5, contrast] == pytest.approx(expected.loc[5, contrast], rel=0.2)


@pytest.mark.parametrize("name", ["frequencies", "radii", "scales"])
def test_a_length_that_is_given_twice_is_refused(name):
    with pytest.raises(InputError, match=rf"'{name}' holds \(2, 2\)"):
        measure_texture(LABELS, LABELS, STAIN, **{name: (2, 2)})


def test_images_that_do_not_fit_are_refused():
    with pytest.raises(InputError, match="type float64"):
        measure_texture(LABELS, LABELS, STAIN / 2)
    with pytest.raises(InputError, match="'intensity_image' has"):
        measure_texture(LABELS, LABELS, STAIN[1:])
