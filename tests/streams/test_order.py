"""What is kept of each frame while a stream runs: where it is, in little memory."""

import gc
import tracemalloc

import numpy as np
import pytest

from napari_tmaps.streams import AcquisitionSettings, create_stream, dims_from_standard_axes
from napari_tmaps.streams.order import PlaneNumbers, Seen


def test_numbers_of_planes_grow_in_all_directions():
    numbers = PlaneNumbers((None, 2))
    for place, number in [((0, 1), 7), ((5, 0), 8), ((1, 3), 9)]:
        numbers[place] = number
    assert numbers.rows() == [[0, 1, 7], [1, 3, 9], [5, 0, 8]]
    assert (5, 0) in numbers
    assert (5, 1) not in numbers
    assert (99, 0) not in numbers
    assert numbers.get((1, 3)) == 9
    assert numbers.get((9, 9)) is None
    places, _ = numbers.listed()
    assert places.tolist() == [[0, 1], [1, 3], [5, 0]]


def test_a_single_plane_has_a_number_too():
    numbers = PlaneNumbers(())
    assert numbers.rows() == []
    assert () not in numbers
    assert len(numbers.missing(())) == 1
    numbers[()] = 0
    assert numbers.rows() == [[0]]
    assert () in numbers
    assert len(numbers.missing(())) == 0


def test_what_was_skipped_is_missing():
    seen = Seen((None, 2))
    seen.add((0, 0), 3)
    seen.reach((2, 1))
    assert seen.shape == (3, 2)
    assert seen.pages.get((0, 0)) == 3
    assert seen.missing().tolist() == [[0, 1], [1, 0], [1, 1], [2, 0], [2, 1]]


@pytest.mark.parametrize("suffix", [".ome.tiff", ".ome.zarr"])
def test_thousands_of_frames_take_no_more_memory(tmp_path, suffix):
    shards = {"t": 250} if suffix == ".ome.zarr" else None
    settings = AcquisitionSettings(
        root_path=str(tmp_path / f"long{suffix}"),
        dimensions=dims_from_standard_axes({"t": None, "y": 16, "x": 16}, None, shards),
        dtype="uint16",
        checksums=True,
        durability_s=600,  # nothing is written beside what the test asks for
    )
    frame = np.ones((16, 16), np.uint16)
    with create_stream(settings) as stream:

        def after(frames):
            while stream.frames_written < frames:
                stream.append(frame)
                if stream.frames_written % 100 == 0:
                    stream.flush()
            gc.collect()
            return tracemalloc.get_traced_memory()[0]

        after(300)  # what is made once is there
        tracemalloc.start()
        try:
            first = after(600)
            assert after(1200) - first < 600 * 100
        finally:
            tracemalloc.stop()
