"""Files written past the system's memory have every byte, whatever the file system takes."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np
import pytest
import zarr

from napari_tmaps.streams import (
    AcquisitionSettings,
    create_stream,
    dims_from_standard_axes,
    diskfile,
)
from napari_tmaps.streams.diskfile import LEAST_DIRECT, PAGE, DiskFile, page_memory, write_file


def _pixels(size: int, seed: int = 0) -> np.ndarray:
    memory = page_memory((size,))
    memory[:] = np.random.default_rng(seed).integers(0, 256, size)
    return memory


@pytest.mark.parametrize(
    ("offset", "size"),
    [
        pytest.param(0, LEAST_DIRECT, id="whole pages"),
        pytest.param(PAGE, LEAST_DIRECT + 1, id="one byte more"),
        pytest.param(2 * PAGE, LEAST_DIRECT + PAGE - 1, id="one byte less than pages"),
        pytest.param(7, LEAST_DIRECT, id="between pages of the file"),
        pytest.param(0, 10, id="small"),
    ],
)
def test_every_byte_is_in_the_file(tmp_path: Path, offset: int, size: int) -> None:
    data = _pixels(size)
    shifted = _pixels(size + 3, 1)[3:]
    for number, parts in enumerate(([data], [shifted], [data, shifted], [data[:PAGE], data])):
        path = tmp_path / "not" / "there" / str(number)
        file = DiskFile(path, new=True)
        file.write(offset, [part.data for part in parts])
        file.close()
        expected = b"\0" * offset + b"".join(part.tobytes() for part in parts)
        assert path.read_bytes() == expected


def test_large_parts_go_straight_to_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not diskfile._DIRECT:
        pytest.skip("this system has no O_DIRECT")
    straight = []
    write = diskfile.pwritev

    def watched(fd, views, offset):
        import fcntl

        if fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_DIRECT:
            straight.append(sum(view.nbytes for view in views))
        return write(fd, views, offset)

    monkeypatch.setattr(diskfile, "pwritev", watched)
    dims = dims_from_standard_axes(
        {"t": 3, "y": 512, "x": 512}, {"y": 256, "x": 256}, {"y": 2, "x": 2}
    )
    for name in ("a.ome.zarr", "a.ome.tiff"):
        straight.clear()
        settings = AcquisitionSettings(root_path=str(tmp_path / name), dimensions=dims, dtype="u2")
        with create_stream(settings) as stream:
            for number in range(3):
                stream.append(np.full((512, 512), number, np.uint16))
        assert len(straight) == 3
        assert sum(straight) >= 3 * 512 * 512 * 2


@pytest.mark.parametrize("refused", ["open", "write"])
def test_a_file_system_that_refuses_gets_them_as_usual(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused: str
) -> None:
    if not diskfile._DIRECT:
        pytest.skip("this system has no O_DIRECT")
    real_open, real_write = os.open, diskfile.pwritev
    direct = set()

    def opened(path, flags, *more):
        if flags & os.O_DIRECT and refused == "open":
            raise OSError(errno.EINVAL, "Invalid argument", path)
        fd = real_open(path, flags, *more)
        (direct.add if flags & os.O_DIRECT else direct.discard)(fd)
        return fd

    def written(fd, views, offset):
        if fd in direct:
            raise OSError(errno.EINVAL, "Invalid argument")
        return real_write(fd, views, offset)

    monkeypatch.setattr(diskfile.os, "open", opened)
    monkeypatch.setattr(diskfile, "pwritev", written)
    data = _pixels(LEAST_DIRECT + 5)
    write_file(tmp_path / "a", [data.data], replace=True)
    monkeypatch.undo()
    assert (tmp_path / "a").read_bytes() == data.tobytes()
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_full_disk_is_an_error_and_no_file(tmp_path: Path, full_disk) -> None:
    with full_disk(LEAST_DIRECT), pytest.raises(OSError, match="File too large"):
        write_file(tmp_path / "a", [_pixels(2 * LEAST_DIRECT + 1).data], replace=True)
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize("shards", [{"y": 2, "x": 2}, {"t": 3, "y": 2, "x": 1}, None])
@pytest.mark.parametrize("compression", ["none", "blosc-lz4", "zstd"])
@pytest.mark.parametrize("size", [(512, 512), (500, 514)])
def test_pyramids_of_large_frames(tmp_path: Path, shards, compression, size) -> None:
    """In tiles or not, straight to the disk or not: the same means at all levels."""
    frames = np.random.default_rng(1).integers(0, 60000, (7, *size)).astype(np.uint16)
    dims = dims_from_standard_axes(
        {"t": 7, "y": size[0], "x": size[1]}, {"y": 256, "x": 256}, shards
    )
    settings = AcquisitionSettings(
        root_path=str(tmp_path / "a.ome.zarr"), dimensions=dims, dtype="u2",
        levels=4, compression=compression,
    )  # fmt: skip
    with create_stream(settings) as stream:
        for frame in frames:
            stream.append(frame)
    expected = frames.astype(np.float64)
    for level in range(4):
        array = zarr.open_array(tmp_path / "a.ome.zarr" / str(level), mode="r")
        np.testing.assert_array_equal(array[:], expected)
        odd = [(0, n % 2) for n in expected.shape[1:]]
        padded = np.pad(expected, [(0, 0), *odd], mode="edge")
        sums = sum(padded[:, y::2, x::2] for y in (0, 1) for x in (0, 1))
        expected = np.floor(sums / 4 + 0.5)
    files = [p for p in (tmp_path / "a.ome.zarr").rglob("*") if "c" in p.parts and p.is_file()]
    if shards is not None and "t" not in shards:
        # As many planes of a coarser level as fit into about the same number of bytes.
        coarse = [p for p in files if "3" in p.relative_to(tmp_path).parts[1]]
        assert len(coarse) == 1
