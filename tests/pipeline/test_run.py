"""The run on one site: numbers worked out by hand, faults of modules, cancelling."""

from __future__ import annotations

from typing import Annotated

import numpy as np
import pandas as pd
import pytest

from napari_tmaps.errors import MissingError, NotFoundError, PipelineError
from napari_tmaps.model.kinds import LabelImage, SegmentedObjects
from napari_tmaps.pipeline import check, iter_site, run_site

# DAPI + 1 is [[11, 21, 1, 41], [11, 21, 1, 10]], so these are the columns of what exceeds 10.
CELLS = [[1, 2, 0, 4], [1, 2, 0, 0]]


def test_objects_and_features(description, modules, images):
    result = run_site(check(description, modules=modules), images)
    assert list(result.objects) == ["Cells"]
    assert result.objects["Cells"].dtype == np.int32
    assert result.objects["Cells"].tolist() == CELLS
    expected = pd.DataFrame(
        {
            "is_border": [True, True, True],
            "Morphology_Area": [2.0, 2.0, 1.0],
            "Intensity_sum_Alexa 488/GFP": [6.0, 8.0, 4.0],
            "Left_Intensity_sum_brighter_sum": [22.0, 42.0, np.nan],
        },
        index=pd.Index([1, 2, 4], dtype="int32", name="label"),
    )
    pd.testing.assert_frame_equal(result.tables["Cells"], expected)
    assert list(result.seconds) == [call.name for call in description.pipeline]
    assert result.items == {}


def test_an_empty_site_has_an_empty_table_with_all_columns(description, modules, images):
    images["DAPI"] = np.zeros_like(images["DAPI"])
    table = run_site(check(description, modules=modules), images).tables["Cells"]
    assert len(table) == 0
    assert table.index.dtype == np.int32
    assert {name: str(dtype) for name, dtype in table.dtypes.items()} == {
        "is_border": "bool",
        "Morphology_Area": "float64",
        "Intensity_sum_Alexa 488/GFP": "float64",
        "Left_Intensity_sum_brighter_sum": "float64",
    }


def test_border_means_the_edge_in_y_and_x(modules, edited):
    description = edited(("  - name: Alexa 488/GFP\n", ""), ("intensity_image: Alexa 488/GFP", ""))
    description = description.model_copy(update={"pipeline": description.pipeline[:5]})
    image = np.zeros((3, 4, 5), dtype=np.uint8)
    image[0, 1:3, 1:4] = 50  # columns 2, 3, 4 on the first plane, away from the edge …
    image[2, 3, 2] = 50  # … and 3 touches the last row on the last plane
    table = run_site(check(description, modules=modules), {"DAPI": image}).tables["Cells"]
    assert table["is_border"].to_dict() == {2: False, 3: True, 4: False}


def test_labels_need_not_be_consecutive_nor_small(edited, modules, images):
    big = 500_000_000
    description = edited(("- name: label\n", f"- name: label\n  settings: {{factor: {big}}}\n"))
    description = description.model_copy(update={"pipeline": description.pipeline[:8]})
    table = run_site(check(description, modules=modules), images).tables["Cells"]
    assert table.index.tolist() == [big, 2 * big, 4 * big]
    assert table["Morphology_Area"].tolist() == [2, 2, 1]


def test_a_step_that_measures_some_objects_leaves_nan_for_the_others(edited, modules, images):
    description = edited(("- name: area\n", "- name: area\n  settings: {only_first: true}\n"))
    table = run_site(check(description, modules=modules), images).tables["Cells"]
    np.testing.assert_array_equal(table["Morphology_Area"], [2, np.nan, np.nan])


def test_intermediate_items_on_request(description, modules, images):
    result = run_site(check(description, modules=modules), images, keep=True)
    assert result.items["brighter.sum"].tolist() == [[11, 21, 1, 41], [11, 21, 1, 10]]
    assert result.items["halves.right"].tolist() == [[0, 0, 0, 1], [0, 0, 0, 0]]
    assert set(result.items) == set(check(description, modules=modules).items) - set(images)


def test_upto_stops_after_a_step(description, modules, images, calls):
    checked = check(description, modules=modules)
    assert run_site(checked, images, upto="halves").objects == {}
    assert sum(calls.values()) == 3
    result = run_site(checked, images, upto="area")
    assert list(result.tables["Cells"]) == ["is_border", "Morphology_Area"]
    with pytest.raises(NotFoundError, match=r"no active step 'ara'\. Did you mean 'area'"):
        run_site(checked, images, upto="ara")


def test_closing_the_generator_cancels_the_rest(description, modules, images, calls):
    steps = iter_site(check(description, modules=modules), images)
    first = next(steps)
    assert (first.step.name, list(first.values), first.cached) == (
        "brighter",
        ["brighter.sum"],
        False,
    )
    next(steps)
    steps.close()
    assert calls == {"add": 1, "above": 1}


def test_input_objects_are_used_with_any_integer_type(edited, modules, images):
    description = edited(
        ("pipeline:\n", "  objects:\n  - name: Nuclei\npipeline:\n"),
        ("extract_objects: Left", "extract_objects: Nuclei"),
        ("  - name: Cells\n", "  - name: Cells\n  - name: Nuclei\n"),
    )
    nuclei = np.array([[0, 0, 0, 4], [0, 2, 0, 0]], dtype=np.uint16)
    result = run_site(check(description, modules=modules), images, {"Nuclei": nuclei})
    column = result.tables["Cells"]["Nuclei_Intensity_sum_brighter_sum"]
    np.testing.assert_array_equal(column, [np.nan, 21, 41])
    assert result.objects["Nuclei"].dtype == np.int32
    assert result.tables["Nuclei"]["is_border"].to_dict() == {2: True, 4: True}
    with pytest.raises(MissingError, match="no labels of 'Nuclei'; it has: none"):
        run_site(check(description, modules=modules), images)


