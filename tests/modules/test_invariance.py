"""What must not change the values of any module: place, direction, numbers, types of pixels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from napari_tmaps.model.features import find
from napari_tmaps.modules import MODULES
from napari_tmaps.modules.describe import describe

from .measured import CALLS, Scene, make_scene

SCENE = make_scene()
WHOLE_SITE = {"measure_site_quality"}

# Columns that a turn of the site changes, and why; a * stands for the rest of a name.
TURNED = {
    "Geometry_Orientation": "an angle to the y axis",
    "Skeleton_length*": "thinning takes off the lower right side first",
    "RadialDistribution_fraction-*": "of several pixels that are farthest from the outside, the "
    "first in reading order is the centre",
    "RadialDistribution_mean-fraction-*": "the same",
    "RadialDistribution_variation-*": "the same",
    "Morphology3D_upper_surface_area": "squares are cut from upper left to lower right",
    "Morphology3D_total_surface_area": "the same",
}


def exempt(name, columns):
    return any(name == each or (each[-1] == "*" and name.startswith(each[:-1])) for each in columns)


def is_position(name):
    return find(name).feature.unit in ("px of the site", "planes") or "Centroid" in name


def compare(before, after, *, left_out=(), rtol=1e-9):
    assert list(before) == list(after)
    assert len(before) == len(after) > 0
    for name in before:
        if not exempt(name, left_out) and not is_position(name):
            scale = np.nanmax(np.abs(before[name].to_numpy()), initial=0)
            np.testing.assert_allclose(
                after[name], before[name], rtol=rtol, atol=rtol * scale + 1e-12, err_msg=name
            )


@pytest.mark.parametrize("module", CALLS)
def test_turned_by_90_degrees(module):
    table = CALLS[module](SCENE)
    turned = CALLS[module](SCENE.each(lambda part: np.rot90(part)))
    compare(table, turned.loc[table.index], left_out=TURNED)


@pytest.mark.parametrize("module", [name for name in CALLS if name not in WHOLE_SITE])
def test_moved(module):
    """The rim of the scene is empty, so that it can go around."""
    table = CALLS[module](SCENE)
    moved = CALLS[module](SCENE.each(lambda part: np.roll(part, (8, -12), (0, 1))))
    compare(table, moved)
    for name in table:
        if find(name).feature.unit == "px of the site":
            step = 8 if name.split("_")[-1] in ("y", "Top", "Bottom") else -12
            np.testing.assert_allclose(moved[name], table[name] + step, rtol=1e-12)


@pytest.mark.parametrize("module", CALLS)
def test_other_numbers(module):
    """The same objects, the last one first, and numbers that are far apart."""
    old = np.unique(SCENE.labels)
    new = np.concatenate([[0], 90_000 - 7_001 * np.arange(1, old.size) % 80_000]).astype(np.int32)
    assert np.unique(new).size == old.size
    other = replace(SCENE, labels=new[np.searchsorted(old, SCENE.labels)])
    table, renumbered = CALLS[module](SCENE), CALLS[module](other)
    if module not in WHOLE_SITE:
        assert renumbered.index.tolist() == sorted(new[1:])
        renumbered = renumbered.loc[new[np.searchsorted(old, table.index)]]
        assert [name for name in table if is_position(name)] == [
            name
            for name in table
            if is_position(name) and np.allclose(renumbered[name], table[name], equal_nan=True)
        ]
    compare(table, renumbered)


@pytest.mark.parametrize("module", CALLS)
def test_other_types(module):
    """Labels in any whole numbers; 8 bit pixels measured as 16 bit ones."""
    small = make_scene(4, np.uint8)
    table = CALLS[module](small)
    wide = Scene(
        small.labels.astype(np.uint16),
        small.image.astype(np.uint16),
        small.other.astype(np.uint16),
        small.parents.astype(np.int64),
    )
    columns = [name for name in table if name != "Quality_saturated_percent"]
    pd.testing.assert_frame_equal(CALLS[module](wide)[columns], table[columns])


@pytest.mark.parametrize("module", [name for name in CALLS if name not in WHOLE_SITE])
def test_no_objects(module):
    empty = replace(SCENE, labels=SCENE.labels * 0)
    table = CALLS[module](empty)
    assert len(table) == 0
    full = CALLS[module](SCENE)
    assert list(table) == list(full)
    assert (table.dtypes == np.float64).all()
    assert table.index.name == full.index.name


@pytest.mark.parametrize("module", [name for name in CALLS if name not in WHOLE_SITE])
def test_one_object_that_fills_the_site(module):
    random = np.random.default_rng(1)
    one = np.ones((40, 50), np.int32)
    image = random.integers(1, 4000, one.shape, np.uint16)
    table = CALLS[module](Scene(one, image, image + 1, one))
    assert table.index.tolist() == [1]


# Every pixel of this site of 272 × 272 is an object: 73,984 of them.
MANY = np.arange(1, 272**2 + 1, dtype=np.int32).reshape(272, 272)


@pytest.mark.parametrize(
    "module", [name for name in CALLS if name not in ("measure_texture", *WHOLE_SITE)]
)
def test_more_objects_than_16_bits_can_number(module):
    image = (MANY % 251).astype(np.uint16)
    table = CALLS[module](Scene(MANY, image, image, MANY))
    assert table.index.tolist() == MANY.ravel().tolist()
    name = {"measure_intensity": "Intensity_sum", "measure_intensity_3D": "Intensity_max"}
    if module in name:
        np.testing.assert_array_equal(table[name[module]], image.ravel())


STAINED = [
    name
    for name in CALLS
    if "intensity_image" in [spec.name for spec in describe(MODULES[name]).inputs]
]


@pytest.mark.parametrize("module", STAINED)
def test_pixels_of_other_types_are_refused_in_words(module):
    scene = replace(SCENE, image=SCENE.image.astype(np.float32))
    with pytest.raises(ValueError, match="type float32"):
        CALLS[module](scene)
