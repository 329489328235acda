"""What File ▸ Open takes, what it leaves to others, and what it makes of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from tests.gui.plate import PIXEL_UM, make_scan, plane_of

from napari_tmaps.errors import MissingError, NotFoundError
from napari_tmaps.gui import readers
from napari_tmaps.gui.layers import mosaic_layers
from napari_tmaps.gui.vendor_source import VendorSource
from napari_tmaps.store.experiment import Experiment


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Notifications of napari."""
    messages: list[str] = []
    for name in ("show_info", "show_warning"):
        monkeypatch.setattr(f"napari.utils.notifications.{name}", messages.append)
    return messages


def read(path: Path) -> list[Any]:
    reader = readers.get_reader(str(path))
    assert reader is not None
    return reader(str(path))


def test_experiment_by_folder_and_by_file(experiment_path: Path) -> None:
    for path in (experiment_path, experiment_path / "experiment.db"):
        assert [properties["name"] for _, properties, _ in read(path)] == ["DAPI", "Actin"]


def test_plate_of_ome_zarr(experiment_path: Path) -> None:
    layers = read(experiment_path / "plates" / "P1.ome.zarr")
    assert [kind for *_, kind in layers] == ["image", "image"]


def test_well_and_site_of_ome_zarr(experiment_path: Path) -> None:
    plate = experiment_path / "plates" / "P1.ome.zarr"
    assert read(plate / "C" / "03")[0][0][0].shape == (1, 1, 128, 128)
    assert read(plate / "C" / "03" / "1")[0][0].shape == (1, 1, 64, 64)


def test_experiment_without_plates(tmp_path: Path) -> None:
    Experiment.create(tmp_path / "new.tmaps").close()
    with pytest.raises(NotFoundError, match="has no plates yet"):
        read(tmp_path / "new.tmaps")


def test_of_several_plates_the_first_is_shown_and_the_rest_told(
    tmp_path: Path, said: list[str]
) -> None:
    from napari_tmaps.model.progress import run
    from napari_tmaps.workflow import convert

    with Experiment.create(tmp_path / "two.tmaps") as experiment:
        scan = make_scan(tmp_path / "raw")
        experiment.add(scan, plate="one")
        experiment.add(scan, plate="two")
        run(convert(experiment))
    assert read(tmp_path / "two.tmaps")[0][1]["metadata"]["tmaps"]["plate"] == "one"
    assert "the first of 2" in said[0]


def test_missing_images_are_told(own_experiment: Path, said: list[str]) -> None:
    read(own_experiment)
    assert said == ["1 images of plate 'P1' are missing; they look black."]


@pytest.mark.parametrize("name", ["image.tif", "notes.txt", "empty", "broken.zarr", "gone"])
def test_what_is_not_ours(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name == "image.tif":
        tifffile.imwrite(path, np.zeros((4, 4), np.uint8))
    elif name == "notes.txt":
        path.write_text("hello")
    elif name == "broken.zarr":
        path.mkdir()
        (path / "zarr.json").write_text("{")
    elif name == "empty":
        path.mkdir()
    assert readers.get_reader(str(path)) is None


def test_several_paths_are_not_ours(experiment_path: Path) -> None:
    assert readers.get_reader([str(experiment_path)] * 2) is None


# -- microscope files -----------------------------------------------------------------------------


def test_one_well_of_a_microscope_is_read_in_place(tmp_path: Path) -> None:
    source = VendorSource(make_scan(tmp_path), well="B03")
    layers = mosaic_layers(source, source.places, on_problem=pytest.fail)
    data, properties, _ = layers[1]
    assert properties["name"] == "Actin"
    assert properties["scale"][-2:] == (PIXEL_UM, PIXEL_UM)
    expected = np.block(
        [[plane_of("B03", 2 * y + x + 1, "Actin") for x in range(2)] for y in range(2)]
    )
    np.testing.assert_array_equal(np.asarray(data[0])[0, 0], expected)
    assert properties["contrast_limits"][0] >= expected.min()
    assert properties["contrast_limits"][1] <= expected.max()


def test_a_missing_plane_is_empty_and_a_lost_file_is_told(tmp_path: Path) -> None:
    source = VendorSource(make_scan(tmp_path, lost=(("B02", 2, "DAPI"),)))
    (tmp_path / "B02_3_DAPI.tif").unlink()
    problems: list[str] = []
    data = mosaic_layers(source, source.places, on_problem=problems.append)[0][0]
    whole = np.asarray(data[0])[0, 0]
    assert not whole[:64, 64:].any()
    assert not whole[64:, :64].any()
    assert whole[64:, 64:].all()
    assert len(problems) == 1
    assert "B02_3_DAPI.tif" in problems[0]


def test_the_first_plane_must_be_there(tmp_path: Path) -> None:
    scan = make_scan(tmp_path)
    (tmp_path / "B02_1_Actin.tif").unlink()
    with pytest.raises(MissingError, match="B02_1_Actin"):
        VendorSource(scan)


def test_no_such_well(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no image of well H12"):
        VendorSource(make_scan(tmp_path), well="H12")


def test_no_labels_at_a_microscope(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no labels"):
        VendorSource(make_scan(tmp_path)).labels("Nuclei")


def test_cellvoyager(shared_data: Path, said: list[str]) -> None:
    """Values of INDEX.md: wells from D08, 4 fields of 2000², 4 z of 3 µm, 0.325 µm, 2 channels."""
    layers = read(shared_data / "yokogawa_cv8000_faim")
    assert len(layers) == 2
    data, properties, _ = layers[0]
    assert properties["metadata"]["tmaps"]["well"] == "D08"
    assert properties["scale"][1:] == pytest.approx((3.0, 0.325, 0.325))
    assert data[0].shape[:2] == (1, 4)
    # Fields 1 and 2 lie 82.8 + 567.1 µm apart.
    assert data[0].shape[3] == pytest.approx(2000 + 649.9 / 0.325, abs=2)
    assert any("the first of 3" in message for message in said)


def test_czi(shared_data: Path, said: list[str]) -> None:
    """A plate of 28 scenes in one file: wells B4 … B10 × 4 positions, 640², 0.2 µm, DAPI."""
    (path,) = sorted((shared_data / "czi_wellplate_czitools").glob("**/*.czi"))[:1]
    layers = read(path)
    assert [properties["name"] for _, properties, _ in layers] == ["DAPI"]
    assert layers[0][1]["scale"][-2:] == pytest.approx((0.2, 0.2))
    assert layers[0][1]["metadata"]["tmaps"]["well"] == "B04"
