"""Neighbours and point patterns, by hand and against plain definitions."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from napari_tmaps.errors import InputError
from napari_tmaps.modules import measure_neighbours, measure_point_pattern

COUNT, TOUCHING, FIRST, SECOND = (
    f"Neighbours_{name}"
    for name in (
        "Neighbours_Count",
        "Fraction_Touching",
        "First_Closest_Distance",
        "Second_Closest_Distance",
    )
)


def scene(seed=1):
    random = np.random.default_rng(seed)
    labels = 3 * ndimage.label(ndimage.gaussian_filter(random.random((70, 60)), 2) > 0.51)[0]
    labels[(labels > 0) & (np.arange(60) > 30)] += 1
    return labels.astype(np.int32)


@pytest.mark.parametrize("distance", [1, 2, 3, 7, 40])
def test_neighbours_as_their_definition(distance):
    labels = scene()
    table = measure_neighbours(
        labels, labels, neighbour_distance=distance, touching_distance=min(distance, 7)
    )
    assert len(table) > 10
    for label in table.index:
        own = labels == label
        away = ndimage.distance_transform_edt(~own)
        near = set(labels[(away <= distance) & (labels > 0)]) - {label}
        assert table.loc[label, COUNT] == len(near)
        others = ndimage.distance_transform_edt(~((labels > 0) & ~own))
        outline = own & ~ndimage.binary_erosion(own)
        expected = (others[outline] <= min(distance, 7)).mean()
        assert table.loc[label, TOUCHING] == pytest.approx(expected, abs=1e-12)
        centre = ndimage.center_of_mass(own)
        distances = sorted(
            np.hypot(*np.subtract(centre, ndimage.center_of_mass(labels == other)))
            for other in table.index
            if other != label
        )
        assert table.loc[label, [FIRST, SECOND]].tolist() == pytest.approx(distances[:2])


def test_direct_contact_counts():
    """Two squares of 3 × 3 side by side: of 8 outline pixels 3 touch at a distance of 1."""
    labels = np.zeros((5, 8), np.int32)
    labels[1:4, 1:4], labels[1:4, 4:7] = 4, 9
    table = measure_neighbours(labels, labels, neighbour_distance=1, touching_distance=1)
    assert table[COUNT].tolist() == [1, 1]
    assert table[TOUCHING].tolist() == [3 / 8, 3 / 8]
    assert table[FIRST].tolist() == [3, 3]
    assert table[SECOND].isna().all()


def test_an_object_alone_has_no_neighbours():
    labels = np.ones((3, 3), np.int32)
    row = measure_neighbours(labels, labels).loc[1]
    assert (row[COUNT], row[TOUCHING]) == (0, 0)
    assert np.isnan(row[FIRST])


def test_neighbours_of_nuclei_go_to_their_cells():
    nuclei = np.array([[7, 0, 0, 5, 5]], np.int32)
    cells = np.array([[1, 1, 0, 2, 2]], np.int32)
    assert measure_neighbours(nuclei, cells)[COUNT].tolist() == [1, 1]
    assert measure_neighbours(nuclei, cells, neighbour_distance=2)[COUNT].tolist() == [0, 0]


# --- point patterns ------------------------------------------------------------------------

NAMES = [
    f"PointPattern_{name.format(which)}"
    for name in (
        "{}-distance-to-border",
        "{}-distance-to-nearest-neighbor",
        "mean-{}-distance-to-neighbors",
        "std-{}-distance-to-neighbors",
    )
    for which in ("absolute", "relative")
]


def points(shape, *places):
    labels = np.zeros(shape, np.int32)
    for number, place in enumerate(places, 1):
        labels[place] = number
    return labels


def test_points_by_hand():
    """A cell of 9 × 9 pixels with three points, a cell with one, and a point outside."""
    cells = np.zeros((9, 20), np.int32)
    cells[:, :9], cells[:, 12:15] = 40, 7
    spots = points(cells.shape, (4, 4), (4, 1), (1, 4), (5, 13), (0, 19))
    table = measure_point_pattern(spots, spots, cells)
    assert list(table.columns) == NAMES
    absolute = table[NAMES[0::2]]
    # The middle is 5 pixels from the nearest pixel outside; distances to others 3 and 3.
    assert absolute.loc[1].tolist() == [5, 3, 3, 0]
    far = np.hypot(3, 3)
    expected = [2, 3, (3 + far) / 2, (far - 3) / 2]
    assert absolute.loc[2].tolist() == pytest.approx(expected, rel=1e-12)
    assert absolute.loc[4].isna().tolist() == [False, True, True, True]
    assert absolute.loc[4].iloc[0] == 2
    assert table.loc[5].isna().all()
    for name, relative in zip(NAMES[0::2], NAMES[1::2], strict=True):
        np.testing.assert_allclose(table.loc[:3, relative], table.loc[:3, name] / 81, rtol=1e-12)
    assert table.loc[4, NAMES[1]] == 2 / 27


def test_points_as_their_definition():
    labels = scene()
    random = np.random.default_rng(0)
    places = np.unique(random.integers(0, (70, 60), (150, 2)), axis=0)
    spots = points(labels.shape, *(tuple(place) for place in places))
    table = measure_point_pattern(spots, spots, labels)
    parents = labels[tuple(places.T)]
    judged = 0
    for n, place in enumerate(places):
        row = table.iloc[n]
        if parents[n] == 0:
            assert row.isna().all()
            continue
        own = np.pad(labels == parents[n], 1)
        away = ndimage.distance_transform_edt(own)[tuple(place + 1)]
        assert row[NAMES[0]] == pytest.approx(away)
        same = (parents == parents[n]) & (np.arange(len(places)) != n)
        if same.any():
            distances = np.hypot(*(places[same] - place).T)
            expected = [distances.min(), distances.mean(), distances.std()]
            assert row[NAMES[2::2]].tolist() == pytest.approx(expected, rel=1e-9, abs=1e-9)
            judged += 1
    assert judged > 20


def test_points_of_a_cell_are_aggregated():
    cells = np.array([[3, 3, 3, 3, 0, 6]], np.int32)
    spots = points(cells.shape, (0, 0), (0, 2))
    table = measure_point_pattern(spots, cells, cells, aggregate=True)
    assert table["Count"].tolist() == [2, 0]
    assert table.loc[3, f"Mean_{NAMES[2]}"] == 2
    assert table.loc[6].drop("Count").isna().all()


@pytest.mark.parametrize("module", [measure_neighbours, measure_point_pattern])
def test_no_objects_no_rows(module):
    nothing = np.zeros((4, 5), np.int32)
    images = [nothing] * (2 if module is measure_neighbours else 3)
    table = module(*images)
    assert len(table) == 0
    assert len(table.columns) == (4 if module is measure_neighbours else 8)


def test_images_that_do_not_fit_are_refused():
    labels = scene()
    with pytest.raises(InputError, match="'assign_objects' has"):
        measure_neighbours(labels, labels[1:])
    with pytest.raises(InputError, match="'ref_objects' has"):
        measure_point_pattern(labels, labels, labels[1:])
