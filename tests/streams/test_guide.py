"""The examples of the guide to ome-writers run here as they are written there.

Only the package's name differs. What each example says of its result is checked beside it.
"""

from __future__ import annotations

import numpy as np
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
)


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """The examples write where they run."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(settings, count=None):
    """Each frame shows its own number; what comes back is the settings' array of numbers."""
    count = count or settings.num_frames
    with create_stream(settings) as stream:
        for number in range(count):
            stream.append(np.full(settings.shape[-2:], number, settings.dtype))
    return settings.output_path


def numbers(array):
    """The number that each frame shows."""
    frames = np.asarray(array)
    assert (frames == frames[..., :1, :1]).all()
    return frames[..., 0, 0]


def test_basic_pattern():
    settings = AcquisitionSettings(
        root_path="example.ome.zarr",
        dimensions=[
            Dimension(name="t", count=2, chunk_size=1, type="time", unit="s"),
            Dimension(name="c", count=3, chunk_size=1, type="channel"),
            Dimension(name="z", count=32, chunk_size=16, type="space", unit="um"),
            Dimension(name="y", count=1024, chunk_size=512, type="space", unit="um"),
            Dimension(name="x", count=1024, chunk_size=512, type="space", unit="um"),
        ],
        dtype="uint16",
    )
    dims = dims_from_standard_axes(
        {"t": 2, "c": 3, "z": 32, "y": 1024, "x": 1024},
        chunk_shapes={"z": 16, "y": 512, "x": 512},
    )
    facts = [(d.name, d.count, d.chunk_size, d.type) for d in settings.dimensions]
    assert [(d.name, d.count, d.chunk_size or 1, d.type) for d in dims] == facts
    array = zarr.open_array(f"{write(settings)}/0", mode="r")
    assert array.shape == (2, 3, 32, 1024, 1024)
    assert array.chunks == (1, 1, 16, 512, 512)
    assert numbers(array[:, :, :, :2, :2]).ravel().tolist() == list(range(192))


@pytest.mark.parametrize(
    ("facts", "path"),
    [
        pytest.param({"root_path": "output.ome.tiff"}, "output.ome.tiff", id="tiff-suffix"),
        pytest.param(
            {"root_path": "output", "format": "ome-tiff"}, "output.ome.tiff", id="tiff-format"
        ),
        pytest.param({"root_path": "output.ome.zarr"}, "output.ome.zarr", id="zarr-suffix"),
        pytest.param(
            {"root_path": "output", "format": "ome-zarr"}, "output.ome.zarr", id="zarr-format"
        ),
    ],
)
def test_modifying_output_format(here, facts, path):
    dimensions = dims_from_standard_axes({"z": 3, "y": 8, "x": 9})
    settings = AcquisitionSettings(**facts, dimensions=dimensions, dtype="uint16")
    assert settings.output_path == path
    write(settings)
    assert (here / path).exists()
    data = tifffile.imread(path) if path.endswith("tiff") else zarr.open_array(f"{path}/0")[:]
    assert numbers(data).tolist() == [0, 1, 2]


@pytest.mark.filterwarnings("ignore:.*acquire-zarr:UserWarning")
@pytest.mark.parametrize("backend", ["acquire-zarr", "zarr-python", "tensorstore"])
@pytest.mark.parametrize("short", [False, True])
def test_specifying_array_backend(backend, short):
    if backend == "tensorstore":
        pytest.importorskip("tensorstore", reason="tensorstore is not installed")
    settings = AcquisitionSettings(
        root_path="output",
        format=backend if short else {"name": "ome-zarr", "backend": backend},
        dimensions=dims_from_standard_axes({"z": 3, "y": 8, "x": 9}),
        dtype="uint16",
    )
    assert settings.format.backend == backend
    assert numbers(zarr.open_array(f"{write(settings)}/0")).tolist() == [0, 1, 2]


def test_settings_are_made_before_the_dimensions_are_known():
    settings = AcquisitionSettings(root_path="output", format="acquire-zarr")
    assert settings.format.backend == "acquire-zarr"


