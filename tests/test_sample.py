"""The sample plate: microscope files, and a truth that is true."""

from __future__ import annotations

import errno
import hashlib
import json
import xml.etree.ElementTree as ET
from itertools import pairwise, product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
from scipy import ndimage
from skimage import measure, segmentation

from napari_tmaps.errors import ExistsError, InputError, StorageError
from napari_tmaps.sample import generate_sample, sample_is_complete
from napari_tmaps.sample.specimen import grow
from napari_tmaps.vendors import scan

BTS = "{http://www.yokogawa.co.jp/BTS/BTSSchema/1.0}"
WELLS = ("B02", "B03", "C02", "C03")
SIZE = 256
PIXEL_UM = 0.325
SMALL = {"wells": ["B02"], "sites": 2, "size": 96}


@pytest.fixture(scope="module")
def sample(tmp_path_factory) -> Path:
    """A sample plate; do not write to it."""
    folder = tmp_path_factory.mktemp("sample")
    events = list(generate_sample(folder, wells=WELLS, size=SIZE))
    assert [event.done for event in events] == list(range(1, 18))
    assert {event.total for event in events} == {17}
    return folder


def make(folder: Path, **settings) -> Path:
    for _ in generate_sample(folder, **{**SMALL, **settings}):
        pass
    return folder


