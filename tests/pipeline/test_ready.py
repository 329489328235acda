"""The ready pipelines, on the sample plate, against its truth and against their own scripts."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import numpy as np
import pandas as pd
import pytest
import tifffile

from napari_tmaps.measure.agreement import object_f1
from napari_tmaps.model.progress import run as run_all
from napari_tmaps.modules import CATEGORIES, MODULES
from napari_tmaps.modules.describe import describe
from napari_tmaps.pipeline import (
    Cache,
    check,
    dump_pipeline,
    load_pipeline,
    ready_pipelines,
    run_site,
    to_script,
)
from napari_tmaps.sample import generate_sample

READY = sorted(ready_pipelines())


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Images of the first site of the sample plate, and its true nuclei and cells."""
    folder = tmp_path_factory.mktemp("sample") / "sample"
    assert run_all(generate_sample(folder, wells=("B02",), sites=1)) == []
    (dapi,) = (folder / "acquisition").glob("*C01.tif")
    (actin,) = (folder / "acquisition").glob("*C02.tif")
    truth = folder / "ground_truth" / "labels"
    return (
        {"DAPI": tifffile.imread(dapi), "Actin": tifffile.imread(actin)},
        {
            "Nuclei": tifffile.imread(next(truth.glob("*nuclei.tif"))),
            "Cells": tifffile.imread(next(truth.glob("*cells.tif"))),
        },
    )


@pytest.mark.parametrize("name", MODULES)
def test_every_module_describes_itself(name):
    (category,) = (key for key, group in CATEGORIES.items() if MODULES[name] in group)
    spec = describe(MODULES[name], category)
    assert (spec.name, spec.category) == (name, category)
    assert spec.summary.endswith((".", ")"))
    assert all(part.help for part in (*spec.inputs, *spec.settings))
    assert spec.validate({}) == {setting.name: setting.default for setting in spec.settings}
    for setting in spec.settings:
        if setting.type in (int, float) and not setting.choices:
            assert setting.minimum is not None, "a form needs the limits of a number"
            assert setting.maximum is not None, "a form needs the limits of a number"
            assert setting.minimum <= setting.default <= setting.maximum


@pytest.mark.parametrize("name", READY)
def test_a_ready_pipeline_is_in_order(name):
    description = ready_pipelines()[name]
    assert check(description, channels=["DAPI", "Actin"], objects=[]).hints == ()
    text = files("napari_tmaps").joinpath("pipelines", f"{name}.yaml").read_text("utf-8")
    assert dump_pipeline(description) == text
    assert load_pipeline(text) == description


@pytest.mark.parametrize("name", READY)
def test_nuclei_and_cells_are_those_of_the_truth(name, site):
    images, truth = site
    result = run_site(check(ready_pipelines()[name]), images)
    assert object_f1(truth["Nuclei"], result.objects["Nuclei"]).f1 > 0.9  # measured: 0.975
    if "Cells" in result.objects:
        assert object_f1(truth["Cells"], result.objects["Cells"]).f1 > 0.75  # measured: 0.83


def test_the_three_object_types_belong_together(site):
    images, _ = site
    result = run_site(check(ready_pipelines()["nuclei_and_cells"]), images)
    nuclei, cells, cytoplasm = (result.objects[n] for n in ("Nuclei", "Cells", "Cytoplasm"))
    inside = nuclei > 0
    np.testing.assert_array_equal(cells[inside], nuclei[inside])
    np.testing.assert_array_equal(np.where(inside, nuclei, cytoplasm), cells)
    table = result.tables["Nuclei"]
    assert table.index.tolist() == np.unique(nuclei[inside]).tolist()
    first = nuclei == table.index[0]
    assert table["Intensity_mean_Actin"].iloc[0] == pytest.approx(images["Actin"][first].mean())
    assert table["Morphology_Area"].iloc[0] == first.sum()


@pytest.mark.parametrize("name", READY)
def test_the_script_gives_the_same_numbers(name, site):
    description = ready_pipelines()[name]
    images = {channel.name: site[0][channel.name] for channel in description.input.channels}
    space: dict[str, Any] = {}
    exec(to_script(description), space)
    objects, tables = space["analyse"](*images.values())
    result = run_site(check(description), images)
    assert list(objects) == list(result.objects)
    for key, labels in result.objects.items():
        np.testing.assert_array_equal(objects[key], labels)
        pd.testing.assert_frame_equal(tables[key], result.tables[key])


@pytest.mark.parametrize("name", READY)
def test_an_empty_site_gives_empty_tables_of_the_same_columns(name, site):
    checked = check(ready_pipelines()[name])
    full = run_site(checked, site[0])
    empty = run_site(checked, {key: np.full_like(im, 100) for key, im in site[0].items()})
    for key, table in empty.tables.items():
        assert len(table) == 0
        pd.testing.assert_series_equal(table.dtypes, full.tables[key].dtypes)


def test_the_cache_changes_no_number(site):
    checked = check(ready_pipelines()["nuclei_and_cells"])
    cache = Cache()
    plain = run_site(checked, site[0])
    for _ in range(2):
        cached = run_site(checked, site[0], cache=cache)
        pd.testing.assert_frame_equal(cached.tables["Cytoplasm"], plain.tables["Cytoplasm"])
