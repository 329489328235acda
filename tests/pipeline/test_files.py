"""Pipelines as text: what is written is read, and what is wrong is named with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from napari_tmaps.errors import NotFoundError, PipelineError, StorageError
from napari_tmaps.model.pipeline import (
    ChannelInput,
    ModuleCall,
    PipelineDescription,
    PipelineInput,
)
from napari_tmaps.pipeline import dump_pipeline, load_pipeline, save_pipeline

TEXT = """name: small
description: |
  Two lines
  of text.
input:
  channels:
  - name: DAPI
    correct: true
pipeline:
- name: smooth_dapi
  module: smooth
  inputs:
    image: DAPI
  settings:
    filter_size: 5
  outputs:
    smoothed_image: calm
output:
  objects:
  - name: Nuclei
"""


def test_the_text_is_stable(tmp_path):
    path = tmp_path / "p.yaml"
    save_pipeline(load_pipeline(TEXT), path)
    assert path.read_text(encoding="utf-8") == TEXT
    assert load_pipeline(path) == load_pipeline(str(path)) == load_pipeline(TEXT)
    assert [item.name for item in tmp_path.iterdir()] == ["p.yaml"]


VALUES = [
    "no", "on", "1e-3", "12:30", "010", "~", "null", "true", "1", "1.5", "2020-01-01", "", " a ",
    "<<", "Alexa 488/GFP: Ä %", "a\nb\n", "# x", "- x", ".5", "1_000", "0x1f", "=",
    7, -7, 0, 1.5, 1e-7, 1e300, -2.0, True, False, None, [1, 2.5, "no"], {"a": ["1"]},
]  # fmt: skip


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_every_value_comes_back_as_it_was(value):
    call = ModuleCall(name="a", module="m", settings={"x": value})
    pipeline = PipelineDescription(pipeline=(call,))
    again = load_pipeline(dump_pipeline(pipeline)).pipeline[0].settings["x"]
    assert again == value
    assert type(again) is type(value)


PLAIN = [
    pytest.param("no", "no", id="no-is-text"),
    pytest.param("12:30", "12:30", id="time-is-text"),
    pytest.param("010", 10, id="decimal"),
    pytest.param("1e-3", 0.001, id="exponent-without-point"),
    pytest.param("-.5", -0.5, id="no-leading-zero"),
    pytest.param("'1e-3'", "1e-3", id="quoted"),
    pytest.param("True", True, id="true"),
]


@pytest.mark.parametrize(("text", "value"), PLAIN)
def test_yaml_means_what_a_reader_expects(text, value):
    text = f"pipeline:\n- name: a\n  module: m\n  settings:\n    x: {text}\n"
    read = load_pipeline(text).pipeline[0].settings["x"]
    assert (read, type(read)) == (value, type(value))


def test_names_with_any_sign_survive(tmp_path):
    names = ("no", "1", "Alexa 488/GFP", "5% ä", "#1")
    pipeline = PipelineDescription(
        input=PipelineInput(channels=tuple(ChannelInput(name=name) for name in names))
    )
    save_pipeline(pipeline, tmp_path / "deep" / "p.yaml")
    assert load_pipeline(tmp_path / "deep" / "p.yaml") == pipeline


WRONG = [
    pytest.param(
        ("module: smooth", "modul: smooth"),
        "The pipeline, line 11: pipeline step 1: 'modul' is not known; did you mean 'module'?",
        id="field-misspelt",
    ),
    pytest.param(
        ("  module: smooth\n", ""),
        "The pipeline, line 10: pipeline step 1: 'module' is missing.",
        id="field-missing",
    ),
    pytest.param(
        ("correct: true", "colour: red"),
        "The pipeline, line 8: input channels 1: 'colour' is not known; known are 'name', "
        "'correct'.",
        id="field-unknown",
    ),
    pytest.param(
        ("correct: true", "correct: yes please"),
        "The pipeline, line 8: input channels 1: 'correct' is 'yes please', but must be true or "
        "false.",
        id="no-bool",
    ),
    pytest.param(
        ("- name: DAPI", "- name: 405"),
        "The pipeline, line 7: input channels 1: 'name' is 405, but must be a text; put it in "
        "quotes if it is meant as one.",
        id="number-as-name",
    ),
    pytest.param(
        ("- name: DAPI", "- name:"),
        "The pipeline, line 7: input channels 1: 'name' is empty, but must be a text; put it in "
        "quotes if it is meant as one.",
        id="empty-name",
    ),
    pytest.param(
        ("name: smooth_dapi", "name: smooth.dapi"),
        "The pipeline, line 10: pipeline step 1: 'name' is 'smooth.dapi', but such a name begins "
        "with a letter and has only letters, digits, _ and -.",
        id="point-in-name",
    ),
    pytest.param(
        ("name: small", f"name: {'x' * 101}"),
        "text of at most 100 characters",
        id="long-name",
    ),
    pytest.param(
        ("    image: DAPI", "    - DAPI"),
        "The pipeline, line 12: pipeline step 1: 'inputs' is ['DAPI'], but must be pairs of "
        "'name: value'.",
        id="list-for-pairs",
    ),
    pytest.param(
        ("  objects:\n  - name: Nuclei", "  objects: Nuclei"),
        "The pipeline, line 19: output: 'objects' is 'Nuclei', but must be a list, whose lines "
        "begin with '-'.",
        id="text-for-list",
    ),
    pytest.param(
        ("  - name: Nuclei", "  - Nuclei"),
        "The pipeline, line 20: output objects: entry 1 is 'Nuclei', but must be pairs of "
        "'name: value'.",
        id="text-for-pairs",
    ),
    pytest.param(
        ("    filter_size: 5", "    filter_size: 5\n    filter_size: 6"),
        "The pipeline, line 16: 'filter_size' stands there twice.",
        id="twice",
    ),
    pytest.param(
        ("name: small", "name: [small"), "The pipeline, line 2: expected ',' or ']'", id="broken"
    ),
    pytest.param(("name: small", "1: small"), "Keys should be strings", id="number-as-field"),
    pytest.param(
        ("name: small", "name: !!python/object/apply:os.getcwd []"),
        "The pipeline, line 1: could not determine a constructor",
        id="code",
    ),
    pytest.param(("name: small", "name: " + "[" * 3000), "cannot be read as YAML", id="too-deep"),
    pytest.param((TEXT, "\n# nothing\n"), "The pipeline is no pipeline.", id="empty"),
    pytest.param((TEXT, "- a\n- b\n"), "The pipeline is no pipeline.", id="list"),
]


@pytest.mark.parametrize(("edit", "message"), WRONG)
def test_a_wrong_text_is_named_with_its_line(edit, message):
    text = TEXT.replace(*edit)
    assert text != TEXT
    with pytest.raises(PipelineError) as caught:
        load_pipeline(text)
    assert message in str(caught.value)


def test_all_that_is_wrong_is_told_at_once():
    text = TEXT.replace("module: smooth", "modul: smooth").replace("correct:", "corect:")
    with pytest.raises(PipelineError) as caught:
        load_pipeline(text)
    assert str(caught.value) == (
        "The pipeline has 2 problems:\n"
        "- line 8: input channels 1: 'corect' is not known; did you mean 'correct'?\n"
        "- line 11: pipeline step 1: 'modul' is not known; did you mean 'module'?"
    )


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(NotFoundError, match=r"no pipeline file .*gone\.yaml"):
        load_pipeline(tmp_path / "gone.yaml")
    with pytest.raises(StorageError, match="Could not read"):
        load_pipeline(tmp_path)
    (tmp_path / "image.yaml").write_bytes(b"II*\x00\xff\xfe")
    with pytest.raises(PipelineError, match=r"image\.yaml' is no text file"):
        load_pipeline(tmp_path / "image.yaml")
    (tmp_path / "wrong.yaml").write_text("name: a\nsteps: 1\n")
    with pytest.raises(PipelineError, match=r"wrong\.yaml', line 2: top of the file: 'steps'"):
        load_pipeline(tmp_path / "wrong.yaml")


def test_a_file_that_is_there_survives_a_setting_that_cannot_be_written(tmp_path):
    path = tmp_path / "p.yaml"
    path.write_text(TEXT)
    call = ModuleCall(name="a", module="m", settings={"x": object()})
    with pytest.raises(PipelineError, match="a setting that cannot be written"):
        save_pipeline(PipelineDescription(pipeline=(call,)), path)
    assert path.read_text() == TEXT


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(StorageError):
        save_pipeline(load_pipeline(TEXT), tmp_path / "file" / "p.yaml")


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path):
    path = tmp_path / "p.yaml"
    path.write_text(TEXT, encoding="utf-8-sig")
    assert load_pipeline(path).name == "small"


def test_signs_that_no_text_has_are_told():
    with pytest.raises(PipelineError, match="cannot be read as YAML: unacceptable character"):
        load_pipeline("name: small\n\x1f: 1\n")
