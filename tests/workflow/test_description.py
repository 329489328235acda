from __future__ import annotations

import pytest
import yaml

from napari_tmaps.errors import FormatError, InputError, NotFoundError
from napari_tmaps.model.workflow import STAGES, SubmissionArguments, WorkflowDescription
from napari_tmaps.workflow.description import (
    argument_rows,
    check_description,
    default_description,
    load_workflow,
    part_of,
    save_workflow,
    with_argument,
)
from napari_tmaps.workflow.steps import STEPS, find_step

# Written by hand in the form that TissueMAPS servers write.
FOREIGN = """
type: canonical
stages:
- name: image_conversion
  mode: sequential
  active: true
  steps:
  - name: metaextract
    active: true
    batch_args:
    - {name: batch_size, value: 50, help: files per job, default: 100, type: int, required: false}
    submission_args:
    - {name: memory, value: 4000}
    - {name: duration, value: "02:00:00"}
    - {name: cores, value: 2}
  - name: metaconfig
    active: true
    batch_args:
    - {name: regex, value: null}
    - {name: stitch_layout, value: zigzag_horizontal}
    - {name: n_vertical, value: 5}
    - {name: n_horizontal, value: ''}
    - {name: mip, value: true}
    submission_args: []
  - name: imextract
    active: true
    batch_args:
    - {name: batch_size, value: 100}
    - {name: delete, value: false}
    submission_args: []
- name: image_preprocessing
  active: false
  steps:
  - name: corilla
    active: true
    batch_args: []
    submission_args: []
- name: image_analysis
  active: false
  steps:
  - name: jterator
    active: true
    batch_args:
    - {name: batch_size, value: 50}
    - {name: plot, value: false}
    submission_args: []
"""


def test_a_file_of_tissuemaps(tmp_path):
    path = tmp_path / "workflow.yaml"
    path.write_text(FOREIGN)
    description = load_workflow(path)
    assert [step.name for step in description.active()] == [
        "metaextract",
        "metaconfig",
        "imextract",
    ]
    arguments = check_description(description)
    assert arguments["metaextract"].model_dump() == {"batch_size": 50}
    assert arguments["metaconfig"].model_dump() == {
        "stitch_layout": "zigzag_horizontal", "n_vertical": 5, "n_horizontal": 0, "regex": "",
        "mip": True, "stitch": False, "stitch_channel": "", "max_shift_um": 0.0,
    }  # fmt: skip
    limits = description.active()[0].submission_args
    assert (limits.duration_s, limits.memory, limits.cores) == (7200, 4000, 2)


@pytest.mark.parametrize("kind", ["canonical", "multiplexing"])
def test_default_and_file(kind, tmp_path):
    description = default_description(kind)
    assert tuple(stage.name for stage in description.stages) == STAGES
    names = [step.name for stage in description.stages for step in stage.steps]
    expected = ["metaextract", "metaconfig", "imextract", "corilla", "align", "illuminati"]
    expected = [*expected, "jterator"]
    assert names == [n for n in expected if kind == "multiplexing" or n != "align"]
    active = [step.name for step in description.active()]
    assert active == ["metaextract", "metaconfig", "imextract", "jterator"]
    save_workflow(description, tmp_path / "w.yaml")
    again = load_workflow(tmp_path / "w.yaml")
    assert check_description(again) == check_description(description)
    assert [step.name for step in again.active()] == active
    content = yaml.safe_load((tmp_path / "w.yaml").read_text())
    assert {"name": "mip", "value": False} in content["stages"][0]["steps"][1]["batch_args"]


def changed(edit):
    content = default_description().model_dump(mode="json")
    edit(content["stages"])
    return WorkflowDescription.model_validate(content)


