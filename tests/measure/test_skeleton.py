"""Skeletons against scikit-image, and their parts by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage
from skimage.morphology import thin

from napari_tmaps.measure.runs import find_boxes, find_runs
from napari_tmaps.measure.skeleton import lengths, skeletons, thinned


def blobs(seed, sigma=2):
    random = np.random.default_rng(seed)
    mask = ndimage.gaussian_filter(random.random((70, 80)), sigma) > 0.5
    return ndimage.label(mask, np.ones((3, 3)))[0].astype(np.int32)


@pytest.mark.parametrize("seed", range(6))
def test_as_scikit_image(seed):
    labels = blobs(seed, sigma=1 + seed / 2)
    runs = find_runs(labels)
    boxes = find_boxes(runs)
    ours = np.zeros(labels.shape, bool)
    for k in range(runs.labels.size):
        part = np.s_[boxes.top[k] : boxes.bottom[k], boxes.left[k] : boxes.right[k]]
        ours[part] |= thinned(runs, boxes, k)[1:-1, 1:-1] > 0
    np.testing.assert_array_equal(ours, thin(labels > 0))


def parts(picture, seeds=None):
    """What is found in a picture of lines that are one pixel wide already."""
    labels = np.array([[c != "." for c in row] for row in picture.split()], np.int32)
    seeds = np.array([[c == "s" for c in row] for row in picture.split()], np.int32)
    runs = find_runs(labels)
    of = skeletons(runs, find_boxes(runs), seeds)
    return {name: int(values[0]) for name, values in of._asdict().items()}


PICTURES = [
    pytest.param("#", (0, 0, 0, 1, 0), id="pixel"),
    pytest.param("#####", (4, 0, 0, 2, 0), id="line"),
    pytest.param("#.. .#. ..#", (0, 2, 0, 2, 0), id="slant"),
    pytest.param("#......#......# .#.....#.....#. ..#....#....#..", (2, 4, 0, 6, 0), id="three"),
    pytest.param(
        "...#... ...#... ...#... ####### ...#... ...#... ...#...", (12, 0, 1, 4, 0), id="cross"
    ),
    pytest.param("#...# .#.#. ..#.. ..#.. ..#..", (2, 4, 1, 3, 0), id="fork"),
    pytest.param("###ss###", (4, 0, 0, 2, 2), id="seeded"),
]


@pytest.mark.parametrize(("picture", "expected"), PICTURES)
def test_parts(picture, expected):
    assert tuple(parts(picture).values()) == expected


def test_lengths_of_pixels_that_are_not_square():
    labels = np.eye(5, dtype=np.int32)
    runs = find_runs(labels)
    of = skeletons(runs, find_boxes(runs), labels * 0)
    assert lengths(of, (3.0, 4.0)).tolist() == [4 * 5]
    assert lengths(of, (1.0, 1.0)) == pytest.approx(4 * np.sqrt(2))
