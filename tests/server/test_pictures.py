"""Files of pixels that the server makes itself, read by other programs."""

from __future__ import annotations

import io
import zlib
from fractions import Fraction
from typing import Any

import imagecodecs
import imageio.v3 as iio
import numpy as np
import pytest
import tifffile
from tests.server.running import running

from napari_tmaps.server import png as png_of
from napari_tmaps.server.deflate import code_lengths
from napari_tmaps.server.png import png, repeats
from napari_tmaps.server.settings import ServerSettings
from napari_tmaps.server.tiff import tiff


def noise(height: int, width: int, dtype: str = "u2", most: int = 250) -> np.ndarray:
    return np.random.default_rng(height).integers(0, most, (height, width)).astype(dtype)


PICTURES = [
    pytest.param(noise(3, 1), id="one-column"),
    pytest.param(noise(300, 1, most=65536), id="one-long-column"),
    pytest.param(noise(1, 1), id="one-pixel"),
    pytest.param(noise(6, 6)[::2, ::3][:1, :1], id="one-pixel-of-a-view"),
    pytest.param(noise(65, 64), id="a-row-more-than-a-part"),
    pytest.param(noise(130, 71), id="odd"),
    pytest.param(noise(1100, 5), id="for-several-processors"),
    pytest.param(noise(64, 64, "u1"), id="8-bit"),
    pytest.param(noise(63, 33, "u1"), id="8-bit-odd"),
    pytest.param(noise(200, 200, most=65536), id="all-values"),
    pytest.param(noise(200, 200)[::2, ::-2], id="not-in-order"),
    pytest.param(noise(40, 30).T, id="column-by-column"),
    pytest.param(noise(40, 30, ">u2"), id="big-endian"),
    pytest.param(np.repeat(noise(20, 10), 9, 1), id="runs"),
    pytest.param(np.zeros((70, 70), np.uint16), id="black"),
]


@pytest.mark.parametrize("pixels", PICTURES)
def test_png_is_read_by_libpng_and_pillow(pixels: np.ndarray):
    content = b"".join(png(pixels))
    np.testing.assert_array_equal(imagecodecs.png_decode(content), pixels)
    read = iio.imread(io.BytesIO(content), extension=".png")
    np.testing.assert_array_equal(read, pixels)
    assert read.dtype == pixels.dtype.newbyteorder("=")


@pytest.mark.parametrize("dtype", ["u1", "u2", ">u2", "i4", "f4"])
@pytest.mark.parametrize("stretch", [1, 5], ids=["noise", "runs"])
def test_tiff_is_read_by_tifffile_and_pillow(dtype: str, stretch: int):
    pixels = np.repeat(noise(30, 41, dtype), stretch, 1)
    content = b"".join(tiff(pixels))
    assert repeats(pixels) == (stretch > 1)
    read = tifffile.imread(io.BytesIO(content))
    np.testing.assert_array_equal(read, pixels)
    assert read.dtype == pixels.dtype.newbyteorder("=")
    np.testing.assert_array_equal(iio.imread(content, plugin="pillow"), pixels)


def test_noise_is_as_small_as_by_libpng():
    y, x = np.mgrid[:500, :500]
    clean = 200 + 3000 * (np.sin(y / 17) * np.sin(x / 19)).clip(0)
    pixels = np.random.default_rng(0).poisson(clean).astype(np.uint16)
    usual = imagecodecs.png_encode(pixels, level=6)
    assert len(b"".join(png(pixels))) < 1.03 * len(usual)


@pytest.mark.parametrize("dtype", ["u1", "u2"])
@pytest.mark.parametrize("processors", [1, 3])
def test_a_stream_is_what_went_in(
    monkeypatch: pytest.MonkeyPatch, processors: int, dtype: str
) -> None:
    """Blocks of several processors that end with any bit of a byte, unlike what was looked at."""
    monkeypatch.setattr(png_of, "_LEAST", 1)
    monkeypatch.setattr(png_of.os, "cpu_count", lambda: processors)
    for width in range(1, 40):
        pixels = noise(7, width, dtype, most=256 ** np.dtype(dtype).itemsize)
        monkeypatch.setattr(png_of, "_sample", lambda _, unlike=pixels[:1, :1]: unlike)
        chunks = dict.fromkeys((b"IHDR", b"IDAT", b"IEND"), b"")
        content = b"".join(png(pixels))[8:]
        while content:
            size, kind = int.from_bytes(content[:4], "big"), content[4:8]
            assert zlib.crc32(content[4 : 8 + size]) == int.from_bytes(
                content[8 + size :][:4], "big"
            )
            chunks[kind] += content[8 : 8 + size]
            content = content[12 + size :]
        big = pixels.astype(pixels.dtype.newbyteorder(">")).view(np.uint8).reshape(7, width, -1)
        rows = np.diff(big, axis=1, prepend=np.uint8(0)).reshape(7, -1)
        wanted = np.concatenate([np.ones((7, 1), np.uint8), rows], axis=1).tobytes()
        assert zlib.decompress(chunks[b"IDAT"]) == wanted  # zlib compares Adler's check


def test_who_asks_first_does_not_wait_for_kernels(
    empty_settings: ServerSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed, pack = [], png_of._pack_rows

    def seen(pixels: np.ndarray, *more: Any) -> int:
        packed.append(pixels.dtype)
        return pack(pixels, *more)

    monkeypatch.setattr(png_of, "_pack_rows", seen)
    with running(empty_settings):
        pass  # it does not end before they are loaded
    assert packed == [np.uint16]


def test_codes_are_whole_and_not_too_long():
    fibonacci = [1, 1]
    while len(fibonacci) < 60:  # for these, Huffman's codes would have up to 59 bits
        fibonacci.append(fibonacci[-1] + fibonacci[-2])
    lengths = code_lengths([*fibonacci, *[0] * 197])
    assert max(lengths) <= 15
    assert sum(Fraction(1, 2**length) for length in lengths) == 1
    assert lengths[59] == min(lengths)
