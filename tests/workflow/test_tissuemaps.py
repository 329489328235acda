"""Arguments and workflow files against those of TissueMAPS 0.5, as its sources and help say."""

from __future__ import annotations

import pytest
import typer
import yaml
from tests.cli.test_step_programs import tmaps

from napari_tmaps.cli.steps import FLAGS, step_app
from napari_tmaps.model.workflow import SubmissionArguments, WorkflowDescription
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.workflow.description import (
    argument_rows,
    check_description,
    default_description,
    load_workflow,
    with_argument,
)
from napari_tmaps.workflow.steps import STEPS, find_step
from napari_tmaps.workflow.tissuemaps import ARGUMENTS, for_tissuemaps

LAYOUTS = ["horizontal", "zigzag_horizontal", "vertical", "zigzag_vertical"]
# step, argument, type, default (None: not given), another flag, choices, words of the help
THEIRS = [
    ("metaextract", "batch_size", "int", 100, "-b", None, "files per job"),
    ("metaconfig", "regex", "str", None, None, None, "regular expression"),
    ("metaconfig", "stitch_layout", "str", "horizontal", None, LAYOUTS, "order"),
    ("metaconfig", "n_vertical", "int", None, None, None, "rows"),
    ("metaconfig", "n_horizontal", "int", None, None, None, "columns"),
    ("metaconfig", "mip", "bool", False, None, None, "maximum intensity"),
    ("imextract", "batch_size", "int", 100, "-b", None, "image acquisition sites per job"),
    ("imextract", "delete", "bool", False, None, None, "remove the microscope files"),
    ("align", "ref_cycle", "int", 0, "-c", None, "cycle that the others are aligned to"),
    ("align", "ref_wavelength", "str", None, "-w", None, "every cycle must have it"),
    ("align", "batch_size", "int", 100, "-b", None, "sites per job"),
    ("align", "illumcorr", "bool", False, "-i", None, "correct illumination"),
    ("align", "robust_align", "bool", False, "-r", None, "clip intensities"),
    ("align", "rescale_percentile", "float", 99.9, "--clip-percent", None, "percentile"),
    ("illuminati", "batch_size", "int", 100, "-b", None, "images per job"),
    ("illuminati", "align", "bool", False, "-a", None, "shift"),
    ("illuminati", "illumcorr", "bool", False, "-i", None, "correct illumination"),
    ("illuminati", "clip", "bool", False, "-c", None, "limit the intensities"),
    ("illuminati", "clip_value", "int", None, None, None, "intensity to clip at"),
    ("illuminati", "clip_percent", "float", 99.9, None, None, "percentile"),
    ("illuminati", "illumcorr_exceptions", "str", None, None, None, "separated by commas"),
    ("jterator", "batch_size", "int", 100, "-b", None, "sites per job"),
]
NOT_GIVEN = {"int": 0, "str": ""}


@pytest.mark.parametrize(
    ("step", "name", "kind", "default", "flag", "choices", "help_has"),
    [pytest.param(*row, id=f"{row[0]}-{row[1]}") for row in THEIRS],
)
def test_a_batch_argument_is_that_of_tissuemaps(step, name, kind, default, flag, choices, help_has):
    row = {row["name"]: row for row in argument_rows(find_step(step).Arguments)}[name]
    assert (row["type"], row["choices"]) == (kind, choices)
    assert row["default"] == (NOT_GIVEN[kind] if default is None else default)
    assert help_has in row["help"]
    assert FLAGS.get(name) == flag


def test_the_list_of_what_tissuemaps_has_is_the_same():
    listed = {(step, name) for step, names in ARGUMENTS.items() for name in names}
    assert listed == {(step, name) for step, name, *_ in THEIRS} | {("jterator", "plot")}
    assert list(ARGUMENTS) == [step.name for step in STEPS]


def test_submission_arguments_are_those_of_tissuemaps():
    rows = {row["name"]: row for row in argument_rows(SubmissionArguments)}
    assert list(rows) == ["duration", "memory", "cores"]
    assert (rows["duration"]["default"], rows["cores"]["default"]) == ("06:00:00", 1)


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_every_flag_is_an_option_of_the_program(step):
    init = typer.main.get_command(step_app(step.name)).commands["init"]
    options = {option.name: option.opts for option in init.params}
    for name in step.Arguments.model_fields:
        assert f"--{name.replace('_', '-')}" in options[name]
        assert name not in FLAGS or FLAGS[name] in options[name]


