"""What goes wrong during acquisitions, and what is left then."""

from __future__ import annotations

import gc
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import ome_types
import psutil
import pytest
import tifffile
import zarr
from tests.streams import acquire

from napari_tmaps.errors import ExistsError, FormatError, InputError, StorageError
from napari_tmaps.streams import (
    AcquisitionSettings,
    Position,
    create_stream,
    dims_from_standard_axes,
)

FORMATS = ["ome-zarr", "ome-tiff"]
ENDING = {"ome-zarr": ".ome.zarr", "ome-tiff": ".ome.tiff", "scratch": ""}


def make(path, form, sizes, dtype="uint16", chunks=None, shards=None, **more):
    dims = dims_from_standard_axes(sizes, chunks, shards)
    root = str(path / f"a{ENDING[form]}")
    return AcquisitionSettings(root_path=root, dimensions=dims, dtype=dtype, format=form, **more)


def read(settings):
    """All pixels by another program: zarr-python or tifffile, axes as stored."""
    if settings.format.name == "ome-zarr":
        return zarr.open_array(f"{settings.output_path}/0", mode="r")[:]
    return tifffile.imread(settings.output_path)


def start(path, form, mode=""):
    return subprocess.Popen(
        [sys.executable, "-m", "tests.streams.acquire", str(path), form, mode],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip


def check_killed(path, form, lines, killed, bound_s):
    """All frames that were acknowledged long enough before are there, with their metadata."""
    whole = [line for line in lines if line.endswith("\n")]  # the kill may tear the last line
    acknowledged = [line.split() for line in whole if line.count(" ") == 1]
    old = [int(n) for n, at in acknowledged if killed - float(at) > bound_s]
    if form == "ome-tiff":
        with tifffile.TiffFile(path) as file:
            model = ome_types.from_xml(file.ome_metadata, validate=True)
            data = file.asarray().reshape(-1, 64, 80)
        known = {(p.the_t, p.the_c): p.delta_t for p in model.images[0].pixels.planes}
        sizes = (model.images[0].pixels.size_t, model.images[0].pixels.size_c)
    else:
        group = zarr.open_group(path, mode="r")
        array = group["0"][:]
        sizes = array.shape[:2]
        data = array.reshape(-1, 64, 80)
        facts = group.attrs["tmaps"]["frame_metadata"]
        known = {tuple(f["storage_index"]): f["delta_t"] for f in facts}
    count = len(old)
    assert len(data) >= count
    assert sizes[0] == -(-len(data) // sizes[1])
    for number in old:
        assert (data[number] == number % 60000).all(), number
        assert known[divmod(number, 2)] == pytest.approx(number / 10)
    return count


def kill(folder, form, waits_s):
    """Acquisitions, each killed after a while: path, lines that it printed, time of its death."""
    paths = [folder / f"{number}{ENDING[form]}" for number in range(len(waits_s))]
    with start(folder, form, "many") as process:
        acquiring = []
        for path in paths:
            process.stdin.write(f"{path}\n")
            process.stdin.flush()
            acquiring.append(int(process.stdout.readline()))
        frames = [folder / f"{path.name}.frames" for path in paths]
        while not all(file.exists() and file.stat().st_size for file in frames):
            time.sleep(0.01)
        begin, killed = time.time(), []
        for number, wait_s in zip(acquiring, waits_s, strict=True):
            time.sleep(max(0, begin + wait_s - time.time()))
            os.kill(number, signal.SIGKILL)
            killed.append(time.time())
        while any(psutil.pid_exists(number) for number in acquiring):
            time.sleep(0.01)
        process.stdin.close()
    lines = [file.read_text().splitlines(keepends=True) for file in frames]
    return zip(paths, lines, killed, strict=True)


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("part", range(6))
@pytest.mark.skipif(os.name == "nt", reason="needs SIGKILL")
def test_killed_at_random_moments(tmp_path, form, part):
    rng = random.Random(part)
    moments = sorted(1.4 + rng.random() * 0.5 for _ in range(5))
    for path, lines, killed in kill(tmp_path, form, moments):
        safe = check_killed(path, form, lines, killed, 1.0)
        assert safe > 0

        # It goes on where it was interrupted.
        settings = acquire.settings(path, durability_s=0.3, checksums=True, format=form)
        with create_stream(settings, resume=True) as stream:
            begin = stream.frames_written
            assert begin >= safe
            for number in range(begin, begin + 9):
                stream.append(acquire.pixels(number), metadata={"n": number, "delta_t": 0.5})
        data = read(settings).reshape(-1, 64, 80)
        for number in range(begin + 9):
            assert (data[number] == number).all()
    leftovers = [p for p in tmp_path.rglob("*") if ".part" in p.name or "writing" in p.name]
    assert leftovers == []


@pytest.mark.parametrize("form", FORMATS)
def test_the_interpreter_ends_without_close(tmp_path, form):
    path = tmp_path / f"a{ENDING[form]}"
    with start(path, form, "exit") as process:
        out = process.communicate(timeout=60)[0]
    assert process.returncode == 0
    assert len(out.splitlines()) == 21
    data = read(acquire.settings(path, format=form)).reshape(-1, 64, 80)
    assert [frame[0, 0] for frame in data[:21]] == list(range(21))


@pytest.mark.parametrize("form", [*FORMATS, "scratch"])
def test_the_buffer_is_the_callers_again(tmp_path, form):
    settings = make(tmp_path, form, {"t": 40, "y": 200, "x": 300})
    buffer = np.empty((200, 300), np.uint16)
    with create_stream(settings) as stream:
        for number in range(40):
            buffer[:] = number
            stream.append(buffer)
            buffer[:] = 999
        seen = np.asarray(stream.view())
    assert seen[:, 7, 9].tolist() == list(range(40))
    assert all(frame.min() == frame.max() for frame in seen)


@pytest.mark.parametrize("form", [*FORMATS, "scratch"])
def test_wrong_frames_take_no_place(tmp_path, form):
    settings = make(tmp_path, form, {"t": 3, "y": 4, "x": 5})
    with create_stream(settings) as stream:
        stream.append(np.zeros((4, 5), np.uint16))
        with pytest.raises(InputError, match=r"Frame 1 has the shape \(5, 4\)"):
            stream.append(np.zeros((5, 4), np.uint16))
        with pytest.raises(InputError, match="type int64"):
            stream.append(np.full((4, 5), 70000))
        with pytest.raises(InputError, match=r"metadata\.lens"):
            stream.append(np.zeros((4, 5), np.uint16), metadata={"lens": object()})
        with pytest.raises(InputError, match="must be a number"):
            stream.append(np.zeros((4, 5), np.uint16), metadata={"delta_t": "soon"})
        with pytest.raises(InputError, match="not both"):
            stream.append(np.zeros((4, 5), np.uint16), metadata={}, frame_metadata={})
        for value in (1, 2):
            stream.append(np.full((4, 5), value, np.uint16))
        assert np.asarray(stream.view())[:, 0, 0].tolist() == [0, 1, 2]
        with pytest.raises(IndexError, match="exceed total of 3 frames"):
            stream.append(np.zeros((4, 5), np.uint16))
    with pytest.raises(InputError, match="closed"):
        stream.append(np.zeros((4, 5), np.uint16))


@pytest.mark.parametrize("form", FORMATS)
def test_skipping_beyond_the_end_skips_nothing(tmp_path, form):
    settings = make(tmp_path, form, {"t": 3, "y": 4, "x": 5})
    with create_stream(settings) as stream:
        stream.append(np.full((4, 5), 7, np.uint16))
        with pytest.raises(IndexError, match="Cannot skip 3 frames"):
            stream.skip(frames=3)
        with pytest.raises(InputError, match="positive"):
            stream.skip(frames=0)
        stream.skip()
        stream.append(np.full((4, 5), 9, np.uint16))
    assert read(settings)[:, 0, 0].tolist() == [7, 0, 9]


@pytest.mark.parametrize("form", FORMATS)
def test_stopped_within_an_inner_loop(tmp_path, form):
    settings = make(tmp_path, form, {"t": 5, "c": 3, "y": 4, "x": 5})
    with create_stream(settings) as stream:
        for number in range(7):
            stream.append(np.full((4, 5), number + 1, np.uint16))
    assert read(settings)[:, :, 0, 0].tolist() == [[1, 2, 3], [4, 5, 6], [7, 0, 0]]


@pytest.mark.parametrize("form", FORMATS)
def test_unbounded_with_several_positions(tmp_path, form):
    settings = make(tmp_path, form, {"t": None, "p": ["a", "b"], "y": 4, "x": 5})
    with create_stream(settings) as stream:
        for number in range(7):
            stream.append(np.full((4, 5), number, np.uint16))
    if form == "ome-zarr":
        found = [zarr.open_array(f"{settings.output_path}/{p}/0", mode="r")[:] for p in "01"]
    else:
        with tifffile.TiffFile(tmp_path / "a" / "a_p001.ome.tiff") as file:
            model = ome_types.from_xml(file.ome_metadata, validate=True)
            found = [series.asarray() for series in file.series]
        assert [image.pixels.size_t for image in model.images] == [4, 3]
    assert [part[:, 0, 0].tolist() for part in found] == [[0, 2, 4, 6], [1, 3, 5]]


@pytest.mark.parametrize("form", FORMATS)
def test_two_streams_to_one_path(tmp_path, form):
    settings = make(tmp_path, form, {"t": None, "y": 4, "x": 5}, overwrite=True)
    with create_stream(settings) as stream:
        stream.append(np.full((4, 5), 3, np.uint16))
        with pytest.raises(ExistsError, match=f"process {os.getpid()}"):
            create_stream(settings)
    assert read(settings).ravel()[0] == 3
    create_stream(settings).close()


@pytest.mark.parametrize("form", FORMATS)
def test_the_folder_is_removed(tmp_path, form):
    folder = tmp_path / "gone"
    folder.mkdir()
    if form == "ome-tiff":
        dims = {"t": None, "p": ["a", "b"], "y": 4, "x": 5}
    else:
        dims = {"t": None, "y": 4, "x": 5}
    settings = make(folder, form, dims, durability_s=60)
    stream = create_stream(settings)
    shutil.rmtree(folder)
    folder.write_text("a file where the folder was")
    with pytest.raises(StorageError):  # noqa: PT012
        for _ in range(2000):
            stream.append(np.zeros((4, 5), np.uint16))
            time.sleep(0.001)
    with pytest.raises(StorageError):
        stream.close()
    assert stream.closed


@pytest.mark.parametrize("form", FORMATS)
def test_a_full_disk_shows_at_the_next_frame(tmp_path, form, full_disk):
    settings = make(
        tmp_path, form, {"t": 60, "y": 400, "x": 400}, shards={"t": 60}, durability_s=60
    ) if form == "ome-zarr" else make(tmp_path, form, {"t": 60, "y": 400, "x": 400})  # fmt: skip
    stream = create_stream(settings)
    with full_disk(3_000_000):
        with pytest.raises(StorageError, match=r"disk is full|could not be written"):  # noqa: PT012
            for number in range(60):
                stream.append(np.full((400, 400), number, np.uint16))
                time.sleep(0.005)
        with pytest.raises(StorageError):
            stream.close()


def test_forgotten_streams_are_closed(tmp_path):
    settings = make(tmp_path, "ome-zarr", {"t": 3, "y": 4, "x": 5})
    stream = create_stream(settings)
    stream.append(np.full((4, 5), 6, np.uint16))
    with pytest.warns(UserWarning, match="was not closed"):  # noqa: PT031
        del stream
        gc.collect()
    assert read(settings)[0, 0, 0] == 6


def test_an_error_of_the_caller_is_the_one_that_shows(tmp_path, full_disk):
    settings = make(tmp_path, "ome-tiff", {"t": 9, "y": 400, "x": 400})
    with full_disk(100_000), pytest.raises(ZeroDivisionError) as caught:  # noqa: PT012, SIM117
        with create_stream(settings) as stream:
            stream.append(np.zeros((400, 400), np.uint16))
            _ = 1 / 0
    assert (
        "could not be written" in caught.value.__notes__[0] or "full" in caught.value.__notes__[0]
    )


@pytest.mark.parametrize(
    ("side", "count", "most"),
    [
        pytest.param(1024, 200, 34, id="large frames: by their memory"),
        pytest.param(16, 5000, 3100, id="small frames: by their number"),
    ],
)
def test_a_slow_disk_holds_frames_up(tmp_path, monkeypatch, side, count, most):
    from napari_tmaps.streams import diskfile

    frame = np.zeros((side, side), np.uint16)
    gate = threading.Event()
    slow = diskfile.write_at
    monkeypatch.setattr(diskfile, "write_at", lambda *a: (gate.wait(20), slow(*a)))
    sizes = {"t": count, "y": side, "x": side}
    settings = make(tmp_path, "ome-zarr", sizes, shards={"t": 64}, durability_s=60)
    stream = create_stream(settings)

    def feed():
        for _ in range(count):
            stream.append(frame)

    thread = threading.Thread(target=feed)
    thread.start()
    time.sleep(0.5)
    assert stream.frames_written <= most
    gate.set()
    thread.join()
    stream.close()
    assert read(settings).shape == (count, side, side)


@pytest.mark.parametrize("form", FORMATS)
def test_overwrite_never_removes_what_is_not_ours(tmp_path, form):
    settings = make(tmp_path, form, {"t": 2, "y": 4, "x": 5})
    with create_stream(settings) as stream:
        stream.append(np.ones((4, 5), np.uint16))
    with pytest.raises(ExistsError, match="exists already"):
        create_stream(settings)
    again = settings.model_copy(update={"overwrite": True})
    create_stream(again).close()
    path = tmp_path / f"a{ENDING[form]}"
    if form == "ome-zarr":
        (path / "notes.txt").write_text("mine")
    else:
        tifffile.imwrite(path, np.zeros((4, 5)))
    before = path.stat().st_mtime_ns
    with pytest.raises(ExistsError, match="Refusing"):
        create_stream(again)
    assert path.stat().st_mtime_ns == before


def test_fewer_positions_leave_no_stale_files(tmp_path):
    for names, overwrite in ((["a", "b", "c"], False), (["a", "b"], True)):
        settings = make(
            tmp_path, "ome-tiff", {"p": names, "y": 4, "x": 5}, overwrite=overwrite,
            format={"name": "ome-tiff", "multi_file_metadata": "companion-file"},
        ) if False else make(tmp_path, "ome-tiff", {"p": names, "y": 4, "x": 5},
                             overwrite=overwrite)  # fmt: skip
        with create_stream(settings) as stream:
            for _ in names:
                stream.append(np.zeros((4, 5), np.uint16))
        (tmp_path / "a" / "notes.txt").write_text("mine")
    assert sorted(p.name for p in (tmp_path / "a").iterdir()) == [
        "a_p000.ome.tiff", "a_p001.ome.tiff", "notes.txt",
    ]  # fmt: skip


@pytest.mark.parametrize("form", FORMATS)
def test_resuming_what_cannot_be(tmp_path, form):
    settings = make(tmp_path, form, {"t": 4, "y": 4, "x": 5})
    with create_stream(settings) as stream:
        stream.append(np.ones((4, 5), np.uint16))
    other = make(tmp_path, form, {"t": 5, "y": 4, "x": 5})
    with pytest.raises(FormatError, match="dimensions"):
        create_stream(other, resume=True)
    shutil.rmtree(tmp_path / f"a{ENDING[form]}", ignore_errors=True)


def test_resume_of_scratch_and_of_foreign(tmp_path):
    with pytest.raises(InputError, match="scratch"):
        create_stream(make(tmp_path, "scratch", {"t": 4, "y": 4, "x": 5}), resume=True)
    tifffile.imwrite(tmp_path / "a.ome.tiff", np.zeros((4, 5), np.uint16))
    with pytest.raises(FormatError, match="no stream"):
        create_stream(make(tmp_path, "ome-tiff", {"t": 4, "y": 4, "x": 5}), resume=True)


@pytest.mark.parametrize("form", FORMATS)
def test_resume_within_chunks_shards_and_skips(tmp_path, form):
    chunks = {"t": 2, "z": 2} if form == "ome-zarr" else None
    shards = {"t": 2} if form == "ome-zarr" else None
    settings = make(tmp_path, form, {"t": 6, "z": 4, "y": 4, "x": 5}, chunks=chunks, shards=shards)
    with create_stream(settings) as stream:
        for number in range(9):
            stream.append(np.full((4, 5), number, np.uint16), metadata={"n": number})
        stream.skip(frames=2)
    with create_stream(settings, resume=True) as stream:
        assert stream.frames_written == 11
        for number in range(11, 24):
            stream.append(np.full((4, 5), number, np.uint16), metadata={"n": number})
    expected = np.arange(24)
    expected[9:11] = 0
    assert read(settings)[..., 0, 0].ravel().tolist() == expected.tolist()


def test_one_name_twice_in_a_well():
    places = [Position(name="f", plate_row="A", plate_column="1") for _ in range(2)]
    with pytest.raises(ValueError, match="of well A1 comes 2 times"):
        dims_from_standard_axes({"p": places, "y": 4, "x": 5})
