"""What goes wrong with files, for every format: one clear message or a line in the report.

Never a layout that is wrong without a word. The acquisitions are those of the fuzzer.
"""

from __future__ import annotations

import builtins
import gc
import io
import os
import shutil

import imageio.v3
import numpy as np
import pytest
import tifffile
from tests.vendors import fuzz

from napari_tmaps.errors import FormatError, TmapsError
from napari_tmaps.vendors import VENDORS, scan
from napari_tmaps.vendors.listing import Listing, list_files

NAMES = sorted(name for name in fuzz.seeds() if not name.startswith("profile"))

BOMB = (
    b'<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>'
    b"<l>&b;&b;&b;&b;</l>"
)

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture
def acquisition(request, tmp_path):
    """A whole acquisition in a folder with a name as people give them, and its first index."""
    folder = tmp_path / "Plätte 1 – übrig (neu)"
    folder.mkdir()
    try:
        target = fuzz.Target(request.param, folder)
    except FileNotFoundError as error:
        pytest.skip(f"needs a real file: {error}")
    yield folder, next(iter(target.whole))
    gc.collect()  # libraries leave damaged files to it


def told(before, look):
    """What is said of a damaged folder and was not said of the whole one."""
    try:
        return [str(oddity) for oddity in look().oddities if oddity not in before.oddities]
    except TmapsError as error:
        return [str(error)]


for_all = pytest.mark.parametrize("acquisition", NAMES, indirect=True)


@for_all
def test_damage_is_told(acquisition, monkeypatch):
    folder, index = acquisition
    whole, data = scan(folder), index.read_bytes()
    silent = []
    contents = {"empty": b"", "cut": data[: len(data) // 2], "page": b"<html></html>", "bomb": BOMB}
    for name, content in contents.items():
        index.write_bytes(content)
        silent += [] if told(whole, lambda: scan(folder)) else [name]
    index.write_bytes(data)

    listing = list_files(folder)
    vendor = next(each for each in VENDORS if each.recognise(listing))
    index.unlink()
    silent += [] if told(whole, lambda: vendor.scan(listing)) else ["vanished"]
    index.write_bytes(data)

    def refusing(real):
        def opened(path, *arguments, **settings):
            if isinstance(path, str | os.PathLike) and os.fspath(path) == str(index):
                raise PermissionError(13, "Permission denied", str(path))
            return real(path, *arguments, **settings)

        return opened

    for module, name in ((builtins, "open"), (io, "open"), (os, "open")):
        monkeypatch.setattr(module, name, refusing(getattr(module, name)))
    silent += [] if told(whole, lambda: scan(folder)) else ["locked"]
    assert silent == []


@for_all
def test_two_acquisitions_in_one_folder_are_told(acquisition, tmp_path):
    folder, _ = acquisition
    whole = scan(folder)
    for name in ("one", "two"):
        shutil.copytree(folder, tmp_path / "both" / name)
    assert told(whole, lambda: scan(tmp_path / "both"))


def test_very_many_files_of_which_none_fits(tmp_path):
    listing = Listing(tmp_path, tuple(f"d{n % 100}/result_{n}.txt" for n in range(200_000)))
    assert not any(vendor.recognise(listing) for vendor in VENDORS)
    assert listing.describe() == "200,000 .txt"


def test_many_images_of_which_none_can_be_read(tmp_path):
    for number in range(2000):
        (tmp_path / f"{number}.tif").touch()
    with pytest.raises(FormatError) as caught:
        scan(tmp_path)
    assert str(caught.value) == (
        f"'0.tif' cannot be read: '{tmp_path}/0.tif' is no complete TIFF: it is empty (the file "
        "has 0 bytes). Copy it again from the microscope. 2,000 files ('0.tif', '1.tif', '2.tif' "
        "…) are left out."
    )


def test_pictures_that_are_called_tiff(tmp_path):
    imageio.v3.imwrite(tmp_path / "a.png", np.zeros((4, 6), np.uint8))
    (tmp_path / "a.png").rename(tmp_path / "a.tif")
    tifffile.imwrite(tmp_path / "b.tif", np.zeros((4, 6), np.uint8))
    result = scan(tmp_path)
    assert result.planes["path"].tolist() == ["b.tif"]
    assert "does not begin like a TIFF" in str(result.oddities[0])


def test_a_plate_of_1536_wells(tmp_path, cellvoyager):
    wells = [f"{row}{column}" for row in ("A", "Z", "AA", "AF") for column in ("01", "48")]
    for well in wells:
        cellvoyager.image(tmp_path / f"P_{well}_T0001F001L01A01Z01C01.tif", 1)
    assert scan(tmp_path).wells == wells
