"""Projects of TissueMAPS' jterator, as its user guide and its benchmark project have them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml

from napari_tmaps.errors import ExistsError, NotFoundError, PipelineError, StorageError
from napari_tmaps.pipeline import check, load_pipeline, ready_pipelines, run_site
from napari_tmaps.pipeline.imported import State
from napari_tmaps.pipeline.jterator_project import load_project
from napari_tmaps.pipeline.jterator_project_export import project_files, save_project


@pytest.mark.parametrize("name", ready_pipelines())
def test_a_ready_pipeline_comes_back_as_it_was(name, tmp_path):
    pipeline = ready_pipelines()[name]
    save_project(pipeline, tmp_path)
    assert load_project(tmp_path).pipeline == pipeline


# --- a project as TissueMAPS writes it -----------------------------------------------------


def image(name, key, kind="IntensityImage"):
    return {"name": name, "type": kind, "key": key}


def constant(name, value, kind="Numeric", **more):
    return {"name": name, "type": kind, "value": value, **more}


def module(name, source, version, inputs, *outputs, figure=True):
    """An entry of the pipeline, and its handles as they come with the module."""
    if figure:
        inputs = [*inputs, constant("plot", True, "Plot")]
        outputs = (*outputs, {"name": "figure", "type": "Figure"})
    handles = {"version": version, "input": inputs, "output": list(outputs)}
    entry = {"handles": f"handles/{name}.handles.yaml", "source": source, "active": True}
    return entry, handles


def register(name, mask, objects):
    return module(
        name,
        "register_objects.py",
        "0.1.0",
        [image("mask", mask, "MaskImage")],
        image("objects", objects, "SegmentedObjects"),
        figure=False,
    )


def measurement(**more):
    refs = {"objects": "assign_objects", "objects_ref": "extract_objects", **more}
    return {"name": "measurements", "type": "Measurement", **refs}


def objects(extract, assign):
    return [
        image("extract_objects", extract, "SegmentedObjects"),
        image("assign_objects", assign, "SegmentedObjects"),
    ]


def intensity(region, channel, assign="Cells"):
    return module(
        f"measure_intensity_{region}_{channel}",
        "measure_intensity.py",
        "0.1.1",
        [
            *objects(region, assign),
            image("intensity_image", channel),
            constant("aggregate", False, "Boolean"),
        ],
        measurement(channel_ref="intensity_image"),
    )


def morphology(region, assign):
    return module(
        f"measure_morphology_{region}",
        "measure_morphology.py",
        "0.2.0",
        [
            *objects(region, assign),
            constant("measure_zernike", False, "Boolean"),
            constant("aggregate", False, "Boolean"),
        ],
        measurement(),
    )


def texture(region):
    return module(
        f"measure_texture_{region}",
        "measure_texture.py",
        "0.3.1",
        [
            *objects(region, "Cells"),
            image("intensity_image", "ch1"),
            constant("frequencies", [1, 5, 10], "Set"),
            constant("measure_TAS", False, "Boolean"),
            constant("measure_LBP", True, "Boolean"),
            constant("radii", [1, 5, 5], "Set"),
            constant("aggregate", False, "Boolean"),
        ],
        measurement(channel_ref="intensity_image"),
    )


FILTERS = ["average", "gaussian", "median", "bilateral"]
CHANNELS = ("ch1", "ch3", "ch4", "ch5")

# The whole pipeline of image-based transcriptomics.
REFERENCE = [
    module(
        "smooth_dapi",
        "smooth.py",
        "0.1.0",
        [
            image("image", "ch1"),
            constant("filter_name", "gaussian", "Scalar", options=FILTERS),
            constant("filter_size", 5, "Scalar"),
        ],
        image("smoothed_image", "smooth_dapi.smoothed_image"),
    ),
    module(
        "threshold_adaptive",
        "threshold_adaptive.py",
        "0.2.0",
        [
            image("image", "smooth_dapi.smoothed_image"),
            constant("method", "niblack", "Character", options=["crosscorr", "niblack"]),
            constant("kernel_size", 211, "Scalar"),
            constant("constant", 0, "Scalar"),
            constant("min_threshold", 110, "Scalar"),
            constant("max_threshold", None, "Scalar"),
        ],
        image("mask", "threshold_adaptive.mask", "BinaryImage"),
    ),
    module(
        "fill",
        "fill.py",
        "0.0.1",
        [image("mask", "threshold_adaptive.mask", "BinaryImage")],
        image("filled_mask", "fill.filled_mask", "BinaryImage"),
    ),
    module(
        "separate_clumps",
        "separate_clumps.py",
        "0.3.0",
        [
            image("mask", "fill.filled_mask", "MaskImage"),
            image("intensity_image", "ch1"),
            constant("min_cut_area", 2000),
            constant("max_convexity", 0.90),
            constant("max_circularity", 0.70),
            constant("min_area", 7500),
            constant("max_area", 75000),
            constant("selection_test_mode", False, "Boolean"),
            constant("selection_test_show_remaining", False, "Boolean"),
            constant("trimming", True, "Boolean"),
        ],
        image("separated_label_image", "separate_clumps.separated_label_image", "LabelImage"),
    ),
    module(
        "filter",
        "filter.py",
        "0.2.0",
        [
            image("mask", "separate_clumps.separated_label_image", "MaskImage"),
            constant("feature", "area", "Character", options=["area", "eccentricity"]),
            constant("lower_threshold", 700),
            constant("upper_threshold", None),
        ],
        image("filtered_mask", "filter.filtered_mask", "MaskImage"),
    ),
    module(
        "label",
        "label.py",
        "0.1.0",
        [image("mask", "filter.filtered_mask", "MaskImage"), constant("connectivity", 4)],
        image("label_image", "label.label_image", "LabelImage"),
    ),
    register("register_nuclei", "label.label_image", "Nuclei"),
    module(
        "smooth_cells",
        "smooth.py",
        "0.1.0",
        [
            image("image", "ch5"),
            constant("filter_name", "gaussian", "Scalar", options=FILTERS),
            constant("filter_size", 10, "Scalar"),
        ],
        image("smoothed_image", "smooth_cells.smoothed_image"),
    ),
    module(
        "segment_secondary",
        "segment_secondary.py",
        "0.0.3",
        [
            image("primary_label_image", "Nuclei", "LabelImage"),
            image("intensity_image", "smooth_cells.smoothed_image"),
            constant("contrast_threshold", 5),
            constant("min_threshold", 125),
            constant("max_threshold", 140),
        ],
        image("secondary_label_image", "segment_secondary.secondary_label_image", "LabelImage"),
    ),
    register("register_cells", "segment_secondary.secondary_label_image", "Cells"),
    module(
        "clip",
        "clip.py",
        "0.1.0",
        [image("image", "Cells", "MaskImage"), image("clipping_mask", "Nuclei", "MaskImage")],
        image("clipped_image", "clip.clipped_image", "MaskImage"),
    ),
    register("register_cytoplasms", "clip.clipped_image", "Cytoplasms"),
    module(
        "detect_blobs",
        "detect_blobs.py",
        "0.6.0",
        [
            image("image", "ch3"),
            image("mask", "Cells", "MaskImage"),
            constant("threshold", 2, "Scalar"),
            constant("min_area", 3, "Scalar"),
            constant("mean_area", 5, "Scalar"),
            constant("max_area", 100, "Scalar"),
        ],
        image("centroids", "detect_blobs.centroids", "LabelImage"),
        image("blobs", "detect_blobs.blobs", "LabelImage"),
    ),
    register("register_transcripts", "detect_blobs.blobs", "Transcripts"),
    module(
        "measure_point_pattern",
        "measure_point_pattern.py",
        "0.1.1",
        [
            *objects("Transcripts", "Transcripts"),
            image("ref_objects", "Cells", "SegmentedObjects"),
            constant("aggregate", False, "Boolean"),
        ],
        measurement(),
    ),
    *(intensity(region, name) for region in ("Nuclei", "Cytoplasms", "Cells") for name in CHANNELS),
    morphology("Cells", "Cells"),
    morphology("Nuclei", "Cells"),
    texture("Nuclei"),
    texture("Cytoplasms"),
    intensity("Transcripts", "ch3", "Transcripts"),
    morphology("Transcripts", "Transcripts"),
]


@pytest.fixture
def project(tmp_path):
    """Write a project: `project(modules)`; edits are pairs of file and function on its content."""

    def write(modules=REFERENCE, **files) -> Path:
        folder = tmp_path / "jtproject"
        (folder / "handles").mkdir(parents=True)
        data = {
            "description": "Transcripts in cells.",
            "input": {
                "channels": [{"name": name, "correct": True} for name in CHANNELS],
                "objects": [],
            },
            "output": {
                "objects": [
                    {"name": "Cells", "as_polygons": True},
                    {"name": "Transcripts", "as_polygons": False},
                ]
            },
            "pipeline": [entry for entry, _ in modules],
        }
        (folder / "pipeline.yaml").write_text(yaml.safe_dump(data))
        for entry, handles in modules:
            (folder / entry["handles"]).write_text(yaml.safe_dump(handles))
        for name, text in files.items():
            (folder / name).write_text(text)
        return folder

    return write


def test_the_reference_pipeline_as_a_whole(project):
    imported = load_project(project())
    pipeline = imported.pipeline
    assert pipeline.name == "jtproject"
    assert [channel.name for channel in pipeline.input.channels] == list(CHANNELS)
    assert all(channel.correct for channel in pipeline.input.channels)
    calls = {call.name: call for call in pipeline.pipeline}
    assert calls["separate_clumps"].settings == {
        "min_cut_area": 2000,
        "max_convexity": 0.9,
        "max_circularity": 0.7,
        "min_area": 7500,
        "max_area": 75000,
        "trimming": True,
    }
    assert calls["separate_clumps"].inputs == {"mask": "fill.filled_mask"}
    assert calls["register_nuclei"].outputs == {"objects": "Nuclei"}
    assert calls["measure_texture_Nuclei"].settings["radii"] == [1, 5]
    checked = check(pipeline, CHANNELS)
    assert len(checked.steps) == len(REFERENCE)
    target = next(step for step in checked.steps if step.name == "measure_intensity_Nuclei_ch4")
    assert target.target.column("Intensity_mean") == "Nuclei_Intensity_mean_ch4"
    notes = [str(note) for note in imported.notes]
    assert any("(Transcripts): approximated. TissueMAPS kept their centres" in n for n in notes)
    assert any("'upper_threshold' was empty" in note for note in notes)
    assert any("'selection_test_mode' only changed the figure" in note for note in notes)
    assert notes[-1].startswith("figures: left out.")


def test_the_reference_pipeline_runs_and_survives_the_way_back(project, tmp_path):
    pipeline = load_project(project()).pipeline
    save_project(pipeline, tmp_path / "again")
    again = load_project(tmp_path / "again").pipeline
    assert again == pipeline
    y, x = np.mgrid[:200, :200]
    blob = np.exp(-((y - 100) ** 2 + (x - 90) ** 2) / (2 * 25**2))
    spots = np.zeros((200, 200))
    spots[95:98, 60:63] = spots[110:113, 95:98] = 4000
    images = {
        name: (100 + 400 * blob + (spots if name == "ch3" else 0)).astype(np.uint16)
        for name in CHANNELS
    }
    tables = run_site(check(again), images).tables
    assert len(tables["Cells"]) == 1
    assert len(tables["Transcripts"]) >= 2
    assert {"Nuclei_Intensity_mean_ch1", "Cytoplasms_Texture_Hu-0_ch1"} <= set(tables["Cells"])


def test_files_have_what_tissuemaps_checks(description, modules):
    """Versions, sources, types of handles and the marks of measurements."""
    files, _ = project_files(ready_pipelines()["spots_in_cells"])
    project = yaml.safe_load(files["pipeline.yaml"])
    assert set(project) == {"description", "input", "output", "pipeline"}
    assert [set(entry) for entry in project["pipeline"]] == [
        {"handles", "source", "active"} for _ in project["pipeline"]
    ]
    handles = {n: yaml.safe_load(t) for n, t in files.items() if n != "pipeline.yaml"}
    assert set(handles) == {entry["handles"] for entry in project["pipeline"]}
    smooth = next(h for n, h in handles.items() if "smooth" in n)
    assert smooth["version"] == "0.1.0"
    assert smooth["input"][-1] == {"name": "plot", "type": "Plot", "value": False}
    assert smooth["output"][-1] == {"name": "figure", "type": "Figure"}
    assert {h["name"] for h in smooth["input"]} == {"image", "filter_name", "filter_size", "plot"}
    measured = [out for h in handles.values() for out in h["output"] if "objects" in out]
    assert measured
    assert all(out["objects"] == "assign_objects" for out in measured)


def test_what_tissuemaps_lacks_is_said(tmp_path, description, modules):
    notes = save_project(description, tmp_path, modules=modules)
    assert [note.state for note in notes] == [State.LEFT_OUT] * len(description.pipeline)
    assert str(notes[0]) == "brighter (add): left out. TissueMAPS has no module 'add'."
    assert load_project(tmp_path, modules=modules).pipeline == description
    with pytest.raises(ExistsError, match="has a project already"):
        save_project(description, tmp_path, modules=modules)


def test_a_setting_that_tissuemaps_lacks_is_said():
    pipeline = load_pipeline(
        """
