"""Modules for geometry, skeletons, density, parents, quality and stacks: values by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage
from skimage.measure import regionprops

from napari_tmaps.errors import InputError
from napari_tmaps.modules import (
    measure_density,
    measure_geometry,
    measure_granularity,
    measure_intensity,
    measure_intensity_3D,
    measure_morphology,
    measure_morphology_3D,
    measure_parents,
    measure_site_quality,
    measure_skeleton,
    relate_objects,
    whole_site,
)


def blobs(seed, shape=(70, 80)):
    random = np.random.default_rng(seed)
    mask = ndimage.gaussian_filter(random.random(shape), 3) > 0.5
    mask &= random.random(shape) > 0.01
    return (3 * ndimage.label(mask)[0]).astype(np.int32)


# --- geometry ---


@pytest.mark.parametrize("seed", range(3))
def test_geometry_as_scikit_image(seed):
    labels = blobs(seed)
    table = measure_geometry(labels, labels)
    props = regionprops(labels)
    assert table.index.tolist() == [prop.label for prop in props]
    rows = zip(table.to_dict("records"), props, strict=True)
    for row, prop in rows:
        box = [row[f"Geometry_{side}"] for side in ("Top", "Left", "Bottom", "Right")]
        assert box == list(prop.bbox)
        assert row["Geometry_Euler_Number"] == prop.euler_number
        assert row["Geometry_Convex_Area"] == prop.area_convex
        depth = ndimage.distance_transform_edt(np.pad(prop.image, 1))
        assert row["Geometry_Median_Radius"] == pytest.approx(np.median(depth[depth > 0]))
        if prop.axis_major_length > prop.axis_minor_length + 1e-6:
            angle = np.radians(row["Geometry_Orientation"] - np.degrees(prop.orientation))
            assert np.sin(angle) == pytest.approx(0, abs=1e-9)


def test_micrometers_stand_beside_pixels():
    labels = blobs(5)
    size = (None, 0.25, 0.25)
    table = measure_geometry(labels, labels, pixel_size_um=size)
    pixels = measure_morphology(labels, labels)
    for name in (
        "Equivalent_Diameter",
        "Major_Axis_Length",
        "Minor_Axis_Length",
        "Perimeter",
        "Maximum_Feret_Diameter",
        "Minimum_Feret_Diameter",
        "Maximum_Radius",
    ):
        np.testing.assert_allclose(
            table[f"Geometry_{name}_um"], pixels[f"Morphology_{name}"] / 4, rtol=1e-12
        )
    np.testing.assert_allclose(table["Geometry_Area_um2"], pixels["Morphology_Area"] / 16)
    np.testing.assert_allclose(
        table["Geometry_Centroid_x_um"], pixels["Morphology_Local_Centroid_x"] / 4
    )
    unknown = measure_geometry(labels, labels)
    assert unknown.filter(like="_um").isna().all(axis=None)


def test_pixels_that_are_not_square():
    """4 rows of 2 µm and 8 columns of 1 µm are a square."""
    labels = np.pad(np.ones((4, 8), np.int32), 2)
    row = measure_geometry(labels, labels, pixel_size_um=(None, 2.0, 1.0)).loc[1]
    assert row["Geometry_Area_um2"] == 64
    assert row["Geometry_Major_Axis_Length_um"] == pytest.approx(4 * np.sqrt((64 - 1) / 12))
    assert row["Geometry_Minor_Axis_Length_um"] == pytest.approx(4 * np.sqrt((16 - 1) * 4 / 12))
    assert np.isnan(row["Geometry_Perimeter_um"])


def test_holes_are_counted():
    labels = np.ones((5, 9), np.int32)
    labels[2, 2] = labels[2, 4:6] = 0
    labels[0, 8] = 0
    assert measure_geometry(labels, labels)["Geometry_Euler_Number"].tolist() == [-1]


# --- skeleton ---


def test_neurites_begin_at_the_nucleus():
    neuron = np.zeros((21, 21), np.int32)
    neuron[10, :] = neuron[:, 10] = 7
    neuron[7:14, 7:14] = 7
    nucleus = np.zeros_like(neuron)
    nucleus[7:14, 7:14] = 3
    row = measure_skeleton(neuron, neuron, nucleus, pixel_size_um=(None, 0.5, 0.5)).loc[7]
    assert row.to_dict() == {
        "Skeleton_length": 4 * 6,
        "Skeleton_length_um": 12,
        "Skeleton_branch_points": 0,
        "Skeleton_end_points": 4,
        "Skeleton_trunks": 4,
    }
    alone = measure_skeleton(neuron, neuron).loc[7]
    assert alone["Skeleton_branch_points"] == 1
    assert alone["Skeleton_trunks"] == 0
    assert np.isnan(alone["Skeleton_length_um"])


def test_seeds_of_another_shape_are_refused():
    labels = np.ones((4, 5), np.int32)
    with pytest.raises(InputError, match="'seeds' has"):
        measure_skeleton(labels, labels, labels[1:])


# --- density ---


def test_density_by_hand():
    """Three points in a row, 10 pixels apart, in a large site."""
    labels = np.zeros((101, 101), np.int32)
    labels[50, [40, 50, 60]] = 5, 2, 9
    table = measure_density(labels, labels, radius=15, nearest=2, pixel_size_um=(None, 2.0, 2.0))
    assert table.index.tolist() == [2, 5, 9]
    assert table["Density_count"].tolist() == [2, 1, 1]
    assert table["Density_distance_2"].tolist() == [10, 20, 20]
    assert (table["Density_share_in_site"] == 1).all()
    assert table["Density_per_mm2"][2] == pytest.approx(2 / (np.pi * 0.03**2))


def test_density_at_the_rim_counts_what_is_seen():
    labels = np.zeros((400, 300), np.int32)
    labels[200, 0], labels[0, 0], labels[200, 150] = 1, 2, 3
    share = measure_density(labels, labels, radius=40)["Density_share_in_site"]
    # The centre of the first pixel lies half a pixel within the site.
    assert share.tolist() == pytest.approx([0.5, 0.25, 1], abs=0.01)


# --- parents ---

CELLS = np.array([[4, 4, 4, 0, 9, 9], [4, 4, 4, 0, 9, 9]], np.int32)
SPOTS = np.array([[1, 0, 2, 2, 2, 0], [1, 0, 0, 5, 0, 6]], np.int32)


def test_parents_by_hand():
    table = measure_parents(SPOTS, SPOTS, CELLS)
    assert table["Parent_label"].tolist() == [4, 4, 0, 9]
    assert table["Parent_overlap"].tolist() == pytest.approx([1, 1 / 3, 0, 1])
    assert table["Parent_siblings"].tolist() == [1, 1, 0, 0]


def test_related_objects_lie_in_their_parents():
    related = relate_objects(SPOTS, CELLS)
    assert related.tolist() == [[1, 0, 2, 0, 0, 0], [1, 0, 0, 0, 0, 6]]
    counts = measure_intensity(related, CELLS, SPOTS.astype(np.uint8), aggregate=True)
    assert counts["Count"].to_dict() == {4: 2, 9: 1}


def test_parents_in_stacks():
    cells = np.stack([CELLS, CELLS * 0])
    spots = np.zeros_like(cells)
    spots[:, 1, 1] = 1
    spots[1, 1, 2] = 1
    assert measure_parents(spots, spots, cells)["Parent_overlap"].tolist() == [1 / 3]
    assert np.argwhere(relate_objects(spots, cells)).tolist() == [[0, 1, 1]]


# --- quality ---


def test_a_blurred_site_is_told_from_a_sharp_one():
    random = np.random.default_rng(2)
    light = ndimage.gaussian_filter(random.random((160, 200)), 1)
    sharp = (20000 * light).astype(np.uint16)
    blurred = (20000 * ndimage.gaussian_filter(light, 3)).astype(np.uint16)
    site = whole_site(sharp)
    a = measure_site_quality(site, site, sharp).loc[1]
    b = measure_site_quality(site, site, blurred).loc[1]
    assert a["Quality_power_slope"] > b["Quality_power_slope"] + 0.5
    assert a["Quality_laplacian_variance"] > 10 * b["Quality_laplacian_variance"]
    assert a["Quality_focus_score"] > b["Quality_focus_score"]
    inner = ndimage.laplace(sharp.astype(float))[1:-1, 1:-1]
    assert a["Quality_laplacian_variance"] == pytest.approx(inner.var())
    assert a["Quality_focus_score"] == pytest.approx(sharp.var() / sharp.mean())


def test_power_slope_as_the_whole_transform():
    image = np.random.default_rng(1).integers(0, 999, (90, 121)).cumsum(1).astype(np.uint16)
    power = np.abs(np.fft.fft2(image - image.mean())) ** 2
    y, x = (np.fft.fftfreq(n, 1 / n) for n in image.shape)
    radius = np.hypot(y[:, None], x).astype(int) + 1
    rings = np.arange(2, 11)
    sums = [power[radius == ring].sum() for ring in rings]
    slope = np.polyfit(np.log(rings), np.log(sums), 1)[0]
    site = whole_site(image)
    row = measure_site_quality(site, site, image).loc[1]
    assert row["Quality_power_slope"] == pytest.approx(slope, rel=1e-9)


def test_saturation_objects_and_debris():
    image = np.full((10, 20), 10, np.uint8)
    objects = np.zeros(image.shape, np.int32)
    objects[2:6, 2:7] = 8
    objects[2:6, 10:15] = 3
    image[objects > 0] = 100
    image[9, :4] = 255
    image[0, 0] = 0
    site = whole_site(image)
    row = measure_site_quality(site, site, image, objects).loc[1]
    assert row["Quality_saturated_percent"] == row["Quality_debris_percent"] == 2
    assert row["Quality_darkest_percent"] == 0.5
    assert row["Quality_objects"] == 2
    assert row["Quality_covered_percent"] == 20
    bare = measure_site_quality(site, site, image, objects * 0).loc[1]
    assert (bare["Quality_objects"], bare["Quality_covered_percent"]) == (0, 0)
    assert np.isnan(bare["Quality_debris_percent"])
    assert np.isnan(measure_site_quality(site, site, image).loc[1, "Quality_objects"])


def test_an_even_site_has_no_slope():
    image = np.zeros((64, 64), np.uint8)
    site = whole_site(image)
    row = measure_site_quality(site, site, image).loc[1]
    assert np.isnan(row["Quality_power_slope"])
    assert np.isnan(row["Quality_focus_score"])
    assert row["Quality_laplacian_variance"] == 0
    thin = whole_site(image[:2])
    assert np.isnan(measure_site_quality(thin, thin, image[:2]).loc[1]).sum() == 6


# --- stacks ---


def test_stacks_as_numpy():
    random = np.random.default_rng(4)
    labels = np.zeros((4, 20, 22), np.int32)
    labels[1:3, 2:9, 3:12] = 6
    labels[0, 12:18, 10:20] = 2
    image = random.integers(0, 4000, labels.shape, np.uint16)
    table = measure_intensity_3D(labels, labels, image)
    for label in (2, 6):
        values = image[labels == label]
        row = table.loc[label]
        assert row["Intensity_sum"] == values.sum()
        assert row["Intensity_std"] == pytest.approx(values.std())
        assert row["Intensity_upper_quartile"] == np.quantile(values, 0.75)
    shape = measure_morphology_3D(labels, labels, pixel_size_um=(3.0, 0.5, 0.5)).loc[6]
    assert shape["Solid_Voxels"] == 2 * 7 * 9
    assert shape["Solid_Volume_um3"] == 126 * 0.75
    assert shape["Solid_Planes"] == 2
    assert shape["Solid_Extent"] == 1
    assert shape[["Solid_Centroid_z", "Solid_Centroid_y", "Solid_Centroid_x"]].tolist() == [
        1.5,
        5,
        7,
    ]


def test_a_single_plane_is_a_stack_of_one():
    labels = blobs(3)
    image = (labels % 251).astype(np.uint8)
    flat = measure_intensity(labels, labels, image)
    assert measure_intensity_3D(labels, labels, image)[list(flat)].equals(flat)
    solid = measure_morphology_3D(labels, labels)
    assert solid["Solid_Voxels"].equals(
        measure_morphology(labels, labels)["Morphology_Area"].rename("Solid_Voxels")
    )
    assert solid.filter(like="_um").isna().all(axis=None)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        pytest.param(
            lambda a: measure_intensity_3D(a, a, a / 2), "type float64", id="type-of-pixels"
        ),
        pytest.param(
            lambda a: measure_morphology_3D(a[None, None], a[None, None]), "stacks", id="axes"
        ),
        pytest.param(lambda a: measure_parents(a, a, a[1:]), "'parent_objects' has", id="parents"),
        pytest.param(lambda a: relate_objects(a, a[1:]), "'parents' has", id="related"),
        pytest.param(lambda a: measure_granularity(a, a, a / 2), "type float64", id="granularity"),
        pytest.param(
            lambda a: measure_site_quality(a, a, a.astype(np.uint8), a[1:]),
            "'objects' has",
            id="quality",
        ),
    ],
)
def test_images_that_do_not_fit_are_refused(call, message):
    with pytest.raises(InputError, match=message):
        call(np.ones((4, 5), np.int32))