def test_the_callers_images_stay_writable_and_unchanged(description, modules, images):
    before = {name: image.copy() for name, image in images.items()}
    result = run_site(check(description, modules=modules), images)
    for name, image in images.items():
        assert image.flags.writeable
        np.testing.assert_array_equal(image, before[name])
    assert not result.objects["Cells"].flags.writeable


WRONG_IMAGES = [
    pytest.param(np.zeros((2, 4)), "'DAPI' is float64, but intensities must be uint8", id="float"),
    pytest.param(np.zeros((2, 4), np.int32), "'DAPI' is int32", id="int32"),
    pytest.param(
        np.array([[0, 1, np.nan, np.inf], [np.nan, 0, 0, 0]], np.float32),
        r"'DAPI' has 3 pixels that are NaN or infinite, the first at \(0, 2\)",
        id="not-finite",
    ),
    pytest.param(np.zeros(4, np.uint8), r"'DAPI' has the shape \(4,\)", id="1-d"),
    pytest.param(np.zeros((0, 4), np.uint8), r"'DAPI' has the shape \(0, 4\)", id="empty"),
    pytest.param(np.zeros((2, 2, 4, 1), np.uint8), "axes", id="4-d"),
    pytest.param(
        np.zeros((3, 4), np.uint8), r"one size.*'DAPI' \(3, 4\), 'Alexa.*\(2, 4\)", id="shapes"
    ),
]


@pytest.mark.parametrize(("image", "message"), WRONG_IMAGES)
def test_an_image_that_does_not_fit_is_refused(description, modules, images, image, message):
    with pytest.raises(PipelineError, match=message):
        run_site(check(description, modules=modules), {**images, "DAPI": image})


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        pytest.param(np.zeros((2, 4)), "'Nuclei' is float64, but labels", id="float"),
        pytest.param(np.full((2, 4), -1), "labels -1…-1", id="negative"),
        pytest.param(np.full((2, 4), 2**31), "labels 2147483648…", id="huge"),
    ],
)
def test_labels_that_do_not_fit_are_refused(edited, modules, images, labels, message):
    description = edited(("pipeline:\n", "  objects:\n  - name: Nuclei\npipeline:\n"))
    with pytest.raises(PipelineError, match=message):
        run_site(check(description, modules=modules), images, {"Nuclei": labels})


def test_a_missing_image_is_never_replaced(description, modules, images):
    del images["DAPI"]
    with pytest.raises(MissingError, match="no image of channel 'DAPI'; it has: 'Alexa 488/GFP'"):
        run_site(check(description, modules=modules), images)


FAULTS = [
    pytest.param(
        "brighter",
        "{offset: 66}",
        r"^Step 1 \('brighter', module add\): offset 66 brings bad luck\.$",
        id="own-words-of-the-module",
    ),
    pytest.param(
        "brighter",
        "{offset: 99}",
        r"^Step 1 \('brighter', module add\) failed with ValueError: .*read-only",
        id="changes-its-input",
    ),
    pytest.param("brighter", "{offset: 98}", "is float64 instead of uint8 or uint16", id="dtype"),
    pytest.param("area", "{fault: foreign}", "measured label 1001, but 'Cells'", id="foreign"),
    pytest.param("area", "{fault: twice}", "has label 1 twice", id="label-twice"),
    pytest.param("area", "{fault: columns}", "column 'Morphology_Area' twice", id="column-twice"),
    pytest.param("area", "{fault: text}", "its column 'Name_x' is", id="text-column"),
    pytest.param("area", "{fault: list}", "should be Measurement, but is list", id="no-table"),
    pytest.param("area", "{fault: index}", "indexed by str instead of labels", id="index"),
]


@pytest.mark.parametrize(("step", "settings", "message"), FAULTS)
def test_a_fault_of_a_module_names_the_step(edited, modules, images, step, settings, message):
    description = edited((f"- name: {step}\n", f"- name: {step}\n  settings: {settings}\n"))
    with pytest.raises(PipelineError, match=message):
        run_site(check(description, modules=modules), images)


def test_two_steps_that_make_one_column_are_named(edited, modules, images):
    description = edited(
        ("- name: left_dapi", "- name: again\n  settings: {only_first: true}"),
        (
            "extract_objects: Left, assign_objects: Cells, intensity_image: brighter.sum",
            "extract_objects: Cells, assign_objects: Cells",
        ),
    )
    with pytest.raises(PipelineError, match=r"Step 10 \('again'.*'Morphology_Area'.*Step 8"):
        run_site(check(description, modules=modules), images)


OUTPUTS = [
    pytest.param([1], "is list", id="list"),
    pytest.param(np.zeros((2, 4), np.int64), "is int64 instead of int32", id="int64"),
    pytest.param(np.zeros((4, 2), np.int32), r"shape \(4, 2\) for a site of \(2, 4\)", id="shape"),
    pytest.param(np.zeros((4,), np.int32), r"shape \(4,\)", id="1-d"),
    pytest.param(np.full((2, 4), -3, np.int32), "label -3", id="negative"),
    pytest.param((1, 2), "returned 2 values instead of 1", id="tuple"),
]


@pytest.mark.parametrize(("value", "message"), OUTPUTS)
def test_a_module_is_held_to_its_signature(description, modules, images, value, message):
    def register(labels):
        """Name objects.

        Parameters
        ----------
        labels
            Labels.
        """
        return value

    register.__annotations__ = {
        "labels": LabelImage,
        "return": Annotated[SegmentedObjects, "objects"],
    }
    with pytest.raises(PipelineError, match=f"Step 5 .*{message}"):
        run_site(check(description, modules={**modules, "register": register}), images)
