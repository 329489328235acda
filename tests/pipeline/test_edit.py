"""Edits of a pipeline: wires follow, and what can run goes on to be able to run."""

from __future__ import annotations

import pytest

from napari_tmaps.errors import InputError, NotFoundError
from napari_tmaps.model.pipeline import PipelineDescription
from napari_tmaps.pipeline import check, find_problems, ready_pipelines
from napari_tmaps.pipeline import edit as editing
from napari_tmaps.pipeline.wiring import Wire, items_before, wires_of


@pytest.fixture
def ready():
    return ready_pipelines()["nuclei_and_cells"]


def names(pipeline):
    return [call.name for call in pipeline.pipeline]


def build(*modules, channels=("DAPI", "Actin")):
    pipeline = editing.set_channels(PipelineDescription(), [(name, False) for name in channels])
    for module in modules:
        pipeline, _ = editing.add_step(pipeline, module)
    return pipeline


def test_a_pipeline_built_by_double_clicks_runs():
    pipeline = build(
        "smooth", "threshold_otsu", "fill", "label", "register_objects", "measure_intensity"
    )
    checked = check(pipeline, ["DAPI", "Actin"])
    assert [dict(step.inputs) for step in checked.steps] == [
        {"image": "DAPI"},
        {"image": "smooth.smoothed_image"},
        {"mask": "threshold_otsu.mask"},
        {"mask": "fill.filled_mask"},
        {"mask": "label.label_image"},
        {"extract_objects": "Objects", "assign_objects": "Objects", "intensity_image": "DAPI"},
    ]
    assert checked.output_objects == ("Objects",)
    assert checked.hints == ()


def test_the_same_module_twice_gets_another_name():
    pipeline = build("smooth", "smooth", "threshold_otsu", "register_objects", "register_objects")
    assert names(pipeline)[:2] == ["smooth", "smooth_2"]
    assert [o.name for o in pipeline.output.objects] == ["Objects", "Objects_2"]
    assert find_problems(pipeline) == ()


def test_two_inputs_of_a_kind_get_two_items():
    pipeline = build("combine_channels")
    assert dict(pipeline.pipeline[0].inputs) == {"image_1": "DAPI", "image_2": "Actin"}


def test_cells_are_looked_for_in_a_channel_that_was_not_used_yet():
    pipeline = build("threshold_otsu", "register_objects", "segment_secondary")
    assert dict(pipeline.pipeline[0].inputs) == {"image": "DAPI"}
    assert dict(pipeline.pipeline[2].inputs) == {
        "primary_label_image": "Objects",
        "intensity_image": "Actin",
    }


def test_insert_in_the_middle(ready):
    pipeline, name = editing.add_step(ready, "fill", 2)
    assert names(pipeline)[2] == name == "fill"
    assert dict(pipeline.pipeline[2].inputs) == {"mask": "threshold_nuclei.mask"}
    check(pipeline)


def test_no_such_module(ready):
    with pytest.raises(NotFoundError, match="smoth"):
        editing.add_step(ready, "smoth")


def test_items_before_the_first_step(ready):
    assert list(items_before(ready, 0)) == ["DAPI", "Actin"]


def test_rename_step_takes_wires_along(ready):
    pipeline = editing.rename_step(ready, "smooth_nuclei", "blur")
    assert pipeline.pipeline[1].inputs["image"] == "blur.smoothed_image"
    check(pipeline)
    assert editing.rename_step(pipeline, "blur", "smooth_nuclei") == ready


@pytest.mark.parametrize(
    ("name", "words"),
    [
        pytest.param("fill_nuclei", "Another step is called 'fill_nuclei'", id="taken"),
        pytest.param("7 smooth", "'7 smooth' is no name", id="no name"),
        pytest.param("", "'' is no name", id="empty"),
    ],
)
def test_rename_step_refuses(ready, name, words):
    with pytest.raises(InputError, match=words):
        editing.rename_step(ready, "smooth_nuclei", name)