def as_their_server_writes(kind: str) -> str:
    """All steps of a type, each argument with all that TissueMAPS tells of it."""

    def item(name, value, kind, help_text, choices=None):
        facts = {"name": name, "value": value, "default": value, "help": help_text, "type": kind}
        return {**facts, "required": False, "disabled": False, "choices": choices}

    def submission():
        return [
            item("duration", "06:00:00", "str", "walltime"),
            item("memory", 2147, "int", "megabytes"),
            item("cores", 1, "int", "number of cores"),
        ]

    stages: dict[str, list[dict]] = {}
    for step in STEPS:
        if kind in step.workflow_types:
            batch = [
                item(name, default, type_, text, choices)
                for owner, name, type_, default, _, choices, text in THEIRS
                if owner == step.name
            ]
            if step.name == "jterator":
                batch.append({**item("plot", False, "bool", "figures"), "disabled": True})
            if step.name == "align":
                batch[1]["value"] = "DAPI"
            stages.setdefault(step.stage, []).append(
                {"name": step.name, "active": True, "batch_args": batch}
                | {"submission_args": submission()}
            )
    content = [
        {"name": name, "mode": "sequential", "active": True, "steps": steps}
        for name, steps in stages.items()
    ]
    return yaml.safe_dump({"type": kind, "stages": content})


@pytest.mark.parametrize("kind", ["canonical", "multiplexing"])
def test_a_file_of_their_server_is_read_and_written_back(kind, tmp_path):
    path = tmp_path / "workflow.yml"
    path.write_text(as_their_server_writes(kind))
    description = load_workflow(path)
    arguments = check_description(description)
    assert list(arguments) == [step.name for step in STEPS if kind in step.workflow_types]
    for step, found in arguments.items():
        changed = {"ref_wavelength": "DAPI"} if step == "align" else {}
        assert found == find_step(step).Arguments(**changed)
    limits = description.active()[0].submission_args
    assert (limits.duration, limits.memory, limits.cores) == ("06:00:00", 2147, 1)
    document, notes = for_tissuemaps(description)
    assert notes == []
    assert WorkflowDescription.model_validate(document).active()[0].submission_args == limits
    theirs = yaml.safe_load(path.read_text())
    for stage, written in zip(theirs["stages"], document["stages"], strict=True):
        for step, mine in zip(stage["steps"], written["steps"], strict=True):
            given = {
                item["name"]: item["value"]
                for item in step["batch_args"]
                if item["value"] is not None
            }
            assert {item["name"]: item["value"] for item in mine["batch_args"]} == given


def test_what_tissuemaps_does_not_know_is_left_out_and_said():
    description = default_description("multiplexing")
    for step, name, value in (
        ("jterator", "pipeline", "nuclei"),
        ("corilla", "by", "plate"),
        ("metaconfig", "n_vertical", 3),
    ):
        description = with_argument(description, step, name, value)
    document, notes = for_tissuemaps(description)
    assert notes == [
        "Left out: by of corilla ('plate'), which TissueMAPS does not have.",
        "Left out: pipeline of jterator ('nuclei'), which TissueMAPS does not have.",
    ]
    steps = {step["name"]: step for stage in document["stages"] for step in stage["steps"]}
    assert steps["corilla"]["batch_args"] == []
    names = [item["name"] for item in steps["metaconfig"]["batch_args"]]
    assert names == ["stitch_layout", "n_vertical", "mip"]
    assert [item["name"] for item in steps["jterator"]["submission_args"]] == ["duration", "cores"]


def test_align_without_its_channel_is_told():
    content = default_description("multiplexing").model_dump()
    align = content["stages"][1]["steps"][1]
    assert align["name"] == "align"
    align["active"] = True
    _, notes = for_tissuemaps(WorkflowDescription.model_validate(content))
    assert notes == ["TissueMAPS asks for ref_wavelength of align: the channel to align by."]


def test_a_file_written_by_hand_may_be_short(tmp_path):
    path = tmp_path / "workflow.yaml"
    path.write_text(
        "stages:\n- name: image_conversion\n  steps:\n"
        "  - name: metaextract\n    batch_args:\n    submission_args:\n"
        "    - {name: duration, value: 12:00:00}\n"  # 43200 for YAML
    )
    (step,) = load_workflow(path).active()
    assert step.batch_args == {}
    assert step.submission_args.duration == "12:00:00"


def test_the_command_line_writes_it(tmp_path):
    path = tmp_path / "screen.tmaps"
    Experiment.create(path).close()
    tmaps("workflow", path, "download", "--tissuemaps", "--file", tmp_path / "theirs.yaml")
    theirs = yaml.safe_load((tmp_path / "theirs.yaml").read_text())
    assert theirs["stages"][0]["steps"][1]["batch_args"] == [
        {"name": "stitch_layout", "value": "horizontal"},
        {"name": "mip", "value": False},
    ]
    tmaps("workflow", path, "upload", "--file", tmp_path / "theirs.yaml")
