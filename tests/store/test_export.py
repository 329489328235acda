"""Sites, wells, plates and selections saved for other programs."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import tifffile
from tests.gui.plate import PIPELINE, make_experiment, plane_of

from napari_tmaps.errors import ExistsError, FormatError, InputError, NotFoundError
from napari_tmaps.model.progress import finish, run
from napari_tmaps.pipeline import load_pipeline
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.store.export import (
    SaveChoice,
    estimate,
    options_for,
    proving,
    saving,
    site_layers,
)
from napari_tmaps.store.selections import Selection, SelectionStore
from napari_tmaps.workflow import analyse


@pytest.fixture(scope="module")
def experiment(tmp_path_factory: pytest.TempPathFactory) -> Any:
    path = make_experiment(tmp_path_factory.mktemp("saved"))
    file = path / "pipelines" / "blocks.yaml"
    file.parent.mkdir(exist_ok=True)
    file.write_text(PIPELINE)
    with Experiment.open(path) as opened:
        assert not run(analyse(opened, load_pipeline(file)))
        objects = pd.DataFrame({"plate": ["P1"], "well": "B03", "site": 2, "t": 0, "label": 1})
        store = SelectionStore(path / "selections")
        store.set("Blocks", "few", Selection(objects, "#ff0000"))
        yield opened


def test_a_well_as_ome_tiff(experiment: Experiment, tmp_path: Path) -> None:
    choice, options = SaveChoice("P1", ("B03",)), options_for(tmp_path / "well")
    images = finish(saving(experiment, choice, tmp_path / "well", options))
    assert [path.name for path in images] == [f"B03_{n}.ome.tiff" for n in (1, 2, 3, 4)]
    np.testing.assert_array_equal(tifffile.imread(images[2])[1], plane_of("B03", 3, "Actin"))
    assert (tmp_path / "well" / "B03_3_Blocks.csv").is_file()
    assert finish(proving(experiment, choice, tmp_path / "well", options)) == 4 * 3


def test_a_plate_as_ome_zarr_opens_elsewhere(experiment: Experiment, tmp_path: Path) -> None:
    from ome_zarr.io import parse_url
    from ome_zarr.reader import Reader

    path = tmp_path / "plate.ome.zarr"
    choice, options = SaveChoice("P1"), options_for(path, version="0.4")
    assert len(finish(saving(experiment, choice, path, options))) == 12
    assert finish(proving(experiment, choice, path, options)) == 12 * 3
    plate = next(iter(Reader(parse_url(path))()))
    assert plate.data[0].ndim == 5
    assert (path / "tables" / "B02" / "1_Blocks.csv").is_file()
    with pytest.raises(ExistsError):
        finish(saving(experiment, choice, path, options))


@pytest.mark.parametrize("name", ["some.ome.zarr", "some"])
def test_a_damaged_site_does_not_keep_the_others(
    experiment: Experiment, tmp_path: Path, name: str
) -> None:
    shutil.copytree(experiment.path, tmp_path / "a.tmaps")
    with Experiment.open(tmp_path / "a.tmaps") as copy:
        files = (copy.plate("P1").image_path("B03", 2) / "0" / "c").rglob("*")
        pixels = next(path for path in sorted(files) if path.is_file())
        pixels.write_bytes(b"\0" * 100)
        choice = SaveChoice("P1", ("B03",))
        options = options_for(tmp_path / name)
        said = r"Saved 3 sites of 4 in .*Left out, as they cannot be read: 1; the first: .*B/0?3/2"
        with pytest.raises(FormatError, match=said):
            finish(saving(copy, choice, tmp_path / name, options))
    if name.endswith("zarr"):
        attributes = json.loads((tmp_path / name / "B" / "03" / "zarr.json").read_text())
        images = attributes["attributes"]["ome"]["well"]["images"]
        assert [image["path"] for image in images] == ["1", "3", "4"]
    else:
        files = sorted(path.name for path in (tmp_path / name).glob("B03_?.ome.tiff"))
        assert files == ["B03_1.ome.tiff", "B03_3.ome.tiff", "B03_4.ome.tiff"]


def test_a_selection_has_its_objects_alone(experiment: Experiment, tmp_path: Path) -> None:
    choice = SaveChoice("P1", object_type="Blocks", selection="few")
    options = options_for(tmp_path / "few")
    images = finish(saving(experiment, choice, tmp_path / "few", options))
    assert [path.name for path in images] == ["B03_2.ome.tiff"]
    labels = tifffile.imread(tmp_path / "few" / "B03_2_Blocks.ome.tiff")
    assert set(np.unique(labels)) == {1}
    chosen = choice.objects(experiment)
    elsewhere = site_layers(experiment, "P1", "B03", 1, objects=chosen, object_type="Blocks")[-1]
    assert not elsewhere.data.any()
    assert elsewhere.features is not None
    assert elsewhere.features.empty
    assert len(pd.read_csv(tmp_path / "few" / "B03_2_Blocks.csv")) == 1


def test_estimate(experiment: Experiment, tmp_path: Path) -> None:
    choice, options = SaveChoice("P1", ("B03",), 1), options_for(tmp_path / "one.ome.tiff")
    expected = estimate(experiment, choice, options)
    finish(saving(experiment, choice, tmp_path / "one.ome.tiff", options))
    written = sum(path.stat().st_size for path in tmp_path.glob("*.tiff"))
    assert 0.5 * written < expected < 2 * written


def test_what_is_not_there(experiment: Experiment, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no selection of Blocks 'none'"):
        SaveChoice("P1", object_type="Blocks", selection="none").sites(experiment)
    with pytest.raises(NotFoundError, match="no site 9"):
        SaveChoice("P1", site=9).sites(experiment)
    with pytest.raises(InputError, match="chunk is 5"):
        options_for(tmp_path / "a.ome.zarr", chunk=5)


def test_a_damaged_image_is_told_in_words(tmp_path: Path) -> None:
    path = make_experiment(tmp_path)
    with Experiment.open(path) as experiment:
        image = experiment.plate("P1").image_path("B03", 1)
        for file in (image / "0" / "c").rglob("*"):
            if file.is_file():
                file.write_bytes(b"damaged")
        choice, options = SaveChoice("P1", ("B03",), 1), options_for(tmp_path / "a.ome.tiff")
        with pytest.raises(FormatError, match="is damaged"):
            finish(saving(experiment, choice, tmp_path / "a.ome.tiff", options))