def hashes(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def labels(folder: Path, well: str, site: int, what: str) -> np.ndarray:
    return tifffile.imread(folder / f"ground_truth/labels/{well}_F{site:03d}_{what}.tif")


def records(folder: Path) -> list[ET.Element]:
    root = ET.parse(folder / "acquisition/MeasurementData.mlf").getroot()
    assert root.tag == BTS + "MeasurementData"
    return root.findall(BTS + "MeasurementRecord")


def truth(folder: Path, what: str) -> pd.DataFrame:
    return pd.read_csv(folder / f"ground_truth/{what}.csv")


# -- microscope files -----------------------------------------------------------------------


def test_index_names_the_images_that_are_there(sample):
    named = [record.text for record in records(sample)]
    there = [path.name for path in (sample / "acquisition").glob("*.tif")]
    assert len(named) == len(WELLS) * 4 * 2
    assert sorted(named) == sorted(there)
    assert "SamplePlate_C03_T0001F004L01A02Z01C02.tif" in named


def test_records_agree_with_the_names(sample):
    for record in records(sample):
        row, column = int(record.get(BTS + "Row")), int(record.get(BTS + "Column"))
        ch = int(record.get(BTS + "Ch"))
        site = int(record.get(BTS + "FieldIndex"))
        expected = f"_{'ABCDEFGH'[row - 1]}{column:02d}_T0001F{site:03d}L01A{ch:02d}Z01C{ch:02d}."
        assert expected in record.text


def test_settings_and_detail(sample):
    detail = ET.parse(sample / "acquisition/MeasurementDetail.mrf").getroot()
    assert (detail.get(BTS + "RowCount"), detail.get(BTS + "ColumnCount")) == ("8", "12")
    assert detail.get(BTS + "FieldCount") == "4"
    assert (sample / "acquisition" / detail.get(BTS + "MeasurementSettingFileName")).is_file()
    plate = detail.find(BTS + "MeasurementSamplePlate")
    assert (sample / "acquisition" / plate.get(BTS + "WellPlateFileName")).is_file()
    for channel in detail.findall(BTS + "MeasurementChannel"):
        assert channel.get(BTS + "HorizontalPixelDimension") == "0.325"
        assert channel.get(BTS + "VerticalPixels") == str(SIZE)
    settings = ET.parse(sample / "acquisition/SamplePlate.mes").getroot()
    stains = {c.get(BTS + "Ch"): c.get(BTS + "Fluorophore") for c in settings.iter(BTS + "Channel")}
    assert stains == {"1": "DAPI", "2": "Actin"}
    ET.parse(sample / "acquisition/SamplePlate.wpi")


def test_scanner_understands_it(sample):
    summary = scan(sample / "acquisition").summary()
    assert summary["vendor"] == "Yokogawa CellVoyager"
    assert summary["plates"] == ["SamplePlate"]
    assert summary["sites_per_well"] == dict.fromkeys(WELLS, 4)
    assert summary["pixel_size_um"] == [PIXEL_UM, PIXEL_UM]
    assert summary["image_size"] == [SIZE, SIZE]
    assert summary["planes"] == 32
    assert summary["oddities"] == []


def test_images_look_as_a_camera_makes_them(sample):
    for path in (sample / "acquisition").glob("*.tif"):
        image = tifffile.imread(path)
        assert image.dtype == np.uint16
        assert image.shape == (SIZE, SIZE)
        assert 80 < image.min() < 160
        assert 500 < image.max() <= 4095


def test_stage_positions_are_true(sample):
    """Where fields overlap, by the positions of their records, they show the same objects."""
    corner = {}
    for record in records(sample):
        row, column = int(record.get(BTS + "Row")), int(record.get(BTS + "Column"))
        well = f"{'ABCDEFGH'[row - 1]}{column:02d}"
        y, x = -float(record.get(BTS + "Y")) / PIXEL_UM, float(record.get(BTS + "X")) / PIXEL_UM
        corner[well, int(record.get(BTS + "FieldIndex"))] = y - SIZE / 2, x - SIZE / 2
    assert all(abs(value - round(value)) < 0.01 for place in corner.values() for value in place)
    compared = 0
    for well, (one, other) in product(WELLS, [(1, 2), (3, 4), (1, 3), (2, 4)]):
        dy, dx = np.subtract(corner[well, other], corner[well, one]).round().astype(int)
        assert max(dy, dx) == pytest.approx(SIZE, abs=4)
        assert min(dy, dx) == pytest.approx(0, abs=4)
        if max(dy, dx) >= SIZE:
            continue  # these two do not overlap
        y0, x0 = max(dy, 0), max(dx, 0)
        y1, x1 = min(dy, 0) + SIZE, min(dx, 0) + SIZE
        here = labels(sample, well, one, "cells")[y0:y1, x0:x1] > 0
        there = labels(sample, well, other, "cells")[y0 - dy : y1 - dy, x0 - dx : x1 - dx] > 0
        np.testing.assert_array_equal(here, there)
        compared += here.size
    assert compared > SIZE


# -- truth ----------------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["nuclei", "cells"])
def test_tables_describe_the_labels(sample, what):
    table = truth(sample, what).set_index(["well", "site"])
    for well, site in product(WELLS, range(1, 5)):
        image = labels(sample, well, site, what)
        rows = table.loc[(well, site)]
        expected = pd.DataFrame(
            measure.regionprops_table(image, properties=("label", "area", "centroid"))
        )
        np.testing.assert_array_equal(rows["label"], expected["label"])
        np.testing.assert_array_equal(rows["area"], expected["area"])
        np.testing.assert_allclose(rows["centroid_y"], expected["centroid-0"], atol=5.1e-4)
        np.testing.assert_allclose(rows["centroid_x"], expected["centroid-1"], atol=5.1e-4)
        inner = np.setdiff1d(segmentation.clear_border(image), 0)
        np.testing.assert_array_equal(rows["label"][~rows["at_border"]], inner)
        for label, alone in zip(rows["label"], ~rows["touching"], strict=True):
            around = ndimage.binary_dilation(image == label) & (image != label)
            assert (image[around] == 0).all() == alone


def test_nuclei_are_in_their_cells_and_whole(sample):
    for well, site in product(WELLS, range(1, 5)):
        nuclei, cells = (labels(sample, well, site, what) for what in ("nuclei", "cells"))
        assert nuclei.dtype == cells.dtype == np.uint16
        np.testing.assert_array_equal(cells[nuclei > 0], nuclei[nuclei > 0])
        assert set(np.unique(nuclei)) == set(range(int(nuclei.max()) + 1))
        assert set(np.unique(cells)) == set(range(int(cells.max()) + 1))
        for image in (nuclei, cells):
            whole = segmentation.clear_border(image)
            for region in measure.regionprops(whole):
                assert measure.label(region.image, connectivity=1).max() == 1


def test_sizes_of_nuclei(sample):
    nuclei = truth(sample, "nuclei")
    diameters = np.sqrt(nuclei["area"][~nuclei["at_border"]] * 4 / np.pi)
    assert 20 <= diameters.quantile(0.05) < diameters.quantile(0.95) <= 31


def test_light_is_what_the_camera_saw(sample):
    """An image without offset and illumination has the intensities that the truth states."""
    for number, stain in ((1, "DAPI"), (2, "Actin")):
        lamp = tifffile.imread(sample / f"ground_truth/illumination_C{number:02d}.tif")
        assert lamp.max() == pytest.approx(1, abs=1e-3)
        assert 0.6 < lamp.min() < 0.85
        name = f"SamplePlate_B03_T0001F002L01A{number:02d}Z01C{number:02d}.tif"
        image = (tifffile.imread(sample / "acquisition" / name) - 100.0) / lamp
        for what in ("nuclei", "cells"):
            rows = truth(sample, what).query("well == 'B03' and site == 2 and area > 150")
            found = ndimage.mean(image, labels(sample, "B03", 2, what), rows["label"])
            np.testing.assert_allclose(found, rows[f"mean_{stain}"], rtol=0.03)


def test_share_of_touching_nuclei(sample):
    assert 0.15 <= truth(sample, "nuclei")["touching"].mean() <= 0.25


def test_conditions_differ(sample):
    plate_map = pd.read_csv(sample / "ground_truth/plate_map.csv")
    assert dict(zip(plate_map["well"], plate_map["condition"], strict=True)) == {
        "B02": "control",
        "B03": "control",
        "C02": "treated",
        "C03": "treated",
    }
    nuclei, cells = (truth(sample, what).merge(plate_map) for what in ("nuclei", "cells"))
    counts = nuclei["condition"].value_counts()
    assert 0.5 <= counts["treated"] / counts["control"] <= 0.7
    actin = cells.groupby("condition")["mean_Actin"].mean()
    assert 1.35 <= actin["treated"] / actin["control"] <= 1.65


def test_counts_of_the_summary(sample):
    facts = json.loads((sample / "ground_truth/truth.json").read_text())
    for well, site in product(WELLS, range(1, 5)):
        count = labels(sample, well, site, "nuclei").max()
        assert facts["nuclei_per_site"][well][site - 1] == count
    assert facts["objects"]["nuclei"] == len(truth(sample, "nuclei"))
    assert facts["seed"] == 2024


def test_a_full_dish_ends_the_culture():
    """More nuclei than there is room for: as many as fit, all apart or in their clump."""
    culture = grow(np.random.default_rng(1), (96, 96), 200)
    assert 4 <= culture.nuclei.max() < 30
    assert (culture.dna[culture.nuclei == 0] == 0).all()


# -- again, and after trouble ---------------------------------------------------------------


def test_same_settings_give_the_same_bytes(tmp_path):
    one, two = hashes(make(tmp_path / "one")), hashes(make(tmp_path / "two"))
    assert one == two
    other = hashes(make(tmp_path / "other", seed=1))
    image = "acquisition/SamplePlate_B02_T0001F001L01A01Z01C01.tif"
    assert other[image] != one[image]


def test_second_run_does_nothing(tmp_path):
    folder = make(tmp_path / "sample")
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    events = list(generate_sample(folder, **SMALL))
    assert [(event.done, event.total) for event in events] == [(3, 3)]
    assert "already" in events[0].message
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


def test_interrupted_run_starts_again(tmp_path):
    folder = tmp_path / "sample"
    events = generate_sample(folder, **SMALL)
    next(events)
    events.close()
    assert any((folder / "acquisition").iterdir())
    assert not sample_is_complete(folder)
    assert hashes(make(folder)) == hashes(make(tmp_path / "whole"))
    assert sample_is_complete(folder)


IMAGE = "acquisition/SamplePlate_B02_T0001F001L01A01Z01C01.tif"


@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_bytes(b"II")])
def test_lost_and_cut_files_are_made_again(tmp_path, damage):
    folder = make(tmp_path / "sample")
    whole = hashes(folder)
    damage(folder / IMAGE)
    assert not sample_is_complete(folder)
    assert hashes(make(folder)) == whole


