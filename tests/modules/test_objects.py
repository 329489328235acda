"""Modules that make and change objects."""

from __future__ import annotations

import numpy as np
import pytest
from skimage.draw import disk

from napari_tmaps.errors import InputError
from napari_tmaps.modules import (
    MODULES,
    expand_or_shrink,
    filter,  # noqa: A004 - the name that its users know
    label,
    register_objects,
    relabel,
    segment_secondary,
    separate_clumps,
)

CORNER = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 0], [1, 1, 0]], bool)


def discs(shape: tuple[int, int], *centres: tuple[float, float], radius: float) -> np.ndarray:
    mask = np.zeros(shape, bool)
    for centre in centres:
        mask[disk(centre, radius, shape=shape)] = True
    return mask


@pytest.mark.parametrize(
    ("connectivity", "expected"),
    [
        (8, [[1, 0, 0], [0, 1, 0], [0, 0, 0], [2, 2, 0]]),
        (4, [[1, 0, 0], [0, 2, 0], [0, 0, 0], [3, 3, 0]]),
    ],
)
def test_label(connectivity, expected):
    result = label(CORNER, connectivity=connectivity)
    assert result.tolist() == expected
    assert result.dtype == np.int32


def test_label_joins_touching_labels():
    assert label(np.array([[3, 4, 0, 9]], np.int32)).tolist() == [[1, 1, 0, 2]]


def test_relabel_keeps_the_order():
    assert relabel(np.array([[70, 3, 0, 2_000_000_000, 3]])).tolist() == [[2, 1, 0, 3, 1]]


def test_register_objects_labels_masks_over_edges():
    assert register_objects(CORNER).tolist() == label(CORNER, connectivity=4).tolist()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.int64])
def test_register_objects_keeps_labels(dtype):
    result = register_objects(np.array([[0, 7, 100]], dtype))
    assert result.tolist() == [[0, 7, 100]]
    assert result.dtype == np.int32


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        pytest.param(np.array([[0, -3]]), "label -3", id="negative"),
        pytest.param(np.array([[0, 2**31]]), "label 2147483648", id="too-large"),
        pytest.param(np.array([[0.0, 1.0]]), "type float64.*whole numbers", id="float"),
    ],
)
@pytest.mark.parametrize("module", [register_objects, relabel, filter, separate_clumps])
def test_labels_that_are_none(module, labels, message):
    with pytest.raises(InputError, match=message):
        module(labels)


@pytest.mark.parametrize("module", [filter, separate_clumps])
def test_stacks_are_refused_where_planes_are_meant(module):
    with pytest.raises(InputError, match="single planes"):
        module(np.zeros((2, 2, 2), np.int32))


def test_filter_by_area_renumbers():
    labels = np.array([[5, 5, 0, 6, 0, 9, 9, 9]], np.int32)
    assert filter(labels, lower_threshold=2).tolist() == [[1, 1, 0, 0, 0, 2, 2, 2]]
    assert filter(labels, upper_threshold=2).tolist() == [[1, 1, 0, 2, 0, 0, 0, 0]]
    assert filter(labels, lower_threshold=2, upper_threshold=2).tolist() == [[1, 1] + 6 * [0]]
    assert filter(labels, lower_threshold=4).any() == np.False_


@pytest.mark.parametrize(
    ("feature", "settings", "stays"),
    [
        pytest.param("eccentricity", {"lower_threshold": 0.9}, 1, id="long"),
        pytest.param("eccentricity", {"upper_threshold": 0.05}, 2, id="short"),
        pytest.param("circularity", {"lower_threshold": 0.8}, 2, id="round"),
        pytest.param("convexity", {"upper_threshold": 0.9}, 3, id="dented"),
    ],
)
def test_filter_by_shape(feature, settings, stays):
    labels = np.zeros((60, 60), np.int32)
    labels[2:6, 2:50] = 1
    labels[discs((60, 60), (25, 15), radius=10)] = 2
    labels[15:35, 30:50] = 3
    labels[15:35, 38:45] = 0
    labels[15:20, 30:50] = 3
    result = filter(labels, feature=feature, **settings)
    assert set(labels[result > 0]) == {stays}


def test_filter_thresholds_in_the_wrong_order():
    with pytest.raises(InputError, match=r"'lower_threshold' is 5.0.*no object could stay"):
        filter(CORNER, lower_threshold=5.0, upper_threshold=1.0)


@pytest.mark.parametrize(
    ("n", "expected"),
    [
        pytest.param(0, [4, 0, 0, 0, 0, 0, 9, 9, 9, 9], id="0"),
        pytest.param(1, [4, 4, 0, 0, 0, 9, 9, 9, 9, 9], id="grow"),
        pytest.param(50, [4, 4, 4, None, 9, 9, 9, 9, 9, 9], id="meet-in-the-middle"),
        pytest.param(-1, [0, 0, 0, 0, 0, 0, 0, 9, 9, 9], id="shrink-not-at-the-rim"),
        pytest.param(-50, [0] * 10, id="shrink-to-nothing"),
    ],
)
def test_expand_or_shrink(n, expected):
    result = expand_or_shrink(np.array([[4, 0, 0, 0, 0, 0, 9, 9, 9, 9]], np.int32), n=n)
    assert result.dtype == np.int32
    for got, wanted in zip(result[0].tolist(), expected, strict=True):
        assert got == wanted or (wanted is None and got in (4, 9))


