from __future__ import annotations

import json

import numpy as np
import pytest
import zarr

from napari_tmaps.errors import FormatError
from napari_tmaps.streams.ngff import ImageWriter, read_levels
from napari_tmaps.streams.planefiles import open_parts

WRITTEN = [
    pytest.param({}, (70, 90), np.uint16, True, id="one chunk"),
    pytest.param({}, (1100, 2050), np.uint16, True, id="shards"),
    pytest.param({"labels": True}, (1100, 700), np.int32, True, id="labels"),
    pytest.param({"version": "0.4"}, (70, 90), np.uint16, False, id="version 0.4, by zarr"),
]
PARTS = [
    (slice(None), slice(None)),
    (slice(3, 61), slice(40, 80)),
    (slice(60, 70), slice(88, 90)),
    (slice(10, 10), slice(0, 5)),
    (slice(0, 10_000), slice(5, 10_000)),
]


def write(path, size, dtype, **options):
    random = np.random.default_rng(0)
    with ImageWriter(path, shape=(2, 1, 2, *size), dtype=dtype, **options) as writer:
        for t, z in ((0, 0), (0, 1), (1, 1)):  # one plane is never written
            writer.write_plane(t, 0, z, random.integers(0, 5000, size).astype(dtype))


@pytest.mark.parametrize(("options", "size", "dtype", "ours"), WRITTEN)
def test_parts_are_those_that_zarr_reads(tmp_path, options, size, dtype, ours):
    path = tmp_path / "image.ome.zarr"
    write(path, size, dtype, **options)
    for number, array in enumerate(read_levels(path)):
        parts = open_parts(path / str(number), lambda array=array: array)
        assert (type(parts).__name__ == "_Files") is ours
        assert parts.shape == array.shape
        for y, x in PARTS:
            for t, z in ((0, 0), (1, 0), (1, 1)):
                found = parts.part(t, 0, z, y, x)
                assert found.dtype == dtype
                np.testing.assert_array_equal(found, array[t, 0, z, y, x])


def test_arrays_of_others_are_read_by_zarr(tmp_path):
    array = zarr.create_array(
        tmp_path / "0", shape=(1, 1, 3, 20, 20), chunks=(1, 1, 3, 10, 10), dtype="uint16"
    )
    array[:] = np.arange(1200).reshape(1, 1, 3, 20, 20)
    parts = open_parts(tmp_path / "0", lambda: array)
    np.testing.assert_array_equal(
        parts.part(0, 0, 2, slice(4, 9), slice(0, 3)), array[0, 0, 2, 4:9, :3]
    )
    described = json.loads((tmp_path / "0" / "zarr.json").read_text())
    (tmp_path / "0" / "zarr.json").write_text(json.dumps({**described, "chunk_grid": "odd"}))
    assert open_parts(tmp_path / "0", lambda: array).shape == array.shape


@pytest.mark.parametrize("size", [(70, 90), (1100, 700)], ids=["chunk", "shard"])
def test_a_damaged_file(tmp_path, size):
    path = tmp_path / "image.ome.zarr"
    write(path, size, np.uint16)
    (file,) = (path / "0" / "c" / "0" / "0" / "0").rglob("0/0")
    for broken in (file.read_bytes()[:200], b"", b"\x00" * 300):
        file.write_bytes(broken)
        parts = open_parts(path / "0", lambda: pytest.fail("it is ours"))
        with pytest.raises(FormatError, match="is damaged"):
            parts.part(0, 0, 0, slice(0, 70), slice(0, 90))


def test_a_damaged_file_that_zarr_reads(tmp_path):
    path = tmp_path / "image.ome.zarr"
    write(path, (70, 90), np.uint16, version="0.4")
    (path / "0" / "0" / "0" / "0" / "0" / "0").write_bytes(b"damaged")
    parts = open_parts(path / "0", lambda: read_levels(path)[0])
    with pytest.raises(FormatError, match="is damaged"):
        parts.part(0, 0, 0, slice(0, 70), slice(0, 90))
