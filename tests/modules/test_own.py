"""Modules in a folder that the user named: found, checked, refused in words, never run unasked."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.metadata import EntryPoint

import numpy as np
import pytest

from napari_tmaps import modules
from napari_tmaps.errors import FormatError, InputError, PipelineError
from napari_tmaps.model.kinds import Kind
from napari_tmaps.modules import MODULES, known_categories, known_modules, own
from napari_tmaps.modules.describe import describe
from napari_tmaps.modules.own import allow_folders, check_allowed, module_folders, own_modules
from napari_tmaps.modules.userconfig import change_config, config_path, read_config
from napari_tmaps.pipeline import check, find_problems, load_pipeline, run_site, to_script

DOUBLE = '''
"""A module of ours."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from napari_tmaps.model.kinds import IntensityImage


def times(
    image: IntensityImage, *, factor: Annotated[int, Field(ge=1, le=9)] = 2
) -> Annotated[IntensityImage, "product"]:
    """Make an image brighter.

    Parameters
    ----------
    image
        Intensities.
    factor
        By how much.
    """
    return (image * factor).astype(image.dtype)
'''

PIPELINE = """
name: own
input:
  channels: [{name: DAPI}]
pipeline:
  - {name: brighter, module: times, inputs: {image: DAPI}, settings: {factor: 3}}
  - {name: mask, module: threshold_manual, inputs: {image: brighter.product},
     settings: {threshold: 5}}
  - {name: register, module: register_objects, inputs: {mask: mask.mask}, outputs: {objects: Spots}}
output:
  objects: [{name: Spots}]
"""


@pytest.fixture(autouse=True)
def nothing_allowed(tmp_path, monkeypatch):
    """No folder is named yet, and the settings of the person who runs the tests stay theirs."""
    monkeypatch.setenv("NAPARI_TMAPS_CONFIG", str(tmp_path / "config" / "config.json"))
    monkeypatch.setenv(own.FOLDERS, "")


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "times.py").write_text(DOUBLE)
    return folder


def test_a_module_appears_with_form_help_and_check(folder):
    allow_folders([folder])
    function = known_modules()["times"]
    assert known_categories()["own"] == (function,)
    spec = describe(function, "own")
    assert (spec.summary, spec.inputs[0].kind) == ("Make an image brighter.", Kind.INTENSITY_IMAGE)
    assert (spec.settings[0].minimum, spec.settings[0].maximum) == (1, 9)
    (problem,) = find_problems(load_pipeline(PIPELINE.replace("factor: 3", "factor: 99")))
    assert problem.message == "Step 1 ('brighter'): factor is 99, but must be at most 9."


def test_it_runs_in_a_pipeline_and_in_its_script(folder):
    allow_folders([folder])
    image = np.array([[1, 2, 1], [1, 1, 0]], np.uint8)
    description = load_pipeline(PIPELINE)
    result = run_site(check(description), {"DAPI": image})
    expected = [[0, 1, 0], [0, 0, 0]]
    np.testing.assert_array_equal(result.objects["Spots"], expected)
    space: dict = {}
    exec(to_script(description), space)
    np.testing.assert_array_equal(space["analyse"](image)[0]["Spots"], expected)


def test_without_being_named_no_folder_is_loaded(folder, tmp_path):
    trap = f"open({str(tmp_path / 'trap')!r}, 'w').close()\n"
    (folder / "times.py").write_text(DOUBLE + trap)
    assert known_modules() == MODULES
    with pytest.raises(PipelineError, match="there is no module 'times'"):
        check(load_pipeline(PIPELINE))
    with pytest.raises(InputError, match="you have not allowed on this machine"):
        check_allowed([str(folder)])
    assert not (tmp_path / "trap").exists()
    allow_folders([folder])
    check_allowed([str(folder)])
    check(load_pipeline(PIPELINE))
    assert (tmp_path / "trap").exists()


def test_the_settings_of_the_user_name_folders(folder):
    change_config(module_folders=[str(folder)])
    assert module_folders() == (folder,)
    assert "times" in known_modules()
    assert read_config().python == {}


def test_other_processes_know_the_folders_too(folder):
    allow_folders([folder])
    allow_folders([folder])
    assert os.environ[own.FOLDERS] == str(folder)
    code = "from napari_tmaps.modules import times; print(times.__name__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "times"


def test_a_changed_file_is_loaded_anew_and_has_another_version(folder):
    allow_folders([folder])
    before = known_modules()["times"]
    assert known_modules()["times"] is before
    version = describe(before).version
    (folder / "times.py").write_text(DOUBLE.replace("image * factor", "image * factor + 1"))
    after = known_modules()["times"]
    assert describe(after).version != version
    assert after(np.ones((1, 1), np.uint8), factor=2) == 3


BROKEN = [
    pytest.param("x = 1\ndef times(:\n", "line 2: invalid syntax", id="syntax"),
    pytest.param("x = 1\n\nimport no_such_package\n", "line 3: ModuleNotFoundError", id="import"),
    pytest.param("raise SystemExit(3)\n", "line 1: SystemExit: 3", id="exit"),
    pytest.param("def other():\n    pass\n", "has no function 'times'", id="no-function"),
    pytest.param("times = 3\n", "has no function 'times'", id="no-code"),
    pytest.param(
        "\n\ndef times(image):\n    pass\n", "line 3: Module 'times' cannot be used", id="rules"
    ),
    pytest.param(
        "from __future__ import annotations\ndef times(image: Foto) -> Foto:\n    'Do.'\n",
        "line 2: its types: name 'Foto' is not defined",
        id="unknown-type",
    ),
    pytest.param("x = '\0'\n", "null bytes", id="no-text"),
]


@pytest.mark.parametrize(("text", "message"), BROKEN)
def test_a_broken_file_is_named_and_the_others_work(folder, text, message):
    (folder / "times.py").write_text(text)
    (folder / "more.py").write_text(DOUBLE.replace("def times", "def more"))
    (folder / "_helpers.py").write_text("raise ValueError\n")
    allow_folders([folder])
    found = own_modules(MODULES)
    assert list(found.functions) == ["more"]
    (problem,) = found.problems
    assert str(folder / "times.py") in problem
    assert message in problem
    with pytest.raises(PipelineError, match="there is no module 'times'") as caught:
        check(load_pipeline(PIPELINE))
    assert problem in str(caught.value)


def test_names_that_are_taken_are_refused(folder, tmp_path):
    (folder / "smooth.py").write_text(DOUBLE.replace("def times", "def smooth"))
    second = tmp_path / "second"
    second.mkdir()
    (second / "times.py").write_text(DOUBLE)
    allow_folders([folder, second])
    ours, other = own_modules(MODULES).problems
    assert "there is a module 'smooth' already, of napari-tmaps" in ours
    assert f"there is a module 'times' already, of '{folder / 'times.py'}'" in other
    assert known_modules()["smooth"] is MODULES["smooth"]


def test_installed_packages_offer_modules_by_entry_points(folder, monkeypatch):
    monkeypatch.syspath_prepend(folder)
    (folder / "untyped.py").write_text("def untyped(image):\n    'Do it.'\n")
    names = ["times:times", "no_such_package:times", "untyped:untyped"]
    points = tuple(EntryPoint(name.split(":")[1], name, own.ENTRY_POINTS) for name in names)
    monkeypatch.setattr(own, "_installed", lambda: points)
    found = own_modules(MODULES)
    assert list(found.functions) == ["times"]
    missing, rules = found.problems
    assert "('no_such_package:times') cannot be loaded: ModuleNotFoundError" in missing
    assert "('untyped:untyped'): Module 'untyped' cannot be used: 'image' needs a type" in rules


def test_folders_that_are_not_there(folder, tmp_path):
    with pytest.raises(InputError, match=r"There is no folder .*nowhere. of modules"):
        allow_folders([tmp_path / "nowhere"])
    change_config(module_folders=[str(tmp_path / "gone")])
    assert own_modules(MODULES).problems == (
        f"There is no folder '{tmp_path / 'gone'}' of modules any more.",
    )


def test_damaged_settings_are_named(tmp_path):
    change_config(module_folders=["a"])
    assert json.loads(config_path().read_text())["module_folders"] == ["a"]
    config_path().write_text('{"module_folders": 3}')
    with pytest.raises(FormatError, match=r"config\.json.*module_folders"):
        read_config()
    config_path().write_text("{")
    with pytest.raises(FormatError, match=r"config\.json.*file: Invalid JSON"):
        read_config()


def test_the_package_has_no_other_names(folder):
    with pytest.raises(AttributeError, match="has no attribute 'times'"):
        _ = modules.times
