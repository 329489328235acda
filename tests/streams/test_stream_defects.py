"""What went wrong in other writers of acquisitions, and is asserted nowhere else here."""

from __future__ import annotations

import threading

import numpy as np
import ome_types
import pytest
import tifffile
import zarr

from napari_tmaps.streams import (
    AcquisitionSettings,
    Dimension,
    Plate,
    Position,
    create_stream,
    dims_from_standard_axes,
    tiff_stream,
)
from napari_tmaps.streams.ngff_groups import read_attributes

ZARR_AND_TIFF = pytest.mark.parametrize("name", ["a.ome.zarr", "a.ome.tiff"])


def make(path, dims, dtype="uint16", **more):
    if isinstance(dims, dict):
        dims = dims_from_standard_axes(dims)
    return AcquisitionSettings(root_path=str(path), dimensions=dims, dtype=dtype, **more)


def frames(count, dtype="uint16"):
    return [np.full((4, 5), number + 1, dtype) for number in range(count)]


def record(settings, count):
    with create_stream(settings) as stream:
        for frame in frames(count, settings.dtype):
            stream.append(frame)
    return stream


def model_of(path):
    with tifffile.TiffFile(path) as file:
        return ome_types.from_xml(file.ome_metadata, validate=True)


def test_close_waits_for_frames_that_are_still_encoded(tmp_path, monkeypatch):
    gate = threading.Event()
    encode = tiff_stream.encode_plane
    monkeypatch.setattr(tiff_stream, "encode_plane", lambda *a: (gate.wait(20), encode(*a))[1])
    stream = create_stream(make(tmp_path / "a.ome.tiff", {"t": None, "y": 4, "x": 5}))
    for frame in frames(30):
        stream.append(frame)
    closing = threading.Thread(target=stream.close)
    closing.start()
    closing.join(0.3)
    assert closing.is_alive()
    gate.set()
    closing.join()
    assert model_of(tmp_path / "a.ome.tiff").images[0].pixels.size_t == 30
    pixels = tifffile.imread(tmp_path / "a.ome.tiff")
    assert pixels[:, 0, 0].tolist() == list(range(1, 31))


@ZARR_AND_TIFF
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_fractions_in_channels_with_names(tmp_path, name, dtype):
    path = tmp_path / name
    record(make(path, {"c": ["DAPI", "GFP"], "y": 4, "x": 5}, dtype), 2)
    if name.endswith("tiff"):
        pixels = model_of(path).images[0].pixels
        assert pixels.type.value == {"float32": "float", "float64": "double"}[dtype]
        assert [channel.name for channel in pixels.channels] == ["DAPI", "GFP"]
        stored = tifffile.imread(path)
    else:
        channels = read_attributes(path)["omero"]["channels"]
        assert [channel["label"] for channel in channels] == ["DAPI", "GFP"]
        stored = zarr.open_array(path / "0", mode="r")[:]
    assert stored.dtype == dtype
    assert stored[:, 0, 0].tolist() == [1, 2]


@ZARR_AND_TIFF
def test_another_order_stopped_early(tmp_path, name):
    """Two of t, each with two of z, are there; z is the outer one in the file."""
    path, order = tmp_path / name, ("z", "t", "y", "x")
    stream = record(make(path, {"t": 3, "z": 2, "y": 4, "x": 5}, storage_order=order), 4)
    assert np.asarray(stream.view())[:2, :, 0, 0].tolist() == [[1, 2], [3, 4]]
    if name.endswith("tiff"):
        pixels = model_of(path).images[0].pixels
        assert (pixels.size_t, pixels.size_z) == (2, 2)
        stored = tifffile.imread(path)
    else:
        stored = zarr.open_array(path / "0", mode="r")[:]
    assert stored[:, :, 0, 0].tolist() == [[1, 3], [2, 4]]


def test_one_name_in_two_cells_of_a_grid(tmp_path):
    places = [
        Position(name="f", plate_row="A", plate_column="1", grid_row=0, grid_column=n)
        for n in range(2)
    ]
    path = tmp_path / "a.ome.zarr"
    record(make(path, {"p": places, "y": 4, "x": 5}, plate=Plate.from_standard_wells(6)), 2)
    fields = [image["path"] for image in read_attributes(path / "A" / "1")["well"]["images"]]
    found = [zarr.open_array(path / "A" / "1" / field / "0", mode="r")[0, 0] for field in fields]
    assert found == [1, 2]


@ZARR_AND_TIFF
def test_facts_within_facts_and_stage_positions(tmp_path, name):
    path = tmp_path / name
    facts = {"position_x": 1.5, "camera": {"gain": [1, 2]}, "note": "µ"}
    with create_stream(make(path, {"t": 1, "y": 4, "x": 5})) as stream:
        stream.append(frames(1)[0], metadata=facts)
    if name.endswith("zarr"):
        (stored,) = read_attributes(path)["tmaps"]["frame_metadata"]
        assert stored == {**facts, "storage_index": [0]}
        return
    model = model_of(path)
    (plane,) = model.images[0].pixels.planes
    assert (plane.position_x, plane.position_x_unit.value) == (1.5, "µm")
    (own,) = plane.annotation_refs
    notes = {note.id: note.value.ms for note in model.structured_annotations.map_annotations}
    assert {m.k: m.value for m in notes[own.id]} == {"camera": '{"gain": [1, 2]}', "note": "µ"}


def test_events_of_dimensions_with_values_and_words(tmp_path):
    dims = [
        Dimension(name="angle", coords=[0.5, 1.5], type="other"),
        Dimension(name="state", coords=["on", "off"], type="other"),
        *dims_from_standard_axes({"y": 4, "x": 5}),
    ]
    updates = []
    with create_stream(make(tmp_path / "a.ome.zarr", dims)) as stream:
        stream.on("coords_expanded", updates.append)
        for frame in frames(3):
            stream.append(frame)
    assert [len(update.max_coords["angle"]) for update in updates] == [1, 1, 2]
    assert list(updates[-1].max_coords["state"]) == ["on", "off"]
