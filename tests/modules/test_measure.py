"""Measuring modules: their tables, their rules, and features against scikit-image."""

from __future__ import annotations

import numpy as np
import pytest
from skimage.measure import regionprops_table

from napari_tmaps.errors import InputError
from napari_tmaps.modules import measure_intensity, measure_morphology

INTENSITY = [f"Intensity_{name}" for name in ("max", "mean", "min", "sum", "std")]
MORPHOLOGY = [
    "Morphology_Local_Centroid_x",
    "Morphology_Local_Centroid_y",
    "Morphology_Area",
    "Morphology_Perimeter",
    "Morphology_Eccentricity",
    "Morphology_Extent",
    "Morphology_Convexity",
    "Morphology_Circularity",
    "Morphology_Roundness",
    "Morphology_Elongation",
    "Morphology_Equivalent_Diameter",
    "Morphology_Major_Axis_Length",
    "Morphology_Minor_Axis_Length",
    "Morphology_Maximum_Radius",
    "Morphology_Mean_Radius",
    "Morphology_Maximum_Feret_Diameter",
    "Morphology_Minimum_Feret_Diameter",
]

# Cells 3 and 8; nucleus 70 lies in cell 3, spots 1, 2 in cell 3 and none in cell 8.
CELLS = np.array([[3, 3, 3, 0, 8, 8], [3, 3, 3, 0, 8, 8], [3, 3, 3, 0, 8, 8]], np.int32)
NUCLEI = np.array([[0, 0, 0, 0, 0, 0], [70, 70, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0]], np.int32)
SPOTS = np.array([[1, 0, 0, 0, 0, 0], [0, 0, 2, 0, 0, 0], [0, 0, 2, 0, 0, 0]], np.int32)
STAIN = np.array([[5, 0, 0, 0, 9, 9], [2, 4, 7, 0, 9, 9], [0, 0, 3, 0, 9, 9]], np.uint16)


def check_form(table, columns, labels):
    assert list(table.columns) == columns
    assert (table.dtypes == np.float64).all()
    assert table.index.name == "label"
    assert table.index.dtype == np.int32
    assert table.index.tolist() == labels


def test_intensity_by_hand():
    table = measure_intensity(CELLS, CELLS, STAIN)
    check_form(table, INTENSITY, [3, 8])
    values = [5, 0, 0, 2, 4, 7, 0, 0, 3]
    assert table.loc[3].tolist() == pytest.approx([7, 21 / 9, 0, 21, np.std(values)], rel=1e-12)
    assert table.loc[8].tolist() == [9, 9, 9, 54, 0]


def test_values_of_nuclei_go_to_their_cells():
    table = measure_intensity(NUCLEI, CELLS, STAIN)
    check_form(table, INTENSITY, [3, 8])
    assert table.loc[3].tolist() == [4, 3, 2, 6, 1]
    assert table.loc[8].isna().all()


def test_aggregate_by_hand():
    """Spots of mean 5 and (7 + 3) / 2 = 5, maximum 5 and 7, in cell 3."""
    table = measure_intensity(SPOTS, CELLS, STAIN, aggregate=True)
    columns = [f"{how}_{name}" for name in INTENSITY for how in ("Mean", "Std", "Sum")]
    check_form(table, ["Count", *columns], [3, 8])
    assert table["Count"].tolist() == [2, 0]
    assert table.loc[3, "Mean_Intensity_mean"] == 5
    assert table.loc[3, "Std_Intensity_mean"] == 0
    assert table.loc[
        3, ["Mean_Intensity_max", "Std_Intensity_max", "Sum_Intensity_max"]
    ].tolist() == [6, 1, 12]
    assert table.loc[8].drop("Count").isna().all()


def test_aggregate_leaves_out_what_is_not_known():
    """A single pixel has no circularity: the mean is that of the other spot."""
    table = measure_morphology(SPOTS, CELLS, aggregate=True)
    alone = measure_morphology(SPOTS * (SPOTS == 2), CELLS, aggregate=True)
    single = measure_morphology(SPOTS, SPOTS)
    assert np.isnan(single.loc[1, "Morphology_Circularity"])
    # Two pixels one above the other: no way through a border, so no perimeter either.
    assert np.isnan(single.loc[2, "Morphology_Circularity"])
    assert np.isnan(alone.loc[3, "Mean_Morphology_Circularity"])
    assert table.loc[3, "Count"] == 2
    assert table.loc[3, "Sum_Morphology_Area"] == 3


