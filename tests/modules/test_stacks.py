"""Modules on stacks: balls in planes that are two pixels apart."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from napari_tmaps import modules as m
from napari_tmaps.errors import InputError

UM = (1.0, 0.5, 0.5)  # planes are two pixels apart
STEP = 2.0
SHAPE = (20, 64, 80)


def ball(centre, radius, shape=SHAPE):
    z, y, x = np.indices(shape)
    squares = (STEP * (z - centre[0])) ** 2 + (y - centre[1]) ** 2 + (x - centre[2]) ** 2
    return squares <= radius**2


# Two that touch one above the other, two that touch side by side, one alone.
CENTRES = ((5, 20, 20), (13, 20, 20), (10, 42, 50), (10, 42, 65), (9, 12, 60))
BALLS = [ball(centre, 8.5) for centre in CENTRES]
MASK = np.any(BALLS, axis=0)
IMAGE = np.where(MASK, 900, 100).astype(np.uint16)


def test_touching_balls_are_separated_also_along_z():
    seeds = m.find_seeds(MASK, min_distance=7, pixel_size_um=UM)
    assert seeds.max() == 5
    labels = m.watershed(seeds, MASK, pixel_size_um=UM)
    np.testing.assert_array_equal(labels > 0, MASK)
    for centre, one in zip(CENTRES, BALLS, strict=True):
        own = labels == labels[centre]
        assert (own & one).sum() / (own | one).sum() > 0.9
    # As cubes, the balls are flat, and what lies above each other is one.
    assert m.find_seeds(MASK, min_distance=9).max() < 5


@pytest.mark.parametrize("energy", ["intensity", "both", "edges"])
def test_watershed_by_a_stain(energy):
    stain = np.rint(m.smooth(IMAGE, filter_size=2, pixel_size_um=UM)).astype(np.uint16)
    seeds = m.find_seeds(MASK, stain, method="both", min_distance=7, pixel_size_um=UM)
    labels = m.watershed(seeds, MASK, stain, energy=energy, lines=True, pixel_size_um=UM)
    assert m.label(labels > 0, connectivity=4).max() == 5


def test_seeds_by_intensity_need_an_image():
    with pytest.raises(InputError, match="need an image"):
        m.find_seeds(MASK, method="intensity")


def test_a_blur_is_as_wide_along_z_as_in_the_planes():
    point = np.zeros((21, 41, 41), np.uint16)
    point[10, 20, 20] = 60000
    found = m.smooth(point, filter_size=4, pixel_size_um=UM).astype(float)
    places = np.indices(point.shape)
    away = places - np.reshape((10, 20, 20), (3, 1, 1, 1))
    variance = (found * away**2).sum(axis=(1, 2, 3)) / found.sum()
    np.testing.assert_allclose(np.sqrt(variance) * (STEP, 1, 1), 4, rtol=0.03)


@pytest.mark.parametrize("filter_name", ["median", "average", "bilateral"])
def test_other_filters_go_plane_by_plane(filter_name):
    noisy = np.random.default_rng(0).integers(0, 999, (3, 20, 24), np.uint16)
    found = m.smooth(noisy, filter_name=filter_name, filter_size=3)
    for plane, one in zip(noisy, found, strict=True):
        np.testing.assert_array_equal(m.smooth(plane, filter_name=filter_name, filter_size=3), one)


PLANEWISE = {
    "denoise": {},
    "subtract_background": {"size": 12},
    "morph_image": {"radius": 2},
    "enhance_contrast": {},
    "morph_mask": {"radius": 2.0},
}


@pytest.mark.parametrize("name", PLANEWISE)
def test_modules_that_work_on_each_plane_by_itself(name):
    image = IMAGE + np.random.default_rng(0).integers(0, 50, SHAPE, np.uint16)
    stack = (MASK if name == "morph_mask" else image)[4:7]
    found = m.MODULES[name](stack, **PLANEWISE[name])
    for plane, one in zip(stack, found, strict=True):
        np.testing.assert_array_equal(m.MODULES[name](plane, **PLANEWISE[name]), one)


@pytest.mark.parametrize("name", [*PLANEWISE, "fill", "label", "find_seeds"])
def test_a_stack_without_pixels_is_refused(name):
    empty = np.zeros((0, 5, 5), bool if name in ("morph_mask", "fill", "label") else np.uint16)
    with pytest.raises(InputError, match="at least one pixel"):
        m.MODULES[name](empty)


LOCAL = [
    ("threshold_local", {"window": 31}),
    ("threshold_local", {"window": 31, "method": "sauvola", "min_threshold": 400}),
    ("threshold_local", {"window": 31, "method": "bernsen"}),
    ("threshold_adaptive", {"kernel_size": 31, "min_threshold": 400}),
    ("threshold_adaptive", {"kernel_size": 31, "method": "crosscorr", "min_threshold": 400}),
    ("threshold_otsu", {}),
    ("threshold_global", {"smoothing": 0.0}),
    ("threshold_manual", {"threshold": 500}),
]


@pytest.mark.parametrize(("name", "settings"), LOCAL)
def test_a_threshold_finds_the_balls(name, settings):
    found = m.MODULES[name](IMAGE, **settings)
    assert (found & MASK).sum() / (found | MASK).sum() > 0.95
    # A plane without a ball has none because the threshold is that of the whole stack.
    assert not found[~MASK.any(axis=(1, 2))].any()


def test_holes_are_closed_where_they_reach_no_side():
    shell = ball((10, 30, 30), 14) & ~ball((10, 30, 30), 6)
    np.testing.assert_array_equal(m.fill(shell), ball((10, 30, 30), 14))
    np.testing.assert_array_equal(m.fill(shell, max_hole_area=20), shell)
    opened = shell[10:]  # the hole lies open at the first plane
    np.testing.assert_array_equal(m.fill(opened), opened)


def test_labels_and_their_numbers():
    pair = np.zeros((3, 5, 5), bool)
    pair[0, 1, 1] = pair[1, 2, 2] = True
    assert m.label(pair).max() == 1
    assert m.label(pair, connectivity=4).max() == 2
    labels = np.where(pair, np.int32(70_000), 0)
    labels[2, 4, 4] = 9
    assert np.unique(m.relabel(labels)).tolist() == [0, 1, 2]
    assert m.relabel(labels)[2, 4, 4] == 1
    apart = m.split_objects(np.where(ball((5, 20, 20), 5) | ball((5, 50, 60), 5), 7, 0))
    assert np.unique(apart).tolist() == [0, 1, 2]
    for read in (m.use_label_image, m.register_objects_channel):
        np.testing.assert_array_equal(read(labels), labels)


def test_objects_grow_and_shrink_by_a_length():
    one = ball((10, 32, 40), 10).astype(np.int32) * 5
    grown = m.expand_or_shrink(one, n=4, pixel_size_um=UM)
    shrunk = m.expand_or_shrink(one, n=-4, pixel_size_um=UM)
    for found, radius in ((grown, 14), (shrunk, 6)):
        expected = ball((10, 32, 40), radius)
        assert (found == 5).sum() == pytest.approx(expected.sum(), rel=0.15)
    assert grown[3, 32, 40] == 5  # 7 planes are 14 pixels
    assert grown[2, 32, 40] == 0


def test_objects_are_removed_by_size_and_at_the_sides():
    labels = np.zeros(SHAPE, np.int32)
    for number, one in enumerate(BALLS, start=1):
        labels[one & (labels == 0)] = number
    labels[0:2, 30, 30] = 8  # at the first plane, two voxels
    labels[5:9, 60:64, 76:80] = 9  # at a side
    kept = m.remove_objects(labels, min_area=3, remove_border=True)
    assert np.unique(kept).tolist() == [0, 1, 2, 3, 4, 5]
    assert np.unique(m.remove_objects(labels, max_area=64)).tolist() == [0, 8, 9]
    large = m.filter_by_feature(labels, feature="Solid_Voxels", lower_threshold=65)
    assert np.unique(large).tolist() == [0, 1, 2, 3, 4, 5]
    dim = m.filter_by_feature(labels, IMAGE, feature="Intensity_max", upper_threshold=500)
    assert np.unique(dim).tolist() == [0, 8, 9]
    with pytest.raises(InputError, match="not defined for a stack"):
        m.filter_by_feature(labels, IMAGE, feature="Intensity_edge_mean")


def test_cells_grow_around_nuclei_in_all_directions():
    nuclei = m.label(ball((10, 32, 20), 5) | ball((10, 32, 60), 5))
    stain = np.full(SHAPE, 50, np.uint16)
    for centre in ((10, 32, 20), (10, 32, 60)):
        stain[ball(centre, 14)] = 800
    cells = m.segment_secondary(nuclei, stain)
    for number, centre in ((1, (10, 32, 20)), (2, (10, 32, 60))):
        np.testing.assert_array_equal(cells == number, ball(centre, 14))
    ring = m.subtract_objects(cells, nuclei)
    np.testing.assert_array_equal(ring, np.where(nuclei > 0, 0, cells))
    thick = m.subtract_objects(cells, nuclei, shrink=2, pixel_size_um=UM)
    assert (thick > 0).sum() > (ring > 0).sum()
    edge = m.segment_secondary(nuclei, stain, contrast_threshold=100)
    assert 0 < (edge > 0).sum() <= (cells > 0).sum()


def test_neighbours_of_bodies():
    labels = np.zeros((12, 40, 60), np.int32)
    labels[4:8, 10:20, 10:20] = 3
    labels[4:8, 10:20, 20:30] = 70_000  # side by side: a tenth of the surface and more
    labels[10:12, 10:20, 10:20] = 9  # three planes, thus six pixels, above
    table = m.measure_neighbours(
        labels, labels, neighbour_distance=5, touching_distance=1, pixel_size_um=UM
    )
    assert table["Neighbours_Neighbours_Count"].tolist() == [1, 0, 1]
    inner = 2 * 8 * 8
    assert table.loc[3, "Neighbours_Fraction_Touching"] == pytest.approx(40 / (400 - inner))
    assert table.loc[9, "Neighbours_Fraction_Touching"] == 0
    assert table.loc[3, "Neighbours_First_Closest_Distance"] == pytest.approx(10)
    assert table.loc[3, "Neighbours_Second_Closest_Distance"] == pytest.approx(2 * 5)
    further = m.measure_neighbours(labels, labels, neighbour_distance=6, pixel_size_um=UM)
    assert further["Neighbours_Neighbours_Count"].tolist() == [2, 1, 1]


def test_colocalisation_of_bodies_is_that_of_the_same_voxels_in_a_plane():
    random = np.random.default_rng(0)
    a, b = (random.integers(0, 999, SHAPE, np.uint16) for _ in range(2))
    labels = m.label(MASK)
    stacked = m.measure_colocalisation(labels, labels, a, b)
    flat = m.measure_colocalisation(
        *(part.reshape(-1, SHAPE[2]) for part in (labels, labels, a, b))
    )
    np.testing.assert_array_equal(stacked, flat)


def test_pixels_are_calculated_alike_in_stacks():
    assert (m.invert(IMAGE) == 65535 - IMAGE).all()
    np.testing.assert_array_equal(m.apply_mask(IMAGE, MASK), np.where(MASK, IMAGE, 0))
    np.testing.assert_array_equal(m.image_math(IMAGE, IMAGE, operation="add"), 2 * IMAGE)
    assert m.rescale(IMAGE, min_value=100, max_value=900).max() == 65535
    assert m.combine_channels(IMAGE, IMAGE).shape == SHAPE
    assert ndimage.label(MASK)[1] == 3
