"""Modules that part, join and choose objects."""

from __future__ import annotations

import mahotas
import numpy as np
import pytest
from scipy import ndimage
from skimage import measure, segmentation

from napari_tmaps.errors import InputError
from napari_tmaps.modules import (
    filter_by_feature,
    find_seeds,
    label,
    merge_objects,
    remove_objects,
    separate_clumps,
    separate_touching,
    show_clumps,
    split_objects,
    subtract_objects,
    watershed,
)

Y, X = np.indices((90, 140))


def disc(y: float, x: float, radius: float) -> np.ndarray:
    return (Y - y) ** 2 + (X - x) ** 2 <= radius**2


ROW = np.array([[3, 3, 0, 8, 0, 0, 5, 5, 5, 0, 0, 0, 9, 9]], np.int32)


@pytest.mark.parametrize(
    ("settings", "stay"),
    [
        pytest.param({}, {3, 8, 5, 9}, id="all"),
        pytest.param({"min_area": 2}, {3, 5, 9}, id="no-small"),
        pytest.param({"max_area": 2}, {3, 8, 9}, id="no-large"),
        pytest.param({"remove_border": True}, set(), id="one-row-is-all-rim"),
    ],
)
def test_remove_objects_keeps_labels(settings, stay):
    result = remove_objects(ROW, **settings)
    np.testing.assert_array_equal(result, np.where(np.isin(ROW, list(stay)), ROW, 0))
    assert result.dtype == np.int32


@pytest.mark.parametrize("distance", [0, 1, 3])
def test_border_objects_beside_scikit_image(distance):
    random = np.random.default_rng(0)
    mask = ndimage.gaussian_filter(random.normal(size=(120, 120)), 3) > 0.08
    labels = label(mask, connectivity=4)
    expected = segmentation.clear_border(labels, buffer_size=distance)
    result = remove_objects(labels, remove_border=True, border_distance=distance)
    np.testing.assert_array_equal(result, expected)
    np.testing.assert_array_equal(
        result > 0, remove_objects(mask, remove_border=True, border_distance=distance) > 0
    )
    if distance == 0:
        beside = mahotas.labeled.remove_bordering(labels.copy())
        np.testing.assert_array_equal(result, beside)


@pytest.mark.parametrize(
    ("feature", "prop"),
    [
        ("Intensity_mean", "intensity_mean"),
        ("Intensity_max", "intensity_max"),
        ("Intensity_median", "intensity_median"),
        ("Morphology_Area", "area"),
        ("Morphology_Eccentricity", "eccentricity"),
        ("Morphology_Convexity", "solidity"),
        ("Morphology_Major_Axis_Length", "axis_major_length"),
    ],
)
def test_filter_by_feature_beside_regionprops(feature, prop):
    random = np.random.default_rng(1)
    image = random.integers(0, 5000, (120, 120)).astype(np.uint16)
    labels = label(ndimage.gaussian_filter(random.normal(size=image.shape), 3) > 0.05)
    table = measure.regionprops_table(labels, image, properties=("label", prop))
    limit = float(np.median(table[prop])) + 1e-6
    expected = table["label"][table[prop] >= limit]
    result = filter_by_feature(labels, image, feature=feature, lower_threshold=limit)
    assert np.unique(result[result > 0]).tolist() == expected.tolist()
    rest = filter_by_feature(labels, image, feature=feature, upper_threshold=limit)
    np.testing.assert_array_equal(np.where(result > 0, result, rest), labels)


@pytest.mark.parametrize(
    "feature", ["Intensity_edge_mean", "Intensity_mass_displacement", "Intensity_corrected_mean"]
)
def test_features_that_are_measured_on_demand(feature):
    labels = np.zeros((20, 40), np.int32)
    labels[5:14, 5:14], labels[5:14, 25:34] = 4, 7
    image = np.full(labels.shape, 100, np.uint16)
    image[5:14, 5:9] = 900  # bright on one side
    result = filter_by_feature(labels, image, feature=feature, lower_threshold=1.0)
    if feature == "Intensity_edge_mean":
        result = filter_by_feature(labels, image, feature=feature, lower_threshold=101.0)
    np.testing.assert_array_equal(result, np.where(labels == 4, 4, 0))


def test_what_cannot_be_filtered():
    with pytest.raises(InputError, match="'Intensity_mean' needs an image"):
        filter_by_feature(ROW)
    with pytest.raises(InputError, match="no object could stay"):
        filter_by_feature(ROW, feature="Morphology_Area", lower_threshold=3.0, upper_threshold=2.0)
    with pytest.raises(InputError, match="no object could stay"):
        remove_objects(ROW, min_area=5, max_area=4)


def test_split_objects_beside_scikit_image():
    random = np.random.default_rng(2)
    labels = (ndimage.zoom(random.integers(0, 4, (12, 12)), 5, order=0)).astype(np.int32)
    expected = measure.label(labels, connectivity=2, background=0)
    np.testing.assert_array_equal(split_objects(labels), expected)
    assert not split_objects(np.zeros((3, 3), np.int32)).any()


