"""Saving with options: what is on the disk is what was asked for, and proved by reading it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import zarr

from napari_tmaps.errors import ExistsError, FormatError, InputError
from napari_tmaps.model.progress import finish
from napari_tmaps.streams.layerdata import LayerData
from napari_tmaps.streams.layers import saving_layers
from napari_tmaps.streams.saved import estimated_bytes, proving_layers
from napari_tmaps.streams.saveoptions import SaveOptions

RNG = np.random.default_rng(3)
IMAGE = LayerData(RNG.integers(0, 4000, (2, 3, 300, 200), np.uint16), "DAPI", "image", "TZYX")
LABELS = LayerData(np.arange(2 * 3 * 300 * 200, dtype=np.int32).reshape(2, 3, 300, 200) // 999,
                   "Cells", "labels", "TZYX")  # fmt: skip

OPTIONS = [
    pytest.param(SaveOptions(), id="tiff"),
    pytest.param(SaveOptions(compression="zstd", chunk=64, levels=3), id="tiff-zstd-pyramid"),
    pytest.param(SaveOptions(compression="none"), id="tiff-plain"),
    pytest.param(SaveOptions(format="ome-zarr"), id="zarr"),
    pytest.param(SaveOptions(format="ome-zarr", version="0.4", chunk=64), id="zarr-0.4"),
    pytest.param(SaveOptions(format="ome-zarr", chunk=64, shards=False), id="zarr-chunks"),
    pytest.param(SaveOptions(format="ome-zarr", chunk=64, compression="none"), id="zarr-plain"),
    pytest.param(
        SaveOptions(format="ome-zarr", version="0.4", compression="none", levels=4), id="0.4-plain"
    ),
]


@pytest.mark.parametrize("options", OPTIONS)
def test_other_programs_read_the_same_pixels(options: SaveOptions, tmp_path: Path) -> None:
    image, *_ = finish(saving_layers([IMAGE, LABELS], tmp_path / "a", options))
    if options.format == "ome-tiff":
        read = tifffile.imread(image)
        read_labels = tifffile.imread(tmp_path / "a_Cells.ome.tiff")
    else:
        read = np.asarray(zarr.open_array(image / "0", mode="r"))[:, 0]
        read_labels = np.asarray(zarr.open_array(image / "labels" / "Cells" / "0"))[:, 0]
    np.testing.assert_array_equal(read, IMAGE.data)
    np.testing.assert_array_equal(read_labels, LABELS.data)
    assert finish(proving_layers([IMAGE, LABELS], tmp_path / "a", options)) == 12


def test_chunks_shards_and_levels_are_as_asked(tmp_path: Path) -> None:
    def saved(**options: Any) -> zarr.Array[Any]:
        name = "-".join(f"{key}{value}" for key, value in options.items())
        chosen = SaveOptions(format="ome-zarr", **options)
        return zarr.open_array(finish(saving_layers([IMAGE], tmp_path / name, chosen))[0] / "0")

    sharded = saved(chunk=64)
    assert (sharded.shards, sharded.chunks) == ((1, 1, 1, 300, 200), (1, 1, 1, 60, 50))
    assert saved(chunk=64, shards=False).shards is None
    assert saved(version="0.4").metadata.zarr_format == 2
    assert [c.to_dict()["name"] for c in saved(compression="zstd").compressors] == ["zstd"]
    assert saved(compression="none").compressors == ()
    folder = finish(
        saving_layers([IMAGE], tmp_path / "p", SaveOptions(format="ome-zarr", levels=5))
    )[0]
    assert [zarr.open_array(folder / str(n)).shape[3] for n in range(5)] == [300, 150, 75, 38, 19]
    file = finish(saving_layers([IMAGE], tmp_path / "q", SaveOptions(levels=2, chunk=64)))[0]
    with tifffile.TiffFile(file) as tiff:
        assert [level.shape[-2:] for level in tiff.series[0].levels] == [(300, 200), (150, 100)]
        assert tiff.pages[0].tile == (64, 64)


@pytest.mark.parametrize("kind", ["ome-tiff", "ome-zarr"])
def test_nothing_is_replaced_silently(kind: Any, tmp_path: Path) -> None:
    options = SaveOptions(format=kind)
    finish(saving_layers([IMAGE], tmp_path / "a", options))
    other = LayerData(np.zeros((9, 9), np.uint8), "DAPI", "image", "YX")
    with pytest.raises(ExistsError, match=r"is there already\. Choose another name"):
        finish(saving_layers([other], tmp_path / "a", options))
    assert finish(proving_layers([IMAGE], tmp_path / "a", options)) == 6
    replacing = options.model_copy(update={"replace": True})
    finish(saving_layers([other], tmp_path / "a", replacing))
    assert finish(proving_layers([other], tmp_path / "a", options)) == 1


@pytest.mark.parametrize("kind", ["ome-tiff", "ome-zarr"])
def test_cancelled_half_way_nothing_is_left(kind: Any, tmp_path: Path) -> None:
    work = saving_layers([IMAGE], tmp_path / "a", SaveOptions(format=kind))
    assert next(work).total == 6
    next(work)
    work.close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", ["ome-tiff", "ome-zarr"])
def test_a_changed_pixel_is_found(kind: Any, tmp_path: Path) -> None:
    options = SaveOptions(format=kind, compression="none")
    finish(saving_layers([IMAGE], tmp_path / "a", options))
    changed = IMAGE.data.copy()
    changed[1, 2, 7, 7] += 1
    layer = LayerData(changed, "DAPI", "image", "TZYX")
    with pytest.raises(FormatError, match="Channel 'DAPI' at t=1, z=2"):
        finish(proving_layers([layer], tmp_path / "a", options))


@pytest.mark.parametrize("options", OPTIONS)
def test_estimate_is_close_to_what_is_written(options: SaveOptions, tmp_path: Path) -> None:
    expected = estimated_bytes([IMAGE], options)
    (image, _) = finish(saving_layers([IMAGE], tmp_path / "a", options))
    files = image.rglob("*") if image.is_dir() else [image]
    written = sum(file.stat().st_size for file in files if file.is_file())
    assert expected == pytest.approx(written, rel=0.25)


class Lazy:
    """A plate as one picture: pixels are made when they are asked for, and counted."""

    def __init__(self, height: int, width: int) -> None:
        self.shape, self.dtype, self.ndim, self.read = (height, width), np.dtype(np.uint8), 2, 0

    def __getitem__(self, key: tuple[slice, slice]) -> np.ndarray[Any, Any]:
        y, x = (np.arange(size)[part] for part, size in zip(key, self.shape, strict=True))
        self.read += y.size * x.size
        return ((y[:, None] * 7919 + x * 104729) % 251).astype(np.uint8)


def test_the_estimate_of_a_whole_plate_reads_a_little_of_it() -> None:
    layer = Lazy(20_000, 24_000)
    options = SaveOptions(compression="none")
    expected = estimated_bytes([LayerData(layer, "plate", "image", "YX")], options)
    # One byte a pixel, and a third more for the smaller copies.
    assert expected == pytest.approx(20_000 * 24_000 * 4 / 3, rel=0.1)
    assert layer.read < 0.03 * 20_000 * 24_000


def test_a_plane_that_does_not_fit_into_memory_is_refused(tmp_path: Path) -> None:
    layer = LayerData(Lazy(2_000_000, 3_000_000), "plate", "image", "YX")
    words = "Layer 'plate' cannot be saved. A plane of it, 2,000,000 × 3,000,000 px, takes 6000.0"
    with pytest.raises(InputError, match=words):
        finish(saving_layers([layer], tmp_path / "a", SaveOptions()))
    assert list(tmp_path.iterdir()) == []


def test_compression_of_the_other_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="OME-TIFF has no compression 'blosc'; it has auto, zlib"):
        finish(saving_layers([IMAGE], tmp_path / "a", SaveOptions(compression="blosc")))


@pytest.mark.parametrize(
    "options", [each for each in OPTIONS if each.id in ("tiff", "zarr", "zarr-0.4")]
)
def test_what_is_damaged_after_it_was_saved_is_told(options: SaveOptions, tmp_path: Path) -> None:
    path, *_ = finish(saving_layers([IMAGE], tmp_path / "a", options))
    parts = [path] if path.is_file() else [each for each in path.glob("0/**/0") if each.is_file()]
    for file in parts:
        size = file.stat().st_size
        with file.open("r+b") as opened:
            opened.seek(size // 4)
            opened.write(bytes(size // 2))
    assert parts
    with pytest.raises(FormatError, match=f"{path.name}.*(damaged|cannot be read|not what was)"):
        finish(proving_layers([IMAGE], tmp_path / "a", options))