@pytest.mark.parametrize(
    ("extract", "assign", "message"),
    [
        pytest.param(CELLS, NUCLEI, "Object 3 does not lie inside a single", id="larger"),
        pytest.param(
            CELLS, CELLS * (CELLS == 3), "Object 8 does not.*1 such objects of 2", id="outside"
        ),
        pytest.param(CELLS, np.where(SPOTS == 2, 5, CELLS), "Object 3 does not", id="over-two"),
        pytest.param(SPOTS, CELLS, "Object 3 holds 2 measured objects.*'aggregate'", id="many"),
        pytest.param(CELLS, CELLS[:2], r"'extract_objects' has the shape \(3, 6\)", id="shape"),
        pytest.param(CELLS > 0, CELLS, "'label'", id="mask"),
        pytest.param(CELLS, CELLS > 0, "'label'", id="mask-receives"),
    ],
)
@pytest.mark.parametrize(
    "measure",
    [lambda a, b: measure_intensity(a, b, STAIN), measure_morphology],
    ids=["intensity", "morphology"],
)
def test_objects_that_do_not_fit(measure, extract, assign, message):
    with pytest.raises(InputError, match=message):
        measure(extract, assign)


def test_intensities_of_other_types_are_refused():
    with pytest.raises(InputError, match="type float64"):
        measure_intensity(CELLS, CELLS, STAIN / 2)


def test_intensity_image_of_another_size_is_refused():
    with pytest.raises(InputError, match=r"'intensity_image' has \(6, 3\)"):
        measure_intensity(CELLS, CELLS, STAIN.T.copy())


@pytest.mark.parametrize("aggregate", [False, True])
def test_no_objects_give_an_empty_table_of_the_same_form(aggregate):
    nothing = np.zeros((4, 5), np.int32)
    table = measure_intensity(nothing, nothing, np.zeros((4, 5), np.uint8), aggregate=aggregate)
    full = measure_intensity(CELLS, CELLS, STAIN, aggregate=aggregate)
    check_form(table, list(full.columns), [])
    table = measure_morphology(nothing, nothing, aggregate=aggregate)
    check_form(table, list(measure_morphology(CELLS, CELLS, aggregate=aggregate).columns), [])


def test_nothing_to_measure_gives_rows_without_values():
    table = measure_intensity(np.zeros_like(CELLS), CELLS, STAIN)
    check_form(table, INTENSITY, [3, 8])
    assert table.isna().all(axis=None)


def test_morphology_of_a_square_by_hand():
    labels = np.zeros((10, 12), np.int32)
    labels[2:7, 3:8] = 4
    row = measure_morphology(labels, labels).loc[4]
    expected = {
        "Local_Centroid_x": 5,
        "Local_Centroid_y": 4,
        "Area": 25,
        "Perimeter": 16,
        "Eccentricity": 0,
        "Extent": 1,
        "Convexity": 1,
        "Circularity": 4 * np.pi * 25 / 256,
        "Roundness": 256 / (100 * np.pi),
        "Elongation": 0,
        "Equivalent_Diameter": 10 / np.sqrt(np.pi),
        "Major_Axis_Length": 4 * np.sqrt(2),
        "Minor_Axis_Length": 4 * np.sqrt(2),
        "Maximum_Radius": 3,
        "Mean_Radius": (16 * 1 + 8 * 2 + 3) / 25,
        "Maximum_Feret_Diameter": 4 * np.sqrt(2),
        "Minimum_Feret_Diameter": 4,
    }
    assert row.to_dict() == pytest.approx(
        {f"Morphology_{name}": value for name, value in expected.items()}, abs=1e-12
    )


def test_morphology_of_a_single_pixel():
    row = measure_morphology(SPOTS, SPOTS).loc[1]
    unknown = row.index[row.isna()].tolist()
    assert unknown == ["Morphology_Circularity", "Morphology_Elongation"]