@pytest.mark.parametrize(
    ("distance", "expected"),
    [
        pytest.param(0, [3, 8, 5, 9], id="touching-only"),
        pytest.param(1, [3, 3, 5, 9], id="a-gap-of-1"),
        pytest.param(2, [3, 3, 3, 9], id="a-gap-of-2-in-a-chain"),
        pytest.param(3, [3, 3, 3, 3], id="all"),
    ],
)
def test_merge_near_objects(distance, expected):
    lookup = np.zeros(10, np.int32)
    lookup[[3, 8, 5, 9]] = expected
    np.testing.assert_array_equal(merge_objects(ROW, max_distance=distance), lookup[ROW])


@pytest.mark.parametrize("transform", [lambda a: a, np.transpose, np.fliplr, np.rot90])
def test_objects_that_touch_in_a_corner_are_merged(transform):
    labels = np.ascontiguousarray(transform(np.array([[4, 0, 0], [0, 2, 0], [0, 0, 0]], np.int32)))
    np.testing.assert_array_equal(merge_objects(labels, max_distance=0), 2 * (labels > 0))


def test_merge_within_parents():
    labels = np.array([[1, 0, 2, 0, 3, 0, 4, 4, 4, 0, 6]], np.int32)
    cells = np.array([[7, 7, 7, 7, 9, 9, 9, 7, 7, 0, 0]], np.int32)
    expected = [[1, 0, 1, 0, 3, 0, 1, 1, 1, 0, 6]]
    assert merge_objects(labels, cells).tolist() == expected
    with pytest.raises(InputError, match="same size"):
        merge_objects(labels, cells[:, :3])
    empty = np.zeros((3, 4), np.int32)
    np.testing.assert_array_equal(merge_objects(empty), empty)


def test_cytoplasm_by_parent():
    """Nucleus 2 lies mostly in cell 30 and reaches into cell 10, where it leaves no hole."""
    cells = np.array([[10, 10, 10, 10, 30, 30, 30, 30, 0, 50, 50]], np.int32)
    nuclei = np.array([[0, 1, 0, 2, 2, 2, 0, 0, 4, 0, 0]], np.int32)
    expected = [[10, 0, 10, 10, 0, 0, 30, 30, 0, 50, 50]]
    assert subtract_objects(cells, nuclei).tolist() == expected
    expected[0][-2:] = [0, 0]
    assert subtract_objects(cells, nuclei, keep_empty=False).tolist() == expected


def test_the_outline_of_a_nucleus_may_belong_to_the_cytoplasm():
    cells, nuclei = disc(45, 45, 30).astype(np.int32) * 5, disc(45, 45, 12).astype(np.int32)
    result = subtract_objects(cells, nuclei, shrink=3)
    inner = ndimage.distance_transform_edt(nuclei) > 3
    np.testing.assert_array_equal(result, np.where(inner, 0, cells))
    with pytest.raises(InputError, match="same size"):
        subtract_objects(cells, nuclei[:5])


TWO = disc(45, 45, 20) | disc(45, 80, 20)
STAIN = (200 + 2000 * disc(45, 45, 20) + 1000 * disc(45, 80, 20)).astype(np.uint16)


def test_seeds_are_the_thickest_places():
    seeds = find_seeds(TWO, min_distance=10, smoothing=1.0)
    centres = ndimage.center_of_mass(seeds > 0, seeds, [1, 2])
    np.testing.assert_allclose(sorted(centres), [[45, 45], [45, 80]], atol=1)
    assert seeds.max() == 2
    assert find_seeds(TWO, min_distance=40).max() == 1


@pytest.mark.parametrize("method", ["intensity", "both"])
def test_seeds_are_the_brightest_places(method):
    image = (3000 * np.exp(-((Y - 40) ** 2 + (X - 50) ** 2) / 50)).astype(np.uint16)
    seeds = find_seeds(TWO, image, method=method, min_distance=60)
    y, x = np.argwhere(seeds == 1).mean(axis=0)
    assert np.hypot(y - 40, x - 50) < 3
    assert not find_seeds(np.zeros_like(TWO), image, method=method).any()


def test_watershed_by_distance_beside_scikit_image():
    seeds = find_seeds(TWO, min_distance=10)
    expected = segmentation.watershed(-ndimage.distance_transform_edt(TWO), seeds, mask=TWO)
    result = watershed(seeds, TWO)
    assert (result != expected).sum() <= 45  # pixels on the border between the two
    np.testing.assert_array_equal(result > 0, TWO)
    # Both meet half way.
    assert abs(np.nonzero(result[45] == result[45, 45])[0].max() - 62) <= 1


def test_watershed_by_intensity_meets_in_the_dark():
    seeds = np.zeros(TWO.shape, np.int32)
    seeds[45, 40], seeds[45, 85] = 6, 3
    image = (1000 + 20 * np.abs(X - 55)).astype(np.uint16)
    result = watershed(seeds, TWO, image, energy="intensity")
    np.testing.assert_array_equal(
        result, np.where(TWO, np.where(X < 55, 6, 3), 0) * (X != 55) + result * (X == 55)
    )
    parted = watershed(seeds, TWO, image, energy="intensity", lines=True)
    assert label(parted > 0, connectivity=4).max() == 2
    both = watershed(seeds, TWO, image, energy="both")
    assert set(np.unique(both)) == {0, 3, 6}