WRONG = [
    pytest.param(
        lambda s: s[0]["steps"][0]["batch_args"].update(batch_size=0),
        r"'metaextract': batch_size is 0, but input should be greater than or equal to 1",
        id="value",
    ),
    pytest.param(
        lambda s: s[0]["steps"][1]["batch_args"].update(stitch_layout="snake"),
        "zigzag_vertical",
        id="choice",
    ),
    pytest.param(
        lambda s: s[0]["steps"][2]["batch_args"].update(colour="red"),
        "no argument 'colour'. Its arguments are: batch_size",
        id="unknown-argument",
    ),
    pytest.param(
        lambda s: s[0]["steps"][1]["batch_args"].update(regex="(?P<w>"),
        "no regular expression",
        id="regex",
    ),
    pytest.param(
        lambda s: s[0]["steps"][1].update(active=False),
        "'imextract' needs 'metaconfig' before it",
        id="dependency",
    ),
    pytest.param(
        lambda s: s[3]["steps"].append(s[0]["steps"][0]),
        "'metaextract' stands in stage 'image_analysis'; it belongs to 'image_conversion'",
        id="stage",
    ),
    pytest.param(
        lambda s: s[0]["steps"].reverse(), "'metaconfig' stands too late or twice", id="order"
    ),
    pytest.param(
        lambda s: s[1]["steps"].append({"name": "align"}),
        "'align' is no part of a workflow of type 'canonical'",
        id="type",
    ),
]


@pytest.mark.parametrize(("edit", "words"), WRONG)
def test_what_does_not_fit_is_named(edit, words):
    with pytest.raises(InputError, match=words):
        check_description(changed(edit))


def test_all_problems_are_told_at_once():
    def edit(stages):
        stages[0]["steps"][0]["batch_args"]["batch_size"] = 0
        stages[0]["steps"][2]["batch_args"]["batch_size"] = "many"

    with pytest.raises(InputError, match=r"(?s)metaextract.*imextract"):
        check_description(changed(edit))


def test_a_step_that_has_run_need_not_be_active():
    description = part_of(default_description(), start="image_analysis")
    with pytest.raises(InputError, match="needs 'metaconfig'"):
        check_description(description)
    assert list(check_description(description, done=["metaconfig"])) == ["jterator"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("type: [", "no YAML", id="no-yaml"),
        pytest.param("type: strange", "canonical", id="type"),
        pytest.param("- a", "no workflow description", id="list"),
        pytest.param("{stages: [{name: cooking}]}", "image_conversion", id="stage"),
        pytest.param("{stages: [{name: image_analysis, colour: red}]}", "colour", id="extra"),
        pytest.param("!!python/object/apply:os.getcwd []", "no YAML", id="code"),
    ],
)
def test_files_that_are_no_workflow(tmp_path, text, words):
    path = tmp_path / "w.yaml"
    path.write_text(text)
    with pytest.raises(FormatError, match=words):
        load_workflow(path)


def test_missing_file_and_unknown_step(tmp_path):
    with pytest.raises(NotFoundError, match="no workflow file"):
        load_workflow(tmp_path / "w.yaml")
    with pytest.raises(NotFoundError, match="Did you mean 'imextract'"):
        find_step("imxtract")


@pytest.mark.parametrize("duration", ["1:00", "1:60:00", "abc", "-1:00:00"])
def test_durations_that_are_none(duration):
    with pytest.raises(ValueError, match="duration"):
        SubmissionArguments(duration=duration)


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_every_argument_is_fit_for_forms(step):
    for row in argument_rows(step.Arguments):
        assert row["help"], row["name"]
        assert row["default"] is not None
        assert row["type"] in ("bool", "int", "float", "str")


def test_arguments_for_forms():
    rows = {row["name"]: row for row in argument_rows(find_step("metaconfig").Arguments)}
    assert rows["stitch_layout"]["choices"] == [
        "horizontal", "zigzag_horizontal", "vertical", "zigzag_vertical",
    ]  # fmt: skip
    assert (rows["mip"]["type"], rows["mip"]["default"]) == ("bool", False)


def test_with_argument_changes_nothing_else():
    before = default_description()
    after = with_argument(before, "metaconfig", "mip", True)
    assert check_description(after)["metaconfig"].mip is True
    assert with_argument(after, "metaconfig", "mip", False) == before