def test_morphology_as_scikit_image():
    """Random touching blobs with labels in gaps; names and definitions of scikit-image 0.26."""
    from scipy import ndimage

    random = np.random.default_rng(2)
    blobs, count = ndimage.label(ndimage.gaussian_filter(random.random((150, 150)), 3) > 0.5)
    assert count > 10
    labels = (blobs * 7).astype(np.int32)
    ours = measure_morphology(labels, labels)
    names = {
        "Local_Centroid_x": "centroid-1",
        "Local_Centroid_y": "centroid-0",
        "Area": "area",
        "Perimeter": "perimeter",
        "Eccentricity": "eccentricity",
        "Extent": "extent",
        "Convexity": "solidity",
        "Equivalent_Diameter": "equivalent_diameter_area",
        "Major_Axis_Length": "axis_major_length",
        "Minor_Axis_Length": "axis_minor_length",
    }
    wanted = {name.split("-")[0] for name in names.values()}
    theirs = regionprops_table(labels, properties=("label", *wanted))
    check_form(ours, MORPHOLOGY, theirs["label"].tolist())
    for name, other in names.items():
        np.testing.assert_allclose(ours[f"Morphology_{name}"], theirs[other], rtol=1e-9, atol=1e-7)


def test_zernike_is_measured_on_demand():
    plain = measure_morphology(CELLS, CELLS)
    table = measure_morphology(CELLS, CELLS, measure_zernike=True)
    added = [name for name in table if name not in plain]
    assert len(added) == 49
    assert (added[0], added[-1]) == ("Morphology_Zernike-0-0", "Morphology_Zernike-12-12")
    # 9 pixels in a circle of radius √2, and 6 in one of radius √(1 + 1/4).
    assert table["Morphology_Zernike-0-0"].tolist() == pytest.approx(
        [9 / (2 * np.pi), 6 / (1.25 * np.pi)]
    )
    assert table[MORPHOLOGY].equals(plain)


def test_more_intensities_by_hand():
    """Cell 3 has the intensities 5 0 0 | 2 4 7 | 0 0 3; of its nine pixels one is not outline."""
    settings = {"measure_quantiles": True, "measure_edge": True, "measure_location": True}
    table = measure_intensity(CELLS, CELLS, STAIN, background_distance=1, **settings)
    row = {name.removeprefix("Intensity_"): value for name, value in table.loc[3].items()}
    assert row == pytest.approx(
        {
            "max": 7,
            "mean": 21 / 9,
            "min": 0,
            "sum": 21,
            "std": np.std([5, 0, 0, 2, 4, 7, 0, 0, 3]),
            "lower_quartile": 0,
            "median": 2,
            "upper_quartile": 4,
            "mad": 2,  # 0 1 2 2 2 2 2 3 5
            "edge_max": 7,
            "edge_mean": 17 / 8,
            "edge_min": 0,
            "edge_sum": 17,
            "edge_std": np.std([5, 0, 0, 2, 7, 0, 0, 3]),
            "center_x": (0 * 7 + 1 * 4 + 2 * 10) / 21,
            "center_y": (0 * 5 + 1 * 13 + 2 * 3) / 21,
            "mass_displacement": np.hypot(24 / 21 - 1, 19 / 21 - 1),
            "max_x": 2,
            "max_y": 1,
            "background": 0,
            "corrected_mean": 21 / 9,
            "corrected_sum": 21,
        }
    )
    assert list(table)[:5] == INTENSITY


def test_background_is_taken_off():
    image = np.where(CELLS > 0, 30, 12).astype(np.uint8)
    table = measure_intensity(CELLS, CELLS, image, background_distance=3)
    assert table["Intensity_background"].tolist() == [12, 12]
    assert table["Intensity_corrected_mean"].tolist() == [18, 18]
    assert table["Intensity_corrected_sum"].tolist() == [18 * 9, 18 * 6]


def test_each_receiver_has_a_row_even_if_most_receive_their_own_values():
    """Object 8 holds nothing; then object 3 is larger than what is measured in it."""
    measured = CELLS * (CELLS == 3)
    table = measure_intensity(measured, CELLS, STAIN)
    assert table.index.tolist() == [3, 8]
    assert table.loc[8].isna().all()
    larger = np.where(CELLS == 0, 3, CELLS * (CELLS == 3)).astype(np.int32)
    assert measure_intensity(measured, larger, STAIN).loc[3, "Intensity_sum"] == 21