@pytest.mark.parametrize("value", [0, 3], ids=["none", "all"])
@pytest.mark.parametrize("n", [-3, 3])
def test_expand_or_shrink_without_background_or_objects(n, value):
    labels = np.full((4, 4), value, np.int32)
    np.testing.assert_array_equal(expand_or_shrink(labels, n=n), labels)


SMALL = {"min_area": 400, "min_cut_area": 150, "max_convexity": 0.95, "max_circularity": 0.8}


@pytest.mark.parametrize(
    ("radius", "settings"),
    [pytest.param(12.5, SMALL, id="25px"), pytest.param(45, {}, id="90px-defaults")],
)
def test_two_overlapping_discs_are_cut_in_two(radius, settings):
    side = int(6 * radius)
    centres = ((side / 2, side / 2 - 0.9 * radius), (side / 2, side / 2 + 0.9 * radius))
    clump = discs((side, side), *centres, radius=radius)
    result = separate_clumps(clump, **settings)
    assert result.max() == 2
    first, second = (result[round(y), round(x)] for y, x in centres)
    assert {first, second} == {1, 2}
    # Only a line is lost, no longer than the discs are wide; it stands on their common chord.
    lost = clump & (result == 0)
    assert lost.sum() <= 2 * radius
    assert np.abs(np.nonzero(lost)[1] - side / 2).max() <= 2


@pytest.mark.parametrize("angle", [0, 35, 45, 90])
@pytest.mark.parametrize("seed", range(3))
def test_rough_touching_nuclei_are_cut(angle, seed):
    """Outlines with teeth of 1 to 2 pixels, and pits inside."""
    dy, dx = 11.5 * np.sin(np.radians(angle)), 11.5 * np.cos(np.radians(angle))
    random = np.random.default_rng(seed)
    mask = discs((70, 70), (35 - dy, 35 - dx), (35 + dy, 35 + dx), radius=12.5)
    from scipy import ndimage

    noise = ndimage.gaussian_filter(random.normal(size=mask.shape), 1) * 4
    depth = ndimage.distance_transform_edt(mask) - ndimage.distance_transform_edt(~mask)
    rough = label(depth + noise > 0)
    clump = rough == np.argmax(np.bincount(rough.ravel())[1:]) + 1
    assert separate_clumps(clump, **SMALL).max() == 2


@pytest.mark.parametrize("radius", [4, 8, 12.5, 20, 45, 100])
def test_a_single_disc_is_never_cut(radius):
    side = int(2 * radius + 9)
    disc = discs((side, side), (side / 2, side / 2), radius=radius)
    result = separate_clumps(
        disc, min_area=1, min_cut_area=1, max_convexity=1.0, max_circularity=2.0
    )
    np.testing.assert_array_equal(result, disc)


def test_a_c_stays_whole_because_it_has_no_waist():
    shape = discs((80, 80), (40, 40), radius=30) & ~discs((80, 80), (40, 40), radius=15)
    shape[36:45, 40:] = False
    np.testing.assert_array_equal(separate_clumps(shape, **SMALL), shape)


def test_three_discs_in_a_row_are_cut_twice_and_the_rest_keeps_its_place():
    clump = discs((60, 120), (30, 30), (30, 53), (30, 76), radius=13)
    lone = discs((60, 120), (30, 105), radius=8)
    result = separate_clumps(clump | lone, **SMALL)
    assert sorted(np.unique(result)) == [0, 1, 2, 3, 4]
    assert len({result[30, x] for x in (30, 53, 76, 105)}) == 4
    assert (result[lone] == result[30, 105]).all()


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param(SMALL | {"min_area": 5000}, id="too-small"),
        pytest.param(SMALL | {"max_area": 500}, id="too-large"),
        pytest.param(SMALL | {"max_convexity": 0.5}, id="convex-enough"),
        pytest.param(SMALL | {"max_circularity": 0.1}, id="round-enough"),
        pytest.param(SMALL | {"min_cut_area": 480}, id="parts-too-small"),
    ],
)
def test_what_does_not_qualify_stays_whole(settings):
    clump = discs((50, 70), (25, 24), (25, 46), radius=12.5)
    np.testing.assert_array_equal(separate_clumps(clump, **settings), clump)


def test_labels_are_not_joined():
    """Two labelled discs that touch are two objects already: nothing is cut away."""
    labels = discs((50, 70), (25, 24), (25, 47), radius=12.5).astype(np.int32) * 5
    labels[:, 36:][labels[:, 36:] > 0] = 8
    result = separate_clumps(labels, **SMALL)
    np.testing.assert_array_equal(result, relabel(labels))


def test_a_clump_in_the_corner_of_the_image_is_cut():
    clump = discs((40, 80), (5, 8), (5, 30), radius=12.5)
    assert separate_clumps(clump, **SMALL | {"min_area": 300}).max() == 2


