"""The script gives the numbers of the pipeline."""

from __future__ import annotations

import ast
from typing import Any

import numpy as np
import pandas as pd
import pytest

import napari_tmaps.modules
from napari_tmaps.errors import PipelineError
from napari_tmaps.pipeline import check, run_site, to_script


@pytest.fixture
def execute(modules, monkeypatch):
    """Run the script of a pipeline, with the tiny modules in the place of the real ones."""
    for name, function in modules.items():
        monkeypatch.setattr(napari_tmaps.modules, name, function, raising=False)

    def execute(description) -> dict[str, Any]:
        space: dict[str, Any] = {}
        exec(to_script(description, modules=modules), space)
        return space

    return execute


def test_the_script_gives_the_same_objects_and_features(execute, description, modules, images):
    result = run_site(check(description, modules=modules), images)
    objects, tables = execute(description)["analyse"](*images.values())
    np.testing.assert_array_equal(objects["Cells"], result.objects["Cells"])
    pd.testing.assert_frame_equal(tables["Cells"], result.tables["Cells"])


def test_awkward_names_and_texts(execute, edited, modules, images):
    description = edited(
        ("name: two halves", 'name: \'a """ \\ b\''),
        ("- name: DAPI", "- name: np"),
        ("image: DAPI", "image: np"),
        ("- name: brighter", "- name: lambda"),
        ("brighter.sum", "lambda.sum"),
        ("{mask: foreground}", "{mask: list}"),
        ("Alexa 488/GFP", "488 %"),
    )
    result = run_site(
        check(description, modules=modules),
        dict(zip(["np", "488 %"], images.values(), strict=True)),
    )
    space = execute(description)
    assert space["__doc__"].startswith("a ''' \\ b\n")
    _, tables = space["analyse"](*images.values())
    pd.testing.assert_frame_equal(tables["Cells"], result.tables["Cells"])


def test_the_script_imports_nothing_else(description, modules):
    tree = ast.parse(to_script(description, modules=modules))
    imported = {
        alias.name for node in tree.body if isinstance(node, ast.Import) for alias in node.names
    }
    sources = {node.module for node in tree.body if isinstance(node, ast.ImportFrom)}
    assert (imported, sources) == ({"numpy", "pandas"}, {"napari_tmaps.modules"})


def test_a_pipeline_that_cannot_run_is_not_written(edited, modules):
    with pytest.raises(PipelineError, match="no module 'ad'"):
        to_script(edited(("module: add", "module: ad")), modules=modules)