def test_watershed_by_edges_meets_at_the_step():
    seeds = np.zeros(TWO.shape, np.int32)
    seeds[45, 10], seeds[45, 120] = 1, 2
    image = np.where(X < 50, 1000, 3000).astype(np.uint16)
    result = watershed(seeds, np.ones_like(TWO), image, energy="edges")
    assert (result[:, :49] == 1).all()
    assert (result[:, 51:] == 2).all()


def test_parts_without_a_seed_are_background():
    seeds = np.zeros(TWO.shape, np.int32)
    seeds[5, 5] = 1
    assert not watershed(seeds, TWO).any()
    seeds[45, 45] = 4
    lone = disc(20, 120, 8)
    assert set(np.unique(watershed(seeds, TWO | lone)[lone])) == {0}


@pytest.mark.parametrize(
    ("action", "message"),
    [
        pytest.param(lambda: find_seeds(TWO, method="both"), "need an image", id="seeds"),
        pytest.param(
            lambda: watershed(ROW, ROW > 0, energy="intensity"), "needs an image", id="energy"
        ),
        pytest.param(lambda: watershed(ROW, TWO), "same size", id="shape"),
        pytest.param(lambda: watershed(TWO, TWO), "'label'", id="seeds-are-labels"),
        pytest.param(lambda: separate_touching(TWO, STAIN[:9]), "same size", id="touching-shape"),
        pytest.param(
            lambda: separate_touching(TWO, STAIN.astype(float)), "uint16", id="touching-float"
        ),
    ],
)
def test_bad_input_is_refused(action, message):
    with pytest.raises(InputError, match=message):
        action()


@pytest.mark.parametrize("zoom", [0.4, 1, 3])
def test_touching_discs_are_parted_at_any_size(zoom):
    mask, stain = (ndimage.zoom(image, zoom, order=0) for image in (TWO, STAIN))
    result = separate_touching(mask, stain)
    assert result.max() == 2
    np.testing.assert_array_equal(result > 0, mask)
    y, left, right = (round(zoom * place) for place in (45, 45, 80))
    assert result[y, left] != result[y, right]


def test_brightness_parts_what_shape_does_not():
    """An oval with a dark band across."""
    oval = (Y - 45) ** 2 / 400 + (X - 70) ** 2 / 1600 <= 1
    stain = np.where(oval, 2000 - 1200 * np.exp(-((X - 70) ** 2) / 18), 100).astype(np.uint16)
    assert separate_touching(oval, stain).max() == 2
    assert separate_touching(oval, stain, intensity_weight=0.0).max() == 1


def test_single_discs_stay_whole_and_crumbs_go():
    mask = disc(30, 30, 18) | disc(60, 100, 18) | disc(10, 120, 2)
    random = np.random.default_rng(0)
    stain = random.poisson(np.where(mask, 900, 100)).astype(np.uint16)
    result = separate_touching(mask, stain)
    np.testing.assert_array_equal(result, label(disc(30, 30, 18) | disc(60, 100, 18)))
    assert not separate_touching(np.zeros_like(mask), stain).any()


def test_labels_are_never_joined():
    labels = np.where(disc(45, 45, 20), np.where(X < 45, 4, 9), 0).astype(np.int32)
    assert separate_touching(labels, STAIN).max() == 2


SETTINGS = {"min_area": 400, "min_cut_area": 150, "max_convexity": 0.95, "max_circularity": 0.9}


def test_clumps_are_shown_with_their_values():
    lone = disc(20, 120, 10)
    shown = show_clumps(TWO | lone, **SETTINGS)
    clump, single = shown.area[45, 45], shown.area[20, 120]
    assert (clump, single) == (TWO.sum(), lone.sum())
    props = {each.label: each for each in measure.regionprops(label(TWO | lone))}
    of_clump = props[label(TWO | lone)[45, 45]]
    assert shown.convexity[45, 45] == pytest.approx(1000 * of_clump.solidity, abs=1)
    roundness = 4 * np.pi * of_clump.area / of_clump.perimeter**2
    assert shown.circularity[45, 45] == pytest.approx(1000 * roundness, abs=1)
    assert shown.circularity[45, 45] < shown.circularity[20, 120]
    assert not shown.area[~(TWO | lone)].any()
    np.testing.assert_array_equal(shown.clumps > 0, TWO)
    expected = (TWO | lone) & (separate_clumps(TWO | lone, **SETTINGS) == 0)
    np.testing.assert_array_equal(shown.cuts, expected)
    assert shown.cuts.any()


def test_what_remains_after_the_cuts_is_shown():
    shown = show_clumps(TWO, remaining=True, **SETTINGS)
    assert not shown.clumps.any()
    assert shown.area[45, 45] < 0.55 * TWO.sum()
    assert shown.circularity[45, 45] > 850