@pytest.mark.parametrize("order", ["tczyx", "tzcyx"])
@pytest.mark.parametrize("suffix", ["ome.zarr", "ome.tiff"])
def test_single_5d_image_and_storage_order(order, suffix):
    known = {
        "t": Dimension(name="t", count=2, chunk_size=1, type="time"),
        "c": Dimension(name="c", count=3, chunk_size=1, type="channel"),
        "z": Dimension(name="z", count=4, chunk_size=1, type="space", scale=0.5, unit="um"),
        "y": Dimension(name="y", count=32, chunk_size=16, type="space", scale=0.1, unit="um"),
        "x": Dimension(name="x", count=32, chunk_size=16, type="space", scale=0.1, unit="um"),
    }
    dimensions = [known[axis] for axis in order]
    settings = AcquisitionSettings(
        root_path=f"example.{suffix}", dimensions=dimensions, dtype="uint16", storage_order="ome"
    )
    kept = order if suffix == "ome.tiff" else "tczyx"
    assert [dim.name for dim in settings.array_storage_dimensions] == list(kept)
    path = write(settings)
    recorded = np.arange(24).reshape([known[axis].count for axis in order[:3]])
    if suffix == "ome.tiff":  # takes any order of t, c and z: nothing is moved
        with tifffile.TiffFile(path) as file:
            assert file.series[0].axes.lower() == order
            assert (numbers(file.asarray()) == recorded).all()
    else:  # knows but one order
        stored = recorded if order == "tczyx" else recorded.transpose(0, 2, 1)
        assert (numbers(zarr.open_array(f"{path}/0")[:]) == stored).all()


def test_the_order_follows_the_format():
    settings = AcquisitionSettings(
        root_path="example.ome.zarr",
        dimensions=dims_from_standard_axes({"t": 2, "z": 3, "c": 4, "y": 8, "x": 9}),
        dtype="uint16",
    )
    assert [dim.name for dim in settings.array_storage_dimensions] == list("tczyx")
    settings.format = "ome-tiff"
    assert [dim.name for dim in settings.array_storage_dimensions] == list("tzcyx")


@pytest.mark.parametrize("storage", ["acquisition", ["t", "z", "c", "y", "x"]])
def test_other_storage_orders_are_kept(storage):
    dimensions = dims_from_standard_axes({"t": 2, "z": 4, "c": 3, "y": 8, "x": 8})
    settings = AcquisitionSettings(
        root_path="example.ome.zarr", dimensions=dimensions, dtype="uint16", storage_order=storage
    )
    array = zarr.open_array(f"{write(settings)}/0")[:]
    assert (numbers(array) == np.arange(24).reshape(2, 4, 3)).all()


@pytest.mark.parametrize("suffix", ["ome.zarr", "ome.tiff"])
def test_multiple_positions(suffix):
    dimensions = [
        Dimension(name="t", count=2, chunk_size=1, type="time"),
        Dimension(name="p", type="position", coords=["Pos0", "Pos1"]),
        Dimension(name="c", count=3, chunk_size=1, type="channel"),
        Dimension(name="z", count=4, chunk_size=1, type="space", scale=5, unit="um"),
        Dimension(name="y", count=32, chunk_size=16, type="space", scale=2, unit="um"),
        Dimension(name="x", count=32, chunk_size=16, type="space", scale=2, unit="um"),
    ]
    settings = AcquisitionSettings(
        root_path=f"example.{suffix}", dimensions=dimensions, dtype="uint16"
    )
    path = write(settings)
    recorded = np.arange(48).reshape(2, 2, 3, 4)
    for place in range(2):
        if suffix == "ome.zarr":
            data = zarr.open_array(f"{path}/{place}/0")[:]
        else:
            data = tifffile.imread(f"{path}/example_p{place:03}.ome.tiff", series=place)
        assert (numbers(data) == recorded[:, place]).all()


def test_multi_well_plate():
    settings = AcquisitionSettings(
        root_path="example_5d_plate",
        dimensions=[
            Dimension(name="t", count=2, chunk_size=1, type="time"),
            Dimension(
                name="p",
                type="position",
                # order should match stage position traversal during acquisition
                coords=[
                    Position(name="fov0", plate_row="A", plate_column="1"),
                    Position(name="fov0", plate_row="A", plate_column="2"),
                    # note ... two fovs in same well
                    Position(name="fov0", plate_row="C", plate_column="4"),
                    Position(name="fov1", plate_row="C", plate_column="4"),
                ],
            ),
            Dimension(name="c", count=3, chunk_size=1, type="channel"),
            Dimension(name="z", count=4, chunk_size=1, type="space"),
            Dimension(name="y", count=256, chunk_size=64, type="space"),
            Dimension(name="x", count=256, chunk_size=64, type="space"),
        ],
        dtype="uint16",
        format="ome-zarr",
        plate=Plate(
            name="Example Plate",
            row_names=["A", "B", "C", "D"],
            column_names=["1", "2", "3", "4", "5", "6", "7", "8"],
        ),
    )
    root = zarr.open_group(write(settings), mode="r")
    plate = root.attrs["ome"]["plate"]
    assert plate["name"] == "Example Plate"
    assert [well["path"] for well in plate["wells"]] == ["A/1", "A/2", "C/4"]
    recorded = np.arange(96).reshape(2, 4, 3, 4)
    for place, path in enumerate(("A/1/fov0", "A/2/fov0", "C/4/fov0", "C/4/fov1")):
        assert (numbers(root[path]["0"][:]) == recorded[:, place]).all()