def test_rename_objects_takes_wires_and_output_along(ready):
    pipeline = editing.rename_output(ready, "register_nuclei", "objects", "Kerne")
    assert [o.name for o in pipeline.output.objects] == ["Kerne", "Cells", "Cytoplasm"]
    assert check(pipeline).output_objects == ("Kerne", "Cells", "Cytoplasm")
    assert not any("Nuclei" in call.inputs.values() for call in pipeline.pipeline)


def test_rename_output_and_back(ready):
    pipeline = editing.rename_output(ready, "smooth_nuclei", "smoothed_image", "blurred")
    assert pipeline.pipeline[1].inputs["image"] == "blurred"
    assert editing.rename_output(pipeline, "smooth_nuclei", "smoothed_image", "") == ready


def test_duplicate(ready):
    pipeline, name = editing.duplicate_step(ready, "smooth_nuclei")
    assert names(pipeline)[:2] == ["smooth_nuclei", name]
    assert pipeline.pipeline[1].settings == ready.pipeline[0].settings
    check(pipeline)
    pipeline, name = editing.duplicate_step(ready, "register_nuclei")
    assert check(pipeline).output_objects[-1] == "Nuclei_2"


def test_remove(ready):
    pipeline = editing.remove_step(ready, "register_cytoplasm")
    assert [o.name for o in pipeline.output.objects] == ["Nuclei", "Cells"]
    problems = find_problems(pipeline)
    assert {problem.step for problem in problems} == {17, 18, 19}  # which measure cytoplasm
    for name in names(pipeline):
        pipeline = editing.remove_step(pipeline, name)
    assert pipeline.pipeline == ()
    assert pipeline.output.objects == ()


@pytest.mark.parametrize(("to", "at"), [(0, 0), (5, 5), (99, 19), (-3, 0)])
def test_move(ready, to, at):
    pipeline = editing.move_step(ready, "fill_nuclei", to)
    assert names(pipeline).index("fill_nuclei") == at
    assert sorted(names(pipeline)) == sorted(names(ready))


def test_a_step_moved_above_its_source_is_told(ready):
    (problem, *_) = find_problems(editing.move_step(ready, "fill_nuclei", 0))
    assert problem.step == 1
    assert "only later" in problem.message


def test_settings_keep_their_place_and_defaults_are_left_out(ready):
    pipeline = editing.set_setting(ready, "separate_nuclei", "max_convexity", 0.9)
    assert list(pipeline.pipeline[3].settings) == list(ready.pipeline[3].settings)
    assert pipeline.pipeline[3].settings["max_convexity"] == 0.9
    pipeline = editing.set_setting(pipeline, "smooth_nuclei", "filter_size", 3)
    assert pipeline.pipeline[0].settings == {}
    kept = editing.set_setting(pipeline, "smooth_nuclei", "filter_size", 3.0)  # wrong, and told
    assert len(find_problems(kept)) == 1


def test_wires(ready):
    pipeline = editing.set_wire(ready, "smooth_cells", "image", "DAPI")
    assert pipeline.pipeline[6].inputs == {"image": "DAPI"}
    pipeline = editing.set_wire(pipeline, "smooth_cells", "image", None)
    assert pipeline.pipeline[6].inputs == {}
    assert "not wired" in find_problems(pipeline)[0].message


def test_another_channel_instead(ready):
    pipeline = editing.rename_channel(ready, "Actin", "Phalloidin")
    check(pipeline, ["DAPI", "Phalloidin"])
    with pytest.raises(NotFoundError):
        editing.rename_channel(ready, "GFP", "Actin")


def test_kept_objects(ready):
    pipeline = editing.keep_objects(ready, ["Cells"])
    assert check(pipeline).output_objects == ("Cells",)


def test_which_step_feeds_which():
    pipeline = build("smooth", "threshold_otsu", "fill", "apply_mask")
    found = wires_of(pipeline)
    assert Wire(0, 1, "smooth.smoothed_image") in found
    assert Wire(2, 3, "fill.filled_mask") in found
    assert all(wire.source < wire.target for wire in found)
    off = wires_of(editing.set_active(pipeline, "fill", False))
    assert not [wire for wire in off if wire.source == 2]  # it makes nothing
    assert Wire(1, 2, "threshold_otsu.mask") in off  # what it would use is still seen
