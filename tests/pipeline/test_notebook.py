"""The notebook gives the numbers of the pipeline; the schema knows good pipelines from bad ones."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import numpy as np
import pandas as pd
import pytest
import tifffile
import yaml

import napari_tmaps.modules
from napari_tmaps.errors import PipelineError
from napari_tmaps.pipeline import check, dump_pipeline, ready_pipelines, run_site
from napari_tmaps.pipeline.notebook import to_notebook
from napari_tmaps.pipeline.schema import pipeline_schema


def execute(notebook: str) -> dict[str, Any]:
    """Run the cells one after the other, as Jupyter does."""
    space: dict[str, Any] = {}
    for cell in json.loads(notebook)["cells"]:
        if cell["cell_type"] == "code":
            exec("".join(cell["source"]), space)
    return space


def test_the_cells_give_the_same_objects_and_features(
    description, modules, images, monkeypatch, tmp_path
):
    for name, function in modules.items():
        monkeypatch.setattr(napari_tmaps.modules, name, function, raising=False)
    files = {}
    for number, (name, image) in enumerate(images.items()):
        files[name] = str(tmp_path / f"{number}.tif")
        tifffile.imwrite(files[name], image)
    result = run_site(check(description, modules=modules), images)
    space = execute(to_notebook(description, files, modules=modules))
    np.testing.assert_array_equal(space["objects"]["Cells"], result.objects["Cells"])
    pd.testing.assert_frame_equal(space["tables"]["Cells"], result.tables["Cells"])


def test_a_ready_pipeline_on_images_beside_the_notebook(tmp_path, monkeypatch):
    pipeline = ready_pipelines()["nuclei_and_cells"]
    y, x = np.mgrid[:96, :96]
    blobs = np.exp(-((y % 48 - 24) ** 2 + (x % 48 - 24) ** 2) / 100)
    images = {
        "DAPI": (200 + 3000 * blobs).astype(np.uint16),
        "Actin": (200 + 2000 * blobs**0.4).astype(np.uint16),
    }
    for name, image in images.items():
        tifffile.imwrite(tmp_path / f"{name}.tif", image)
    monkeypatch.chdir(tmp_path)
    result = run_site(check(pipeline), images)
    tables = execute(to_notebook(pipeline))["tables"]
    assert len(result.tables["Cells"]) == 4
    for name, table in result.tables.items():
        pd.testing.assert_frame_equal(tables[name], table)


def test_the_notebook_is_as_jupyter_wants_it(description, modules):
    notebook = json.loads(to_notebook(description, modules=modules))
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    cells = notebook["cells"]
    assert len({cell["id"] for cell in cells}) == len(cells)
    for cell in cells:
        code = {"execution_count", "outputs"} if cell["cell_type"] == "code" else set()
        assert set(cell) == {"id", "cell_type", "metadata", "source"} | code
        assert all(line.endswith("\n") for line in cell["source"][:-1])
    titles = ["".join(c["source"]) for c in cells if c["cell_type"] == "markdown"]
    assert titles[:2] == ["# two halves", "## Step 1: brighter"]
    assert "tifffile.imread('DAPI.tif')" in "".join(cells[1]["source"])


def test_a_pipeline_that_cannot_run_is_not_written(edited, modules):
    with pytest.raises(PipelineError, match="no module 'ad'"):
        to_notebook(edited(("module: add", "module: ad")), modules=modules)


# --- schema --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def validator():
    schema = pipeline_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


@pytest.mark.parametrize("name", ready_pipelines())
def test_ready_pipelines_fit_the_schema(validator, name):
    validator.validate(yaml.safe_load(dump_pipeline(ready_pipelines()[name])))


FAULTS = [
    pytest.param({"module": "smoth"}, id="unknown module"),
    pytest.param({"settings": {"filter_size": 0}}, id="below the range"),
    pytest.param({"settings": {"filter_name": "gausian"}}, id="no choice"),
    pytest.param({"settings": {"size": 3}}, id="unknown setting"),
    pytest.param({"inputs": {}}, id="no wire"),
    pytest.param({"inputs": {"image": "DAPI", "mask": "DAPI"}}, id="unknown input"),
    pytest.param({"outputs": {"smooth": "x"}}, id="unknown output"),
    pytest.param({"activ": True}, id="unknown field"),
]


@pytest.mark.parametrize("change", FAULTS)
def test_faults_are_found_by_the_schema(validator, change):
    call = {"name": "smooth", "module": "smooth", "inputs": {"image": "DAPI"}}
    assert validator.is_valid({"pipeline": [call]})
    assert not validator.is_valid({"pipeline": [call | change]})