input: {channels: [{name: DAPI}], objects: [{name: Nuclei}]}
pipeline:
- name: brightness
  module: measure_intensity
  inputs: {extract_objects: Nuclei, assign_objects: Nuclei, intensity_image: DAPI}
  settings: {measure_edge: true}
output: {objects: [{name: Nuclei}]}
"""
    )
    _, notes = project_files(pipeline)
    assert [note.text for note in notes] == ["TissueMAPS has no setting 'measure_edge'."]


def test_a_pipeline_that_cannot_run_is_not_written(edited, modules):
    with pytest.raises(PipelineError, match="no module 'ad'"):
        project_files(edited(("module: add", "module: ad")), modules=modules)


# --- other forms ---------------------------------------------------------------------------


def test_old_names_matlab_inactive_and_unknown_modules(project):
    modules = [
        module(
            "expand_nuclei",
            "expand.py",
            "0.1.1",
            [image("image", "Nuclei", "LabelImage"), constant("n", 3.0)],
            image("expanded_image", "expand_objects.expanded_image", "LabelImage"),
        ),
        module(
            "spots",
            "identify_spots_2D.m",
            "0.0.2",
            [image("image", "ch1"), constant("detection_threshold", "2e-2")],
            image("spots", "spots.spots", "LabelImage"),
            image("spots_deblend", "spots.spots_deblend", "LabelImage"),
        ),
        module(
            "mystery",
            "frobnicate.py",
            "1.0.0",
            [image("image", "expand_objects.expanded_image"), constant("x", None)],
            image("result", "mystery.result"),
        ),
    ]
    modules[1][0]["active"] = False
    imported = load_project(project(modules))
    expand, spots, mystery = imported.pipeline.pipeline
    assert (expand.module, expand.settings) == ("expand_or_shrink", {"n": 3})
    assert isinstance(expand.settings["n"], int)
    assert (spots.module, spots.active) == ("identify_spots_2D", False)
    assert spots.settings == {"detection_threshold": 0.02}
    # A key need not be called like its module; the wire finds it all the same.
    assert mystery.inputs == {"image": "expand_nuclei.expanded_image"}
    assert "mystery (frobnicate.py): left out. There is no module 'frobnicate'" in " ".join(
        map(str, imported.notes)
    )
    assert "'expand_or_shrink' now" in " ".join(map(str, imported.notes))
    with pytest.raises(PipelineError, match="no module 'frobnicate'"):
        check(imported.pipeline)


def test_the_older_form_in_one_file(tmp_path):
    (tmp_path / "nuclei.pipe.yaml").write_text(
        """
