"""The dictionary of features holds what all modules measure, and what it says is so."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_tmaps.errors import NotFoundError
from napari_tmaps.model.features import FEATURES, cellprofiler_names, explain, find, position_axis
from napari_tmaps.model.features.page import markdown
from napari_tmaps.modules import MODULES, measure_intensity
from napari_tmaps.modules.describe import describe

from .measured import CALLS, make_scene

SCENES = {"uint16": make_scene(), "uint8": make_scene(4, np.uint8)}


def single_pixels(scene):
    """The same with objects of one and two pixels, a line and an object at the rim."""
    labels = np.zeros_like(scene.labels)
    labels[5, 5] = 2
    labels[9, 5:7] = 5
    labels[20, 10:40] = 9
    labels[-6:, -9:] = 70
    return type(scene)(labels, scene.image, scene.other, (labels > 0).astype(np.int32))


SCENES["odd-objects"] = single_pixels(SCENES["uint16"])


def test_every_measuring_module_is_called():
    assert set(CALLS) == {name for name, module in MODULES.items() if describe(module).measures}


@pytest.mark.parametrize("module", CALLS)
@pytest.mark.parametrize("kind", SCENES)
def test_columns_are_explained_and_in_range(module, kind):
    table = CALLS[module](SCENES[kind])
    assert len(table) > 0
    for name in table:
        found = find(name)
        assert found is not None, name
        assert (found.objects, found.aggregate, found.item) == ("", "", ""), name
        values, feature = table[name], found.feature
        if not feature.missing:
            assert not values.isna().any(), name
        known = values.dropna()
        # A rounding error beyond a limit, e.g. a correlation of 1 + 1e-16, is no other value.
        slack = 1e-9 * max(1, abs(feature.low) if np.isfinite(feature.low) else 1)
        assert np.isfinite(known).all(), name
        assert (known >= feature.low - slack).all(), (name, known.min())
        assert (known <= feature.high + slack).all(), (name, known.max())


def test_no_entry_is_of_a_feature_that_nothing_measures():
    made = {find(name).feature.name for call in CALLS.values() for name in call(SCENES["uint16"])}
    assert {feature.name for feature in FEATURES} - made == {"Count"}


def test_entries_are_whole_and_names_are_unique():
    names = [feature.name for feature in FEATURES]
    assert len(set(names)) == len(names)
    for feature in FEATURES:
        assert feature.meaning, feature.name
        assert feature.unit, feature.name
        assert feature.low < feature.high, feature.name


COLUMNS = [
    pytest.param("Intensity_max_x_DAPI", ("Intensity_max_x", "", "", "DAPI", {}), id="longest"),
    pytest.param("Nuclei_Morphology_Area", ("Morphology_Area", "Nuclei", "", "", {}), id="objects"),
    pytest.param(
        "Spots_Mean_Intensity_mean_w1_GFP",
        ("Intensity_mean", "Spots", "Mean", "w1_GFP", {}),
        id="aggregate",
    ),
    pytest.param(
        "RadialDistribution_fraction-2-of-4_ER",
        ("RadialDistribution_fraction-{i}-of-{n}", "", "", "ER", {"i": "2", "n": "4"}),
        id="numbers",
    ),
    pytest.param("Spots_Count", ("Count", "Spots", "", "", {}), id="count"),
]


@pytest.mark.parametrize(("column", "parts"), COLUMNS)
def test_columns_are_taken_apart(column, parts):
    found = find(column)
    assert (
        found.feature.name,
        found.objects,
        found.aggregate,
        found.item,
        found.numbers,
    ) == parts


def test_aggregates_of_a_module_are_found():
    scene = SCENES["uint16"]
    for name in measure_intensity(scene.labels, scene.parents, scene.image, aggregate=True):
        assert find(name) is not None, name


def test_an_explanation_says_all():
    text = explain("Spots_Std_Intensity_center_x_DAPI")
    for words in (
        "mean x of the pixels",
        "measured of: Spots",
        "standard deviation",
        "of: DAPI",
        "px of the site",
        "NaN: of a black object; the object holds none to measure",
    ):
        assert words in text
    assert "range: 0 … 1" in explain("Morphology_Extent")
    assert "range: any number" in explain("Intensity_corrected_mean")
    assert "AreaShape_Zernike_4_2" in explain("Morphology_Zernike-4-2")
    assert "CellProfiler: Granularity_{i}" in explain("Granularity_{i}")


def test_positions_are_known():
    axes = {
        "Morphology_Local_Centroid_y": "y",
        "Nuclei_Intensity_max_x_DAPI": "x",
        "Geometry_Top": "y",
        "Geometry_Right": "x",
        "Mean_Solid_Centroid_x": "x",
        "Std_Intensity_center_x": "",
        "Solid_Centroid_z": "",
        "Morphology_Area": "",
        "is_border": "",
    }
    assert {name: position_axis(name) for name in axes} == axes


def test_an_unknown_feature():
    assert find("Intensity_meen") is None
    with pytest.raises(NotFoundError, match="Did you mean 'Intensity_mean'"):
        explain("Intensity_meen")


CELLPROFILER = {
    "Intensity_mean_DAPI": "Intensity_MeanIntensity_DAPI",
    "RadialDistribution_mean-fraction-1-of-4_GFP": "RadialDistribution_MeanFrac_GFP_1of4",
    "Colocalisation_manders_1_A_B": "Correlation_Manders_A_B",
    "Colocalisation_manders_2_A_B": "Correlation_Manders_B_A",
    "Colocalisation_manders_2_my_A_B": None,
    "Spots_Mean_Intensity_mean_GFP": "Mean_Spots_Intensity_MeanIntensity_GFP",
    "Spots_Sum_Intensity_mean_GFP": None,
    "Spots_Count": "Children_Spots_Count",
    "Parent_label_Cells": "Parent_Cells",
    "Nuclei_Morphology_Area": None,
    "Morphology_Local_Centroid_x": "AreaShape_Center_X",
    "Solid_Centroid_x": None,  # has the name of the column before it
    "Morphology_Roundness": None,
    "is_border": None,
}


def test_names_of_cellprofiler():
    expected = {ours: theirs for ours, theirs in CELLPROFILER.items() if theirs}
    assert cellprofiler_names(CELLPROFILER) == expected


def test_the_page_of_the_documentation_is_up_to_date():
    page = Path(__file__).parents[2] / "docs" / "features.md"
    assert page.read_text(encoding="utf-8") == markdown(), (
        "run: python -m napari_tmaps.model.features.page > docs/features.md"
    )
