"""The pixel size of a site reaches the modules that ask for it, and nothing else."""

from __future__ import annotations

from typing import Annotated

import numpy as np
import pandas as pd
import pytest

from napari_tmaps.model.kinds import Measurement, SegmentedObjects
from napari_tmaps.model.pipeline import PipelineDescription
from napari_tmaps.model.pixelsize import UNKNOWN, PixelSize, known_size
from napari_tmaps.modules import register_objects
from napari_tmaps.modules.describe import describe
from napari_tmaps.pipeline import check, run_site
from napari_tmaps.pipeline.cache import Cache
from napari_tmaps.pipeline.export import to_script


def measure_width(
    extract_objects: SegmentedObjects,
    assign_objects: SegmentedObjects,
    *,
    factor: float = 2.0,
    pixel_size_um: PixelSize = UNKNOWN,
) -> Annotated[Measurement, "measurements"]:
    """Width of a pixel.

    Parameters
    ----------
    extract_objects
        Objects.
    assign_objects
        Objects.
    factor
        Times.
    pixel_size_um
        Size of a pixel.
    """
    labels = np.unique(assign_objects[assign_objects > 0])
    width = factor * known_size(pixel_size_um)[2]
    return pd.DataFrame({"Width_um": np.full(labels.size, width)}, pd.Index(labels, name="label"))


MODULES = {"register_objects": register_objects, "measure_width": measure_width}
PIPELINE = PipelineDescription.model_validate(
    {
        "input": {"objects": [{"name": "Cells"}]},
        "pipeline": [
            {
                "name": "width",
                "module": "measure_width",
                "inputs": {"extract_objects": "Cells", "assign_objects": "Cells"},
            }
        ],
        "output": {"objects": [{"name": "Cells"}]},
    }
)
CELLS = np.array([[1, 1, 0], [0, 4, 4]], np.int32)


def test_it_is_no_setting():
    spec = describe(measure_width)
    assert [setting.name for setting in spec.settings] == ["factor"]
    assert spec.pixel_size == "pixel_size_um"
    assert "pixel_size_um" not in spec.json_schema()["properties"]
    assert "there is no setting" in spec.problems({"pixel_size_um": [1, 1, 1]})["pixel_size_um"]


@pytest.mark.parametrize(
    ("size", "width"), [((None, 0.5, 0.25), 0.5), (UNKNOWN, np.nan)], ids=["known", "unknown"]
)
def test_it_is_handed_on(size, width):
    checked = check(PIPELINE, modules=MODULES)
    table = run_site(checked.sized(size), {}, {"Cells": CELLS}).tables["Cells"]
    np.testing.assert_array_equal(table["Width_um"], [width, width])


def test_results_of_another_pixel_size_are_not_taken_from_the_cache():
    checked, cache = check(PIPELINE, modules=MODULES), Cache()
    for x in (0.25, 0.5, 0.25):
        sized = checked.sized((None, x, x))
        table = run_site(sized, {}, {"Cells": CELLS}, cache=cache).tables["Cells"]
        assert table["Width_um"].tolist() == [2 * x, 2 * x]


def test_a_script_asks_for_it():
    text = to_script(PIPELINE, modules=MODULES)
    assert "def analyse(Cells, pixel_size_um=(None, None, None)):" in text
    assert "pixel_size_um=pixel_size_um," in text