def test_full_disk(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full)
        with pytest.raises(StorageError, match="disk is full"):
            make(tmp_path / "sample")
    assert not sample_is_complete(tmp_path / "sample")
    assert sample_is_complete(make(tmp_path / "sample"))


def test_unreadable_manifest(tmp_path):
    (tmp_path / "sample.json").mkdir()
    with pytest.raises(StorageError, match=r"sample\.json' cannot be read"):
        make(tmp_path)


FOREIGN = [
    pytest.param("thesis.txt", "mine", id="other-file"),
    pytest.param("sample.json", "not JSON", id="damaged-manifest"),
    pytest.param("sample.json", "[1]", id="other-manifest"),
]


@pytest.mark.parametrize(("name", "content"), FOREIGN)
def test_foreign_files_are_left_alone(tmp_path, name, content):
    (tmp_path / name).write_text(content)
    with pytest.raises(ExistsError, match=name):
        make(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == content


def test_folder_that_is_a_file(tmp_path):
    (tmp_path / "sample").write_text("mine")
    with pytest.raises(ExistsError, match="a file"):
        make(tmp_path / "sample")


def test_sample_of_other_settings_is_left_alone(tmp_path):
    folder = make(tmp_path / "sample")
    before = hashes(folder)
    with pytest.raises(ExistsError, match="'seed': 7"):
        make(folder, seed=7)
    assert hashes(folder) == before


REFUSED = [
    pytest.param({"wells": []}, "at least one", id="no-well"),
    pytest.param({"wells": ["B2", "B02"]}, "once", id="well-twice"),
    pytest.param({"wells": ["I01"]}, "I01", id="outside-of-the-plate"),
    pytest.param({"wells": ["well"]}, "'well'", id="no-name"),
    pytest.param({"sites": 0}, "sites .* 0", id="no-site"),
    pytest.param({"sites": 17}, "sites .* 17", id="many-sites"),
    pytest.param({"size": 63}, "size .* 63", id="small"),
    pytest.param({"seed": -1}, "seed .* -1", id="seed"),
]


@pytest.mark.parametrize(("settings", "message"), REFUSED)
def test_settings_that_do_not_fit(tmp_path, settings, message):
    with pytest.raises(InputError, match=message):
        make(tmp_path / "sample", **settings)
    assert not (tmp_path / "sample").exists()


def test_fields_are_numbered_row_by_row(tmp_path):
    folder = make(tmp_path / "sample", sites=5, size=64)
    places = {
        int(record.get(BTS + "FieldIndex")): (
            float(record.get(BTS + "Y")),
            float(record.get(BTS + "X")),
        )
        for record in records(folder)
    }
    assert all(places[a][1] < places[b][1] for a, b in pairwise((1, 2, 3)))
    assert places[4][1] < places[5][1]
    assert min(places[site][0] for site in (1, 2, 3)) > max(places[site][0] for site in (4, 5))
