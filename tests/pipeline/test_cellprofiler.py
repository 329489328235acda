"""Pipelines of CellProfiler: its official examples, beside what CellProfiler itself finds."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
import tifffile

from napari_tmaps.errors import FormatError, InputError, NotFoundError, StorageError
from napari_tmaps.pipeline import check, run_site
from napari_tmaps.pipeline.cellprofiler import load_cellprofiler, read_modules

HEAD = "CellProfiler Pipeline: http://www.cellprofiler.org\nVersion:5\n\n"
IDENTIFY = {
    "Select the input image": "DNA",
    "Name the primary objects to be identified": "Nuclei",
    "Typical diameter of objects, in pixel units (Min,Max)": "8,30",
    "Use advanced settings?": "No",
}
COLUMNS = {"Select objects to measure": "Nuclei"}


def write(path, *modules, enabled=True):
    """A pipeline file; a module is its name and its settings."""
    text = HEAD
    for number, (name, settings) in enumerate(modules, start=1):
        text += f"{name}:[module_num:{number}|enabled:{enabled}|wants_pause:False]\n"
        pairs = settings.items() if isinstance(settings, dict) else settings
        text += "".join(f"    {key}:{value}\n" for key, value in pairs) + "\n"
    path.write_text(text)
    return path


@pytest.fixture
def translated(tmp_path):
    """Translate modules that come after nuclei were found; the new steps and the last note."""

    def translate(*modules, white=255, first=(("IdentifyPrimaryObjects", IDENTIFY),)):
        found = load_cellprofiler(write(tmp_path / "p.cppipe", *first), white=white)
        before = len(found.pipeline.pipeline)
        found = load_cellprofiler(write(tmp_path / "p.cppipe", *first, *modules), white=white)
        check(found.pipeline)
        return found.pipeline.pipeline[before:], found.notes[-1]

    return translate


# --- official examples ---------------------------------------------------------------------


@pytest.fixture
def example(shared_data):
    def run(name, white, files):
        """Notes, our tables and theirs."""
        folder = shared_data / "cp_examples" / name
        reference = shared_data / "cp_reference" / name
        if not folder.is_dir() or not reference.is_dir():
            pytest.skip(f"the example {name} of CellProfiler is not here")
        imported = load_cellprofiler(folder / f"{name}.cppipe", white=white)
        images = {
            channel: tifffile.imread(folder / "images" / f"{file}.tif")
            for channel, file in files.items()
        }
        tables = run_site(check(imported.pipeline), images).tables
        theirs = {path.stem: pd.read_csv(path) for path in reference.glob("*.csv")}
        return imported, tables, theirs

    return run


def test_example_human(example):
    """Nuclei, cells and cytoplasm in numbers and means like those of CellProfiler."""
    stem = "AS_09125_050116030001_D03f00d"
    files = {"DNA": f"{stem}0", "PH3": f"{stem}1", "cellbody": f"{stem}2"}
    imported, tables, theirs = example("ExampleHuman", 255, files)
    states = {note.place.split()[1]: note.state for note in imported.notes}
    assert states["MeasureObjectSizeShape"] == "translated"
    assert states["SaveImages"] == "left out"
    assert states["IdentifyPrimaryObjects"] == "approximated"
    assert set(tables) == {"Nuclei", "PH3_objects", "Cells", "Cytoplasm"}
    for name, other in (("Nuclei", "Nuclei"), ("PH3_objects", "PH3"), ("Cells", "Cells")):
        assert len(tables[name]) == pytest.approx(len(theirs[other]), rel=0.1), name
    for name in ("Nuclei", "Cells", "Cytoplasm"):
        ours, cp = tables[name], theirs[name]
        area = cp["AreaShape_Area"].mean()
        assert ours["Morphology_Area"].mean() == pytest.approx(area, rel=0.1), name
        bright = cp["Intensity_MeanIntensity_DNA"].mean() * 255
        assert ours["Intensity_mean_DNA"].mean() == pytest.approx(bright, rel=0.1), name
    children = tables["Nuclei"]["PH3_objects_in_Nuclei_Count"].fillna(0).mean()
    assert children == pytest.approx(theirs["Nuclei"]["Children_PH3_Count"].mean(), rel=0.15)


def test_example_speckles(example):
    """The same nuclei, and foci whose threshold is found within the nuclei."""
    files = {"OrigBlue": "1-162hrhoe2", "OrigGreen": "1-162hrh2ax2"}
    imported, tables, theirs = example("ExampleSpeckles", 4095, files)
    nuclei, cp = tables["Nuclei"], theirs["Nuclei"]
    assert len(nuclei) == len(cp) == 6
    bright = cp["Intensity_MeanIntensity_OrigBlue"].mean() * 4095
    assert nuclei["Intensity_mean_OrigBlue"].mean() == pytest.approx(bright, rel=0.02)
    assert not [note for note in imported.notes if "outside the mask" in note.text]
    foci = nuclei["h2ax_in_Nuclei_Count"].fillna(0).sum()
    assert foci == pytest.approx(cp["Children_h2ax_Count"].sum(), rel=0.15)


# --- single modules ------------------------------------------------------------------------


def test_basic_objects_are_found_in_an_image(tmp_path):
    y, x = np.mgrid[:120, :120]
    blobs = np.exp(-((y % 40 - 20) ** 2 + (x % 40 - 20) ** 2) / 40)
    image = (10 + 200 * blobs).astype(np.uint8)
    image[:6, 40:46] = 200  # touches the border
    path = write(tmp_path / "p.cppipe", ("IdentifyPrimaryObjects", IDENTIFY))
    tables = run_site(check(load_cellprofiler(path, white=255).pipeline), {"DNA": image}).tables
    assert len(tables["Nuclei"]) == 9


ADVANCED = {
    **IDENTIFY,
    "Use advanced settings?": "Yes",
    "Method to distinguish clumped objects": "None",
    "Fill holes in identified objects?": "Never",
    "Discard objects touching the border of the image?": "No",
    "Discard objects outside the diameter range?": "No",
    "Threshold strategy": "Global",
    "Thresholding method": "Otsu",
    "Threshold smoothing scale": "0",
    "Threshold correction factor": "0.8",
    "Lower and upper bounds on threshold": "0.1,0.9",
    "Two-class or three-class thresholding?": "Three classes",
    "Assign pixels in the middle intensity class to": "Background",
}


def test_advanced_settings_of_the_threshold(translated):
    (threshold, label, register), _ = translated(
        (
            "IdentifyPrimaryObjects",
            ADVANCED | {"Name the primary objects to be identified": "Other"},
        )
    )
    assert threshold.settings == {
        "method": "otsu_3_upper",
        "smoothing": 0.0,
        "correction_factor": 0.8,
        "min_threshold": pytest.approx(25.5),
        "max_threshold": pytest.approx(229.5),
    }
    assert (label.module, label.settings) == ("label", {"connectivity": 8})
    assert register.module == "register_objects"


METHODS = [
    pytest.param({"Thresholding method": "Robust Background"}, "robust_background", "", id="rb"),
    pytest.param(
        {"Thresholding method": "Robust Background", "# of deviations": "3"},
        "robust_background",
        "with 2 deviations",
        id="rb-3",
    ),
    pytest.param({"Thresholding method": "Savage"}, "minimum_cross_entropy", "'Savage'", id="new"),
]


@pytest.mark.parametrize(("change", "method", "reason"), METHODS)
def test_methods_of_thresholds(translated, change, method, reason):
    other = {**ADVANCED, **change, "Name the primary objects to be identified": "Other"}
    steps, note = translated(("IdentifyPrimaryObjects", other))
    assert steps[0].settings["method"] == method
    assert reason in note.text
    assert (note.state == "approximated") == bool(reason)


def test_manual_and_adaptive_thresholds(translated):
    other = {**ADVANCED, "Name the primary objects to be identified": "Other"}
    manual = {"Thresholding method": "Manual", "Manual threshold": "0.2"}
    steps, _ = translated(("IdentifyPrimaryObjects", other | manual))
    assert steps[0].module == "threshold_manual"
    assert steps[0].settings == {"threshold": pytest.approx(51)}
    adaptive = {"Threshold strategy": "Adaptive", "Size of adaptive window": "50"}
    smoothing = {"Threshold smoothing scale": "1.3488"}
    steps, _ = translated(("IdentifyPrimaryObjects", other | adaptive | smoothing))
    assert [step.module for step in steps[:2]] == ["smooth", "threshold_local"]
    assert steps[0].settings["filter_size"] == 1
    assert steps[1].settings["window"] == 51


IMAGE = {"Select the input image": "DNA", "Name the output image": "New"}
THRESHOLD = ("Threshold", {**IMAGE, "Thresholding method": "Otsu", "Name the output image": "Mask"})
SINGLE = [
    ("GaussianFilter", {**IMAGE, "Sigma": "2"}, "smooth", {"filter_size": 2}),
    ("MedianFilter", {**IMAGE, "Window": "4"}, "smooth", {"filter_name": "median"}),
    ("Smooth", {**IMAGE, "Typical artifact diameter": "4.7"}, "smooth", {"filter_size": 2}),
    ("Opening", {**IMAGE, "Structuring element": "Disk,3"}, "morph_image", {"radius": 3}),
    (
        "EnhanceOrSuppressFeatures",
        {
            **IMAGE,
            "Select the operation": "Enhance",
            "Feature type": "Speckles",
            "Feature size": "10",
        },
        "morph_image",
        {"operation": "white_top_hat", "radius": 5},
    ),
    (
        "RescaleIntensity",
        {
            **IMAGE,
            "Rescaling method": "Choose specific values to be reset to the full intensity range",
            "Intensity range for the input image": "0.2,0.6",
        },
        "rescale",
        {"min_value": 51.0, "max_value": pytest.approx(102)},
    ),
    (
        "MaskImage",
        {
            **IMAGE,
            "Use objects or an image as a mask?": "Objects",
            "Select object for mask": "Nuclei",
        },
        "apply_mask",
        {},
    ),
    (
        "ExpandOrShrinkObjects",
        {
            "Select the input objects": "Nuclei",
            "Name the output objects": "Small",
            "Select the operation": "Shrink objects by a specified number of pixels",
            "Number of pixels by which to expand or shrink": "3",
        },
        "expand_or_shrink",
        {"n": -3},
    ),
    (
        "IdentifySecondaryObjects",
        {
            "Select the input objects": "Nuclei",
            "Name the objects to be identified": "Cells",
            "Select the method to identify the secondary objects": "Distance - N",
            "Number of pixels by which to expand the primary objects": "7",
        },
        "expand_or_shrink",
        {"n": 7},
    ),
    (
        "FilterObjects",
        {
            "Select the objects to filter": "Nuclei",
            "Name the output objects": "Bright",
            "Select the filtering mode": "Measurements",
            "Select the filtering method": "Limits",
            "Select the measurement to filter by": "Intensity_MeanIntensity_DNA",
            "Filter using a minimum measurement value?": "Yes",
            "Minimum value": "0.4",
            "Filter using a maximum measurement value?": "No",
            "Maximum value": "1",
        },
        "filter_by_feature",
        {"feature": "Intensity_mean", "lower_threshold": pytest.approx(102)},
    ),
    (
        "FilterObjects",
        {
            "Select the objects to filter": "Nuclei",
            "Name the output objects": "Inner",
            "Select the filtering mode": "Image or mask border",
        },
        "remove_objects",
        {"remove_border": True},
    ),
    ("MeasureObjectSizeShape", COLUMNS, "measure_morphology", {"measure_zernike": True}),
    (
        "MeasureTexture",
        {**COLUMNS, "Select images to measure": "DNA", "Texture scale to measure": "5"},
        "measure_texture",
        {"scales": [5]},
    ),
    (
        "MeasureGranularity",
        {**COLUMNS, "Select images to measure": "DNA", "Range of the granular spectrum": "8"},
        "measure_granularity",
        {"sizes": 8, "step": 4},
    ),
    (
        "MeasureColocalization",
        {**COLUMNS, "Select images to measure": "DNA, PH3"},
        "measure_colocalisation",
        {"threshold_percent": 15},
    ),
    (
        "MeasureObjectNeighbors",
        {
            **COLUMNS,
            "Select neighboring objects to measure": "Nuclei",
            "Method to determine neighbors": "Within a specified distance",
            "Neighbor distance": "9",
        },
        "measure_neighbours",
        {"neighbour_distance": 9},
    ),
    (
        "MeasureObjectIntensityDistribution",
        {**COLUMNS, "Select images to measure": "DNA", "Number of bins": "6"},
        "measure_radial_distribution",
        {"rings": 6},
    ),
]


@pytest.mark.parametrize(
    ("name", "settings", "ours", "values"),
    SINGLE,
    ids=[f"{n}-{e[0]}" for n, e in enumerate(SINGLE)],
)
def test_a_module_becomes_a_step(tmp_path, name, settings, ours, values):
    source = load_cellprofiler(
        write(tmp_path / "q.cppipe", ("IdentifyPrimaryObjects", IDENTIFY), (name, settings)),
        white=255,
    ).pipeline
    check(source)
    found = next(call for call in source.pipeline[6:] if call.module == ours)
    assert {key: found.settings[key] for key in values} == values


def test_masks_stay_masks_and_become_objects(translated):
    opened = {"Select the input image": "Mask", "Name the output image": "Open"}
    holes = {"Select the input image": "Open", "Name the output image": "Full"}
    named = {"Select the input image": "Full", "Name the output object": "Things"}
    steps, _ = translated(
        THRESHOLD, ("Opening", opened), ("RemoveHoles", holes), ("ConvertImageToObjects", named)
    )
    modules = [step.module for step in steps]
    assert modules == ["threshold_global", "morph_mask", "fill", "label", "register_objects"]


def test_corrected_channels_secondary_and_tertiary_objects(tmp_path):
    corrected = {"Select the input image": "Raw", "Name the output image": "DNA"}
    cells = {
        "Select the input objects": "Nuclei",
        "Name the objects to be identified": "Cells",
        "Select the method": "Distance - B",
    }
    cytoplasm = {
        "Select the larger identified objects": "Cells",
        "Select the smaller identified objects": "Nuclei",
        "Name the tertiary objects": "Cytoplasm",
        "Shrink smaller object": "No",
    }
    pipeline = load_cellprofiler(
        write(
            tmp_path / "p.cppipe",
            (
                "NamesAndTypes",
                {
                    "Assign a name to": "All images",
                    "Name to assign these images": "Raw",
                    "Select the image type": "Grayscale image",
                },
            ),
            ("CorrectIlluminationApply", corrected),
            ("IdentifyPrimaryObjects", IDENTIFY),
            (
                "IdentifySecondaryObjects",
                {**cells, "Select the method to identify": "Distance - N"},
            ),
            ("IdentifyTertiaryObjects", cytoplasm),
        )
    ).pipeline
    assert [(each.name, each.correct) for each in pipeline.input.channels] == [("Raw", True)]
    assert pipeline.pipeline[-2].settings == {"shrink": 0}
    assert [each.name for each in check(pipeline).description.output.objects] == [
        "Nuclei",
        "Cells",
        "Cytoplasm",
    ]


LEFT_OUT = [
    ("TrackObjects", {}, "has no counterpart here"),
    ("SaveImages", {}, "tmaps pipeline debug"),
    ("MeasureObjectSizeShape", {"Select objects to measure": "Foci"}, "'Foci' are not made by"),
    ("MeasureObjectIntensity", COLUMNS, "only of whole images"),
    ("GaussianFilter", {"Select the input image": "None"}, "no image is chosen"),
    ("GaussianFilter", {**IMAGE, "Sigma": "wide"}, "should be a number"),
    ("MaskImage", {**IMAGE, "Invert the mask?": "Yes"}, "cannot be inverted"),
    ("RescaleIntensity", {**IMAGE, "Rescaling method": "Stretch each image"}, "fixed limits"),
    ("EnhanceOrSuppressFeatures", {**IMAGE, "Select the operation": "Suppress"}, "'Suppress "),
    ("RemoveHoles", IMAGE, "'DNA' is no mask"),
    ("FilterObjects", {"Select the objects to filter": "Nuclei"}, "'Measurements' with ''"),
    (
        "ExpandOrShrinkObjects",
        {"Select the operation": "Shrink objects to a point"},
        "'Shrink objects to a point'",
    ),
    (
        "CorrectIlluminationApply",
        {"Select the input image": "None", "Name the output image": "x"},
        "no image is chosen",
    ),
    (
        "MeasureObjectNeighbors",
        {**COLUMNS, "Select neighboring objects": "Foci"},
        "neighbours of another type",
    ),
    (
        "FilterObjects",
        {
            "Select the objects to filter": "Nuclei",
            "Select the filtering method": "Limits",
            "Select the measurement to filter": "Location_Center_X",
            "Filter using a minimum": "Yes",
            "Minimum value": "1",
            "Filter using a maximum": "No",
            "Maximum value": "1",
        },
        "cannot be filtered by 'Location_Center_X'",
    ),
]


@pytest.mark.parametrize(
    ("name", "settings", "text"), LEFT_OUT, ids=[f"{n}-{e[0]}" for n, e in enumerate(LEFT_OUT)]
)
def test_what_cannot_be_translated_is_said_and_nothing_is_guessed(translated, name, settings, text):
    steps, note = translated((name, settings))
    assert steps == ()
    assert note.state == "left out"
    assert text in note.text
    assert note.place == f"2 {name}"


def test_only_channels_are_corrected(translated):
    smooth = ("GaussianFilter", {**IMAGE, "Sigma": "2"})
    correct = {"Select the input image": "New", "Name the output image": "Corrected"}
    _, note = translated(smooth, ("CorrectIlluminationApply", correct))
    assert "'New' is no channel" in note.text


def test_a_module_that_is_switched_off(tmp_path):
    path = write(tmp_path / "p.cppipe", ("IdentifyPrimaryObjects", IDENTIFY), enabled=False)
    imported = load_cellprofiler(path)
    assert imported.pipeline.pipeline == ()
    assert str(imported.notes[0]).endswith("left out. It is switched off.")


# --- files ---------------------------------------------------------------------------------


def test_json_is_the_same_pipeline(tmp_path):
    text = write(tmp_path / "p.cppipe", ("IdentifyPrimaryObjects", IDENTIFY))
    module = {
        "attributes": {"module_name": "IdentifyPrimaryObjects", "module_num": 1, "enabled": True},
        "settings": [
            {"name": "cellprofiler_core.setting.text.Text", "text": key, "value": value}
            for key, value in IDENTIFY.items()
        ],
    }
    path = tmp_path / "p.json"
    path.write_text(json.dumps({"version": "v6", "module_count": 1, "modules": [module]}))
    assert read_modules(path) == read_modules(text)
    assert load_cellprofiler(path) == load_cellprofiler(text)


def test_escaped_texts(tmp_path):
    path = write(tmp_path / "p.cppipe", ("ColorToGray", {r"Image type\x3A": r"a\x5Bb\x5D:c"}))
    assert read_modules(path)[0].settings == (("Image type:", "a[b]:c"),)


def test_files_that_are_no_pipelines(tmp_path):
    with pytest.raises(NotFoundError, match="There is no file"):
        load_cellprofiler(tmp_path / "none.cppipe")
    with pytest.raises(StorageError, match="Could not read"):
        load_cellprofiler(tmp_path)
    path = tmp_path / "p.json"
    for text in ("{", "[]", '{"modules": [{}]}'):
        path.write_text(text)
        with pytest.raises(FormatError, match="is no pipeline of CellProfiler"):
            load_cellprofiler(path)
    (tmp_path / "p.cppipe").write_text("name: nuclei\n")
    with pytest.raises(FormatError, match="it has no modules"):
        load_cellprofiler(tmp_path / "p.cppipe")
    with pytest.raises(InputError, match="white is 0"):
        load_cellprofiler(tmp_path / "p.cppipe", white=0)
