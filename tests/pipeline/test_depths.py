"""Pipelines on stacks: what cannot take them is told before anything runs."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile

from napari_tmaps.errors import PipelineError
from napari_tmaps.model.progress import run
from napari_tmaps.modules import MODULES
from napari_tmaps.modules.describe import describe
from napari_tmaps.pipeline import check, check_depths, ready_pipelines, run_site
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.vendors import scan
from napari_tmaps.workflow import analyse, convert

CENTRES = ((6, 20, 20), (6, 20, 33), (6, 50, 60))
PATTERN = r"(?P<well>[A-H]\d\d)_s(?P<site>\d)_(?P<channel>DAPI)"


def nuclei() -> np.ndarray:
    """Three balls of 14 pixels in diameter, two of them touching; planes two pixels apart."""
    z, y, x = np.indices((13, 72, 80))
    image = np.random.default_rng(0).normal(100, 4, z.shape)
    for a, b, c in CENTRES:
        image[(2 * (z - a)) ** 2 + (y - b) ** 2 + (x - c) ** 2 <= 49] += 400
    return np.clip(image, 0, None).astype(np.uint16)


def ready(name: str):
    return check(ready_pipelines()[name])


def test_all_steps_that_cannot_take_stacks_are_told_at_once():
    with pytest.raises(PipelineError) as error:
        run_site(ready("nuclei"), {"DAPI": nuclei()})
    said = str(error.value)
    assert "Step 4 ('separate_nuclei', module separate_clumps) takes single planes" in said
    assert ".filled_mask' is a stack of 13 planes. Use find_seeds and watershed instead" in said
    assert "Use measure_intensity_3D instead, or project the channels first" in said
    assert "Step 1" not in said


def test_one_step_is_one_sentence():
    with pytest.raises(PipelineError, match=r"^Step 1 .* takes single planes, but 'DAPI'"):
        check_depths(ready("nuclei_any_size"), {"DAPI": 5}, upto="threshold_nuclei")


def test_planes_and_what_was_projected_pass():
    check_depths(ready("nuclei"), {"DAPI": 1})
    description = ready_pipelines()["nuclei"]
    first = description.pipeline[0]
    flat = first.model_copy(
        update={"name": "flat", "module": "project", "inputs": {"image": "DAPI"}, "settings": {}}
    )
    first = first.model_copy(update={"inputs": {"image": "flat.projected_image"}})
    steps = (
        flat,
        first,
        *(call for call in description.pipeline[1:] if call.module[:7] != "measure"),
    )
    check_depths(check(description.model_copy(update={"pipeline": steps})), {"DAPI": 13})


def test_modules_for_stacks_refuse_planes_in_words():
    description = ready_pipelines()["nuclei_3D"]
    call = description.pipeline[0].model_copy(
        update={"module": "identify_spots_3D", "settings": {}, "name": "spots"}
    )
    spots = description.model_copy(
        update={"pipeline": (call,), "output": type(description.output)()}
    )
    with pytest.raises(PipelineError, match="takes stacks, but 'DAPI' is a single plane"):
        run_site(check(spots), {"DAPI": nuclei()[0]})


def test_what_is_recommended_exists_and_takes_stacks():
    for name, module in MODULES.items():
        depth = describe(module).depth
        for other in depth.instead.replace(" and ", " or ").split(" or ") if depth.instead else ():
            assert describe(MODULES[other]).depth.stacks, name


@pytest.fixture
def plate(tmp_path):
    folder = tmp_path / "stacks"
    folder.mkdir()
    tifffile.imwrite(folder / "B02_s1_DAPI.ome.tif", nuclei(), metadata=METADATA)
    with Experiment.create(tmp_path / "stacks.tmaps") as experiment:
        experiment.add(scan(folder), plate="p")
        assert run(convert(experiment)) == []
        yield experiment


METADATA = {
    "axes": "ZYX",
    "PhysicalSizeX": 0.5,
    "PhysicalSizeY": 0.5,
    "PhysicalSizeZ": 1.0,
    "Channel": {"Name": ["DAPI"]},
}


def test_the_ready_pipeline_for_stacks_on_a_plate(plate):
    assert run(analyse(plate, ready_pipelines()["nuclei_3D"])) == []
    table = plate.features.read("Nuclei")
    assert len(table) == 3
    ball = np.pi / 6 * 7**3  # 14 pixels are 7 µm
    np.testing.assert_allclose(table["Solid_Volume_um3"], ball, rtol=0.15)
    np.testing.assert_allclose(table["Solid_Centroid_z"], 6, atol=0.5)
    np.testing.assert_allclose(table["Intensity_median_DAPI"], 500, atol=15)


def test_a_plate_of_stacks_is_refused_before_a_job_is_made(plate):
    with pytest.raises(PipelineError, match="takes single planes"):
        run(analyse(plate, ready_pipelines()["nuclei_any_size"]))
    assert plate.features.object_types() == []