input:
  channels: [{name: DAPI, correct: false}]
pipeline:
- source: python/jtmodules/smooth.py
  handles:
    input:
    - {name: image, type: IntensityImage, key: DAPI}
    - {name: filter_size, type: Scalar, value: 2}
    output:
    - {name: smoothed_image, type: IntensityImage, key: smooth.smoothed_image}
- source: smooth.py
  handles:
    input:
    - {name: image, type: IntensityImage, key: smooth.smoothed_image}
    output:
    - {name: smoothed_image, type: IntensityImage, key: smoother}
"""
    )
    pipeline = load_project(tmp_path).pipeline
    assert pipeline == load_project(tmp_path / "nuclei.pipe.yaml").pipeline
    assert pipeline.name == "nuclei"
    assert [call.name for call in pipeline.pipeline] == ["smooth", "smooth_1"]
    assert pipeline.pipeline[1].outputs == {"smoothed_image": "smoother"}
    assert not pipeline.input.channels[0].correct
    (tmp_path / "cells.pipe.yaml").write_text("pipeline: []\n")
    with pytest.raises(PipelineError, match=r"choose one of the files 'cells\.pipe\.yaml', 'nuc"):
        load_project(tmp_path)


def test_measured_objects_may_be_called_otherwise(project):
    entry = module(
        "shape",
        "measure_morphology.py",
        "0.2.0",
        [image("objects", "Cells", "SegmentedObjects")],
        measurement(objects="objects", objects_ref="objects"),
    )
    call = load_project(project([entry])).pipeline.pipeline[0]
    assert call.inputs["extract_objects"] == call.inputs["assign_objects"] == "Cells"


# --- faults --------------------------------------------------------------------------------

SMOOTH = "handles/smooth_dapi.handles.yaml"
FAULTS = [
    pytest.param("pipeline.yaml", "correct: true", "corect: true", "'input channels 1 corect' is"),
    pytest.param("pipeline.yaml", "source: fill.py", "sauce: fill.py", "'pipeline 3 source' is"),
    pytest.param("pipeline.yaml", "active: true", "active: perhaps", "'pipeline 1 active' is 'per"),
    pytest.param(SMOOTH, "version: 0.1.0", "version: new", "'version' is 'new'"),
    pytest.param(SMOOTH, "value: gaussian", "value: gausian", "'filter_name': 'value' is 'gausian"),
    pytest.param(SMOOTH, "type: Scalar", "type: Skalar", "'type' is 'Skalar', but must be one of"),
    pytest.param(SMOOTH, "type: Figure", "type: Drawing", "'figure': 'type' is 'Drawing'"),
    pytest.param(SMOOTH, "name: filter_size", "name: filter_name", "'filter_name' stands there tw"),
    pytest.param(SMOOTH, "key: smooth_dapi.smoothed_image", "key:", "'key' is missing"),
    pytest.param(SMOOTH, "input:", "input: [", "line 2 cannot be read as YAML"),
    pytest.param(
        "handles/measure_morphology_Cells.handles.yaml",
        "objects: assign_objects",
        "objects: Cells",
        "'measurements': 'objects' is 'Cells', but must name an input",
    ),
    pytest.param("pipeline.yaml", "name: Cells", "name: My cells", "'output objects 1 name' is"),
    pytest.param(
        "handles/register_nuclei.handles.yaml", "key: Nuclei", "key: My.nuclei", "'outputs objects'"
    ),
]


@pytest.mark.parametrize(("file", "old", "new", "message"), FAULTS)
def test_a_fault_is_named_with_its_file_and_field(project, file, old, new, message):
    folder = project()
    text = (folder / file).read_text()
    assert old in text
    (folder / file).write_text(text.replace(old, new, 1))
    with pytest.raises(PipelineError) as error:
        load_project(folder)
    assert message in str(error.value)
    assert Path(file).name in str(error.value)


def test_missing_and_unreadable_files(project, tmp_path):
    with pytest.raises(NotFoundError, match="no such file or folder"):
        load_project(tmp_path / "nowhere")
    with pytest.raises(NotFoundError, match="is no jterator project"):
        load_project(tmp_path)
    folder = project()
    (folder / SMOOTH).write_bytes(b"\xff\xfe\x00")
    with pytest.raises(PipelineError, match="is no text file"):
        load_project(folder)
    (folder / SMOOTH).unlink()
    (folder / SMOOTH).mkdir()
    with pytest.raises(StorageError, match="Could not read"):
        load_project(folder)
    (folder / SMOOTH).rmdir()
    with pytest.raises(NotFoundError, match=r"lacks the file '.*smooth_dapi\.handles\.yaml'"):
        load_project(folder)
    (folder / "pipeline.yaml").write_text("- a list\n")
    with pytest.raises(PipelineError, match="is no part of a project"):
        load_project(folder)
