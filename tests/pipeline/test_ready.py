"""The ready pipelines, on the sample plate, against its truth and against their own scripts."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import numpy as np
import pandas as pd
import pytest
import tifffile
from scipy import ndimage

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
    labels = {
        "Nuclei": tifffile.imread(next(truth.glob("*nuclei.tif"))),
        "Cells": tifffile.imread(next(truth.glob("*cells.tif"))),
    }
    images = {"DAPI": tifffile.imread(dapi), "Actin": tifffile.imread(actin)}
    spots, labels["Spots"] = spots_in(labels["Cells"])
    bright_field, labels["Bright"] = in_bright_field()
    images |= {"SpotStain": spots, "BrightField": bright_field, "DNA": images["DAPI"][::3, ::3]}
    images |= {f"Marker_{n}": images["Actin"] // n for n in (1, 2, 3, 4)}
    return images, labels


def spots_in(cells: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A stain of spots of sigma 1.3, 300 above a background of 100, and their places."""
    random = np.random.default_rng(0)
    places = np.zeros(cells.shape, np.int32)
    free = np.argwhere(ndimage.minimum_filter(cells, 9) > 0)
    taken = np.zeros(cells.shape, bool)
    for y, x in random.permutation(free)[:600]:
        if not taken[y - 7 : y + 8, x - 7 : x + 8].any():
            taken[y, x] = True
            places[y, x] = cells[y, x]
    bell = ndimage.gaussian_filter(taken.astype(float), 1.3)
    clean = 100 + 300 * bell / bell.max()
    return random.poisson(clean).astype(np.uint16), places


def in_bright_field() -> tuple[np.ndarray, np.ndarray]:
    """Eight cells with bright and dark rims and texture, under an uneven light; their labels."""
    random = np.random.default_rng(0)
    y, x = np.indices((260, 400))
    light = 0.7 + 0.6 * x / 400
    texture = ndimage.gaussian_filter(random.normal(size=y.shape), 1.5)
    texture /= texture.std()
    image, labels = np.full(y.shape, 20000.0), np.zeros(y.shape, np.int32)
    for n in range(8):
        top, left = 70 + 120 * (n // 4), 60 + 90 * (n % 4)
        away = np.hypot((y - top) / (16 + n), (x - left) / (26 - n))
        labels[away < 1] = n + 1
        image += 3500 * np.exp(-(((away - 1) / 0.07) ** 2))
        image -= 3000 * np.exp(-(((away - 0.85) / 0.08) ** 2))
        image += np.where(away < 0.9, 900 * texture, 0)
    return (image * light + random.normal(0, 300, y.shape)).astype(np.uint16), labels


def channels_of(name: str, images: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The images that a ready pipeline takes."""
    return {
        channel.name: images[channel.name] for channel in ready_pipelines()[name].input.channels
    }


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
    channels = [channel.name for channel in description.input.channels]
    assert check(description, channels=channels, objects=[]).hints == ()
    text = files("napari_tmaps").joinpath("pipelines", f"{name}.yaml").read_text("utf-8")
    assert dump_pipeline(description) == text
    assert load_pipeline(text) == description


@pytest.mark.parametrize(
    ("name", "nuclei", "cells"),
    [
        pytest.param("nuclei", 0.9, None, id="nuclei"),  # measured: 0.975
        pytest.param("nuclei_and_cells", 0.9, 0.75, id="nuclei_and_cells"),  # 0.975, 0.83
        pytest.param("nuclei_any_size", 0.9, None, id="nuclei_any_size"),
        pytest.param("spots_in_cells", 0.9, 0.75, id="spots_in_cells"),
        pytest.param("multiplexed", 0.9, None, id="multiplexed"),
    ],
)
def test_nuclei_and_cells_are_those_of_the_truth(name, nuclei, cells, site):
    images, truth = site
    result = run_site(check(ready_pipelines()[name]), channels_of(name, images))
    assert object_f1(truth["Nuclei"], result.objects["Nuclei"]).f1 > nuclei
    if cells:
        assert object_f1(truth["Cells"], result.objects["Cells"]).f1 > cells


@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_nuclei_of_other_magnifications_need_no_other_settings(factor, site):
    images, truth = site
    zoomed = ndimage.zoom(images["DAPI"], factor, order=1)
    expected = ndimage.zoom(truth["Nuclei"], factor, order=0)
    result = run_site(check(ready_pipelines()["nuclei_any_size"]), {"DAPI": zoomed})
    assert object_f1(expected, result.objects["Nuclei"]).f1 > 0.88


def test_cells_in_bright_field(site):
    images, truth = site
    pipeline = check(ready_pipelines()["bright_field"])
    result = run_site(pipeline, channels_of("bright_field", images))
    assert object_f1(truth["Bright"], result.objects["Cells"], 0.8).f1 == 1


def test_spots_are_counted_in_their_cells(site):
    images, truth = site
    pipeline = check(ready_pipelines()["spots_in_cells"])
    result = run_site(pipeline, channels_of("spots_in_cells", images))
    cells, spots = result.objects["Cells"], result.objects["Spots"]
    seen = (truth["Spots"] > 0) & (cells > 0)
    found = np.unique(spots[seen & (spots > 0)]).size
    assert found > 0.97 * seen.sum()
    assert spots.max() < 1.02 * seen.sum()
    table = result.tables["Cells"]
    expected = [np.unique(spots[(cells == label) & (spots > 0)]).size for label in table.index]
    assert table["Spots_Count_SpotStain"].tolist() == expected


def test_markers_are_measured_in_all_compartments(site):
    images, _ = site
    pipeline = check(ready_pipelines()["multiplexed"])
    result = run_site(pipeline, channels_of("multiplexed", images))
    nuclei, cells, cytoplasm = (result.objects[n] for n in ("Nuclei", "Cells", "Cytoplasm"))
    np.testing.assert_array_equal(np.where(nuclei > 0, nuclei, cytoplasm), cells)
    for name, labels in result.objects.items():
        first = result.tables[name].iloc[0]
        pixels = images["Marker_3"][labels == first.name]
        assert first["Intensity_mean_Marker_3"] == pytest.approx(pixels.mean())


def test_the_three_object_types_belong_together(site):
    images, _ = site
    both = channels_of("nuclei_and_cells", images)
    result = run_site(check(ready_pipelines()["nuclei_and_cells"]), both)
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
    images = channels_of(name, site[0])
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
    images = channels_of(name, site[0])
    full = run_site(checked, images)
    empty = run_site(checked, {key: np.full_like(im, 100) for key, im in images.items()})
    for key, table in empty.tables.items():
        assert len(table) == 0
        pd.testing.assert_series_equal(table.dtypes, full.tables[key].dtypes)


def test_the_cache_changes_no_number(site):
    checked = check(ready_pipelines()["nuclei_and_cells"])
    cache = Cache()
    images = channels_of("nuclei_and_cells", site[0])
    plain = run_site(checked, images)
    for _ in range(2):
        cached = run_site(checked, images, cache=cache)
        pd.testing.assert_frame_equal(cached.tables["Cytoplasm"], plain.tables["Cytoplasm"])