@pytest.fixture
def cells() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Nuclei 4 and 9 in two touching cells, and nucleus 2 in the dark; camera offset 100."""
    nuclei = np.zeros((60, 100), np.int32)
    nuclei[discs(nuclei.shape, (30, 25), radius=6)] = 4
    nuclei[discs(nuclei.shape, (30, 60), radius=6)] = 9
    nuclei[4:8, 90:95] = 2
    bodies = discs(nuclei.shape, (30, 25), (30, 60), radius=20)
    y, x = np.indices(nuclei.shape)
    bright = 1000 + 25 * np.maximum(-np.hypot(y - 30, x - 25), -np.hypot(y - 30, x - 60))
    stain = np.where(bodies, bright, 100)
    random = np.random.default_rng(0)
    return nuclei, random.poisson(stain).astype(np.uint16), bodies


def test_cells_have_the_labels_of_their_nuclei_and_enclose_them(cells):
    nuclei, stain, bodies = cells
    result = segment_secondary(nuclei, stain)
    assert result.dtype == np.int32
    assert sorted(np.unique(result)) == [0, 2, 4, 9]
    np.testing.assert_array_equal(result[nuclei > 0], nuclei[nuclei > 0])
    # The threshold of 16 bit images needs no setting: nearly the whole bodies are found.
    found = (result == 4) | (result == 9)
    assert (found & bodies).sum() / (found | bodies).sum() > 0.97
    # The two meet half way, with a line between.
    assert abs(np.nonzero(result[30] == 4)[0].max() - 42) <= 2
    for a, b in ((result[1:], result[:-1]), (result[:, 1:], result[:, :-1])):
        assert not ((a != b) & (a > 0) & (b > 0)).any()


def test_a_nucleus_in_the_dark_is_its_own_cell(cells):
    nuclei, stain, _ = cells
    np.testing.assert_array_equal(segment_secondary(nuclei, stain) == 2, nuclei == 2)


@pytest.mark.parametrize(
    ("settings", "pixels"),
    [
        pytest.param({"min_threshold": 65535}, "nuclei", id="nothing-is-bright-enough"),
        pytest.param({"min_threshold": 300, "max_threshold": 300}, "bodies", id="manual"),
        pytest.param({"max_threshold": 10}, "all", id="everything-is-bright"),
    ],
)
def test_thresholds_of_cells(cells, settings, pixels):
    nuclei, stain, bodies = cells
    expected = {"nuclei": nuclei > 0, "bodies": bodies | (nuclei > 0), "all": bodies | True}[pixels]
    result = segment_secondary(nuclei, stain, **settings) > 0
    # But for the lines between cells.
    assert (result & ~expected).sum() == 0
    assert (expected & ~result).sum() <= 2 * sum(nuclei.shape)


def test_contrast_takes_away_the_halo_of_a_bright_cell():
    nuclei = np.zeros((90, 90), np.int32)
    nuclei[18:22, 18:22] = 1
    stain = np.full((90, 90), 100, np.uint16)
    stain[5:35, 5:35] = 20000
    stain[8:32, 8:32] = 50000
    assert (segment_secondary(nuclei, stain) == 1).sum() == 30 * 30
    tight = segment_secondary(nuclei, stain, contrast_threshold=5000) == 1
    np.testing.assert_array_equal(tight, stain == 50000)


def test_holes_in_a_cell_are_closed():
    nuclei = np.zeros((30, 30), np.int32)
    nuclei[5:8, 5:8] = 3
    stain = np.full((30, 30), 100, np.uint16)
    stain[2:28, 2:28] = 2000
    stain[15:20, 15:20] = 100
    assert (segment_secondary(nuclei, stain) == 3).sum() == 26 * 26


@pytest.mark.parametrize("value", [0, 6], ids=["none", "everywhere"])
def test_cells_without_nuclei_or_without_background(value):
    nuclei = np.full((5, 5), value, np.int32)
    stain = np.arange(25, dtype=np.uint16).reshape(5, 5)
    np.testing.assert_array_equal(segment_secondary(nuclei, stain), nuclei)


@pytest.mark.parametrize(
    ("nuclei", "stain", "settings", "message"),
    [
        pytest.param(
            np.zeros((4, 4), np.int32), np.zeros((4, 5), np.uint16), {}, "shape", id="shape"
        ),
        pytest.param(np.zeros((4, 4), bool), np.zeros((4, 4), np.uint16), {}, "'label'", id="mask"),
        pytest.param(np.zeros((4, 4), np.int32), np.zeros((4, 4)), {}, "uint16", id="float"),
        pytest.param(
            np.zeros((4, 4), np.int32),
            np.zeros((4, 4), np.uint16),
            {"min_threshold": 5, "max_threshold": 4},
            "above 'max_threshold'",
            id="limits",
        ),
    ],
)
def test_segment_secondary_refuses(nuclei, stain, settings, message):
    with pytest.raises(InputError, match=message):
        segment_secondary(nuclei, stain, **settings)


def test_modules_are_listed_under_their_names():
    assert all(name == module.__name__ for name, module in MODULES.items())
    assert all(module.__doc__ for module in MODULES.values())