def test_unbounded_dimensions():
    dimensions = [
        Dimension(name="t", count=None, type="time"),
        Dimension(name="p", type="position", coords=["Pos0", "Pos1"]),
        Dimension(name="y", count=256, chunk_size=64, type="space"),
        Dimension(name="x", count=256, chunk_size=64, type="space"),
    ]
    settings = AcquisitionSettings(
        root_path="example.ome.zarr", dimensions=dimensions, dtype="uint16"
    )
    path = write(settings, count=10)
    for place in range(2):
        array = zarr.open_array(f"{path}/{place}/0")
        assert numbers(array[:]).tolist() == list(range(place, 10, 2))
    with pytest.raises(ValueError, match="Only the first dimension may be unbounded"):
        AcquisitionSettings(
            root_path="other.ome.zarr", dimensions=dimensions[::-1][2:] + dimensions[2:],
            dtype="uint16",
        )  # fmt: skip


def test_event_driven_in_tiff(here):
    dimensions = [
        Dimension(name="t", count=None, type="time"),
        Dimension(name="y", count=256, chunk_size=64, type="space"),
        Dimension(name="x", count=256, chunk_size=64, type="space"),
    ]
    settings = AcquisitionSettings(root_path="e.ome.tiff", dimensions=dimensions, dtype="uint16")
    with create_stream(settings) as stream:
        for _ in range(5):
            stream.append(np.zeros((256, 256), np.uint16), metadata={"position": 1})
    assert (here / settings.output_path).exists()
    assert tifffile.imread(settings.output_path).shape == (5, 256, 256)


@pytest.mark.parametrize("word", ["metadata", "frame_metadata"])
def test_event_driven(word):
    dimensions = [
        Dimension(name="t", count=None, type="time"),
        Dimension(name="y", count=256, chunk_size=64, type="space"),
        Dimension(name="x", count=256, chunk_size=64, type="space"),
    ]
    settings = AcquisitionSettings(
        root_path="events.ome.zarr", dimensions=dimensions, dtype="uint16"
    )
    with create_stream(settings) as stream:
        for number in range(5):
            metadata = {"position": number % 2, "timestamp": number / 10, "channel": "DAPI"}
            stream.append(np.zeros((256, 256), np.uint16), **{word: metadata})
    facts = zarr.open_group(settings.output_path).attrs["tmaps"]["frame_metadata"]
    assert [fact["position"] for fact in facts] == [0, 1, 0, 1, 0]
    assert facts[3]["timestamp"] == 0.3


def test_compressing_data():
    dimensions = dims_from_standard_axes({"t": 4, "y": 64, "x": 64})
    settings = AcquisitionSettings(
        root_path="example.ome.zarr", dimensions=dimensions, dtype="uint16",
        compression="blosc-zstd",
    )  # fmt: skip
    write(settings)
    codecs = [c.to_dict() for c in zarr.open_array("example.ome.zarr/0").compressors]
    assert codecs[0]["name"] == "blosc"
    assert codecs[0]["configuration"]["cname"] == "zstd"
    with pytest.raises(ValueError, match="'blosc-zstd' does not go with ome-tiff; choose lzw"):
        AcquisitionSettings(
            root_path="example.ome.tiff", dimensions=dimensions, dtype="uint16",
            compression="blosc-zstd",
        )  # fmt: skip


@pytest.mark.parametrize("suffix", ["ome.zarr", "ome.tiff"])
def test_dealing_with_bad_frames(suffix):
    class SomeAcquisitionError(Exception):
        pass

    def setup_and_acquire_frame(number):
        if number == 2:
            raise SomeAcquisitionError
        return np.full((16, 16), number, np.uint16)

    settings = AcquisitionSettings(
        root_path=f"example.{suffix}",
        dimensions=dims_from_standard_axes({"t": 6, "y": 16, "x": 16}),
        dtype="uint16",
    )
    with create_stream(settings) as stream:
        for number in (0, 1, 2, 5):
            try:
                frame = setup_and_acquire_frame(number)
            except SomeAcquisitionError:
                stream.skip(frames=3)
            else:
                stream.append(frame)
    path = settings.output_path
    data = tifffile.imread(path) if suffix == "ome.tiff" else zarr.open_array(f"{path}/0")[:]
    assert numbers(data).tolist() == [0, 1, 0, 0, 0, 5]
