"""What streams write: read back here and by other programs."""

from __future__ import annotations

import json

import numpy as np
import ome_types
import pytest
import tifffile
import zarr
from lxml import etree
from typer.testing import CliRunner

from napari_tmaps.cli.commands import app
from napari_tmaps.errors import InputError, NotFoundError
from napari_tmaps.streams import (
    AcquisitionSettings,
    Channel,
    Dimension,
    Plate,
    Position,
    create_stream,
    dims_from_standard_axes,
)
from napari_tmaps.streams.ngff import read_info, read_levels
from napari_tmaps.streams.verify import verify_path

PLACES = [
    Position(name="f0", plate_row="A", plate_column="1", x_coord=10, y_coord=20, z_coord=3),
    *(Position(name=f"f{n}", plate_row="C", plate_column="10") for n in range(11)),
]
CHANNELS = [
    Channel(name="DAPI", color="blue", excitation_wavelength_nm=405, emission_wavelength_nm=450),
    Channel(name="GFP", color="#00FF00", fluorophore="EGFP"),
]


def scene(path, places=None, times=2, size=(40, 50), dtype="uint16", x=("nm", 250), **more):
    """Time points, positions, planes and channels, in an order that is not that of OME-Zarr."""
    dims = [
        Dimension(name="t", count=times, unit="s", scale=2.5),
        *([Dimension(name="p", coords=tuple(places), type="position")] if places else []),
        Dimension(name="z", count=3, unit="um", scale=0.5),
        Dimension(name="c", coords=tuple(CHANNELS)),
        Dimension(name="y", count=size[0], unit="um", scale=0.25, chunk_size=32),
        Dimension(name="x", count=size[1], unit=x[0], scale=x[1], chunk_size=32),
    ]
    more.setdefault("overwrite", False)
    return AcquisitionSettings(root_path=str(path), dimensions=dims, dtype=dtype, **more)


def record(settings, facts=lambda n: {"delta_t": n / 4, "exposure_time": 0.1, "lens": {"n": n}}):
    """Frames of random pixels (number, y, x)."""
    rng = np.random.default_rng(3)
    shape = (settings.num_frames, *settings.shape[-2:])
    data = (rng.random(shape) * 250).astype(settings.dtype)
    with create_stream(settings) as stream:
        for number, frame in enumerate(data):
            stream.append(frame, metadata=facts(number))
        stream.set_global_metadata("lab", {"who": "me", "n": 3})
    return data.reshape(*settings.shape)


def xml_of(path):
    with tifffile.TiffFile(path) as file:
        return file.ome_metadata


@pytest.mark.parametrize("compression", [None, "blosc-lz4", "blosc-zstd", "zstd", "none"])
@pytest.mark.parametrize("version", ["0.5", "0.4"])
def test_zarr_of_each_codec_and_version(tmp_path, others_may_warn, compression, version):
    from ome_zarr.io import parse_url
    from ome_zarr.reader import Reader

    settings = scene(
        tmp_path / "a.ome.zarr", format={"name": "ome-zarr", "version": version},
        compression=compression, levels=2,
    )  # fmt: skip
    data = record(settings).transpose(0, 2, 1, 3, 4)
    np.testing.assert_array_equal(zarr.open_array(tmp_path / "a.ome.zarr" / "0", mode="r"), data)
    info = read_info(tmp_path / "a.ome.zarr")
    assert info.version == version
    assert info.axes == "tczyx"
    assert info.pixel_size_um == (0.5, 0.25, 0.25)
    assert info.time_step_s == 2.5
    assert [(c.name, c.color, c.excitation_nm, c.fluorophore) for c in info.channels] == [
        ("DAPI", "#0000FF", 405, None), ("GFP", "#00FF00", None, "EGFP"),
    ]  # fmt: skip
    (node,) = list(Reader(parse_url(tmp_path / "a.ome.zarr"))())
    np.testing.assert_array_equal(np.asarray(node.data[0]), data)
    means = [data[..., y::2, x::2].astype(float) for y in (0, 1) for x in (0, 1)]
    np.testing.assert_array_equal(np.asarray(node.data[1]), np.floor(sum(means) / 4 + 0.5))
    assert node.metadata["channel_names"] == ["DAPI", "GFP"]


@pytest.mark.parametrize("backend", ["tmaps", "zarr-python", "tensorstore"])
@pytest.mark.parametrize("many", [2, 30], ids=["short-index", "long-index"])
def test_shards_are_the_same_from_all_backends(tmp_path, backend, many):
    if backend == "tensorstore":
        pytest.importorskip("tensorstore", reason="tensorstore is not installed")
    dims = dims_from_standard_axes(
        {"t": None, "y": 70, "x": 90}, {"t": 2, "y": 16, "x": 16}, {"t": many, "y": 3, "x": 6}
    )
    settings = AcquisitionSettings(
        root_path=str(tmp_path / "a.ome.zarr"), dimensions=dims, dtype="int16", format=backend,
        compression="zstd", levels=2, durability_s=0.1,
    )  # fmt: skip
    data = np.random.default_rng(0).integers(-9, 9, (37, 70, 90)).astype(np.int16)
    with create_stream(settings) as stream:
        for number, frame in enumerate(data):
            stream.append(frame)
            if number in (9, 20, 21):
                stream.flush()
                seen = zarr.open_array(tmp_path / "a.ome.zarr" / "0", mode="r")
                np.testing.assert_array_equal(seen[:], data[: number + 1])
    array = zarr.open_array(tmp_path / "a.ome.zarr" / "0", mode="r")
    assert array.shards == (2 * many, 48, 96)
    np.testing.assert_array_equal(array[:], data)
    files = [p for p in (tmp_path / "a.ome.zarr" / "0").rglob("*") if p.is_file()]
    assert len(files) == 1 + -(-37 // (2 * many)) * 2
    assert verify_path(tmp_path / "a.ome.zarr").damaged == []


@pytest.mark.parametrize(
    "dtype", ["int8", "uint8", "int16", "uint16", "int32", "uint32", "float32", "float64"]
)
@pytest.mark.parametrize("compression", [None, "lzw", "zlib", "zstd"])
def test_tiff_of_each_type(tmp_path, dtype, compression, ome_schema):
    settings = scene(
        tmp_path / "a.ome.tiff", dtype=dtype, compression=compression, levels=2, size=(40, 600)
    )
    data = record(settings)
    with tifffile.TiffFile(tmp_path / "a.ome.tiff") as file:
        assert file.is_bigtiff
        series = file.series[0]
        assert series.axes == "TZCYX"
        assert len(series.levels) == 2
        np.testing.assert_array_equal(series.asarray(), data)
        assert series.levels[1].shape[-2:] == (20, 300)
        tags = file.pages.first.tags
        assert tags["XResolution"].value == tags["YResolution"].value == (40000, 1)
        assert tags["ResolutionUnit"].value == 3
        ome_schema.assertValid(etree.fromstring(file.ome_metadata.encode()))


def test_what_ome_xml_says(tmp_path):
    settings = scene(tmp_path / "a.ome.tiff")
    record(settings)
    model = ome_types.from_xml(xml_of(tmp_path / "a.ome.tiff"), validate=True)
    pixels = model.images[0].pixels
    assert pixels.dimension_order.value == "XYCZT"
    assert (pixels.size_t, pixels.size_z, pixels.size_c) == (2, 3, 2)
    assert (pixels.physical_size_z, pixels.physical_size_x) == (0.5, 0.25)
    assert (pixels.time_increment, pixels.time_increment_unit.value) == (2.5, "s")
    assert [c.name for c in pixels.channels] == ["DAPI", "GFP"]
    assert pixels.channels[0].excitation_wavelength == 405
    assert pixels.channels[1].fluor == "EGFP"
    plane = pixels.planes[7]
    assert (plane.the_t, plane.the_z, plane.the_c) == (1, 0, 1)
    assert (plane.delta_t, plane.exposure_time, plane.exposure_time_unit.value) == (1.75, 100, "ms")
    notes = {note.id: note for note in model.structured_annotations.map_annotations}
    (own,) = plane.annotation_refs
    assert notes[own.id].value.ms[0].value == '{"n": 7}'
    lab = next(note for note in notes.values() if note.namespace == "lab")
    assert {m.k: m.value for m in lab.value.ms} == {"who": "me", "n": "3"}


@pytest.mark.parametrize("mode", ["redundant", "master-tiff", "companion-file"])
def test_plates_in_tiff_files(tmp_path, mode, ome_schema):
    plate = Plate.from_standard_wells(1536, name="P")
    settings = scene(
        tmp_path / "a", PLACES, plate=plate,
        format={"name": "ome-tiff", "multi_file_metadata": mode},
    )  # fmt: skip
    data = record(settings)
    files = sorted((tmp_path / "a").glob("*.tiff"))
    assert len(files) == 12
    for file in files:
        ome_schema.assertValid(etree.fromstring(xml_of(file).encode()))
    whole = tmp_path / "a" / "a.companion.ome" if mode == "companion-file" else files[0]
    text = whole.read_text() if mode == "companion-file" else xml_of(whole)
    model = ome_types.from_xml(text, validate=True)
    (found,) = model.plates
    assert (found.name, found.rows, found.columns) == ("P", 32, 48)
    assert [(w.row, w.column, len(w.well_samples)) for w in found.wells] == [(0, 0, 1), (2, 9, 11)]
    assert found.plate_acquisitions[0].maximum_field_count == 11
    sample = found.wells[0].well_samples[0]
    assert (sample.position_x, sample.position_x_unit.value) == (10, "µm")
    if mode != "redundant":
        only = ome_types.from_xml(xml_of(files[3]))
        assert only.binary_only.metadata_file == whole.name
    if mode != "companion-file":
        with tifffile.TiffFile(files[0]) as file:
            assert len(file.series) == 12
            np.testing.assert_array_equal(file.series[5].asarray(), data[:, 5])


def test_all_positions_in_one_tiff(tmp_path):
    form = {"name": "ome-tiff", "prefer_single_file": "always"}
    data = record(scene(tmp_path / "a", ["a", "b"], format=form))
    with tifffile.TiffFile(tmp_path / "a.ome.tiff") as file:
        assert [series.name for series in file.series] == ["a", "b"]
        for position, series in enumerate(file.series):
            np.testing.assert_array_equal(series.asarray(), data[:, position])


def test_orders_of_storage(tmp_path):
    orders = {"ome": "tczyx", "acquisition": "tzcyx", ("c", "t", "z", "y", "x"): "ctzyx"}
    for number, (order, axes) in enumerate(orders.items()):
        settings = scene(tmp_path / f"{number}.ome.zarr", storage_order=order)
        data = record(settings)
        array = zarr.open_array(tmp_path / f"{number}.ome.zarr" / "0", mode="r")
        assert "".join(array.metadata.dimension_names) == axes
        turned = data.transpose(["tzcyx".index(axis) for axis in axes])
        np.testing.assert_array_equal(array[:], turned)
    settings = scene(tmp_path / "a.ome.tiff", storage_order=("c", "t", "z", "y", "x"))
    data = record(settings)
    with tifffile.TiffFile(tmp_path / "a.ome.tiff") as file:
        assert file.series[0].axes == "CTZYX"
        np.testing.assert_array_equal(file.series[0].asarray(), data.transpose(2, 0, 1, 3, 4))


@pytest.mark.parametrize("version", ["0.5", "0.4"])
def test_plates_in_zarr(tmp_path, others_may_warn, version):
    from ome_zarr_models import open_ome_zarr

    plate = Plate.from_standard_wells(96, name="P")
    form = {"name": "ome-zarr", "version": version}
    data = record(scene(tmp_path / "a.ome.zarr", PLACES, plate=plate, format=form))
    root = zarr.open_group(tmp_path / "a.ome.zarr", mode="r")
    assert type(open_ome_zarr(root)).__name__ == "HCS"
    attributes = root.attrs["ome"] if version == "0.5" else root.attrs
    assert attributes["plate"]["field_count"] == 11
    assert [well["path"] for well in attributes["plate"]["wells"]] == ["A/1", "C/10"]
    well = root["C/10"].attrs["ome" if version == "0.5" else "well"]
    images = (well["well"] if version == "0.5" else well)["images"]
    assert [image["path"] for image in images] == [f"f{n}" for n in range(11)]
    np.testing.assert_array_equal(root["C/10/f4/0"][:], data[:, 5].transpose(0, 2, 1, 3, 4))
    info = read_info(tmp_path / "a.ome.zarr" / "A" / "1" / "f0")
    assert info.translation_um == (3, 20, 10)


def test_positions_side_by_side_in_zarr(tmp_path, ome_schema, others_may_warn):
    from napari_ome_zarr import napari_get_reader
    from ome_zarr.io import parse_url
    from ome_zarr.reader import Reader

    names = ["first one", "b"]
    data = record(scene(tmp_path / "a.ome.zarr", names)).transpose(0, 1, 3, 2, 4, 5)
    text = (tmp_path / "a.ome.zarr" / "OME" / "METADATA.ome.xml").read_text()
    ome_schema.assertValid(etree.fromstring(text.encode()))
    model = ome_types.from_xml(text)
    assert [image.name for image in model.images] == names
    assert model.images[1].pixels.planes[0].delta_t == 1.5
    layers = napari_get_reader(str(tmp_path / "a.ome.zarr"))(str(tmp_path / "a.ome.zarr"))
    assert layers
    (node,) = list(Reader(parse_url(tmp_path / "a.ome.zarr" / "1"))())
    np.testing.assert_array_equal(np.asarray(node.data[0]), data[:, 1])


@pytest.mark.parametrize("name", ["a.ome.zarr", "a.ome.tiff"])
def test_bioio_reads_it(tmp_path, others_may_warn, name):
    from bioio import BioImage

    if name.endswith("zarr"):
        import bioio_ome_zarr as reader
    else:
        import bioio_ome_tiff as reader
    data = record(scene(tmp_path / name)).transpose(0, 2, 1, 3, 4)
    image = BioImage(tmp_path / name, reader=reader.Reader)
    np.testing.assert_array_equal(image.data, data)
    assert image.channel_names == ["DAPI", "GFP"]
    assert image.physical_pixel_sizes.Z == 0.5


@pytest.mark.parametrize("name", ["a.ome.zarr", "a.ome.tiff"])
def test_metadata_of_a_stream(tmp_path, name):
    settings = scene(tmp_path / name)
    stream = create_stream(settings)
    for number in range(12):
        stream.append(np.zeros((40, 50), np.uint16), metadata={"n": number})
    for namespace in ("", "ome", "tmaps"):
        with pytest.raises(InputError, match="namespace"):
            stream.set_global_metadata(namespace, {})
    stream.set_global_metadata("lab", {"who": "me"})
    if name.endswith("zarr"):
        with pytest.raises(NotFoundError, match="Unknown path 'x'"):
            stream.update_metadata({"x": {}})
        stream.update_metadata({"": {"later": [1, 2]}})
        stream.close()
        stream.set_global_metadata("lab", {"who": "you"})
        attributes = stream.get_metadata()[""]
        assert attributes["later"] == [1, 2]
        assert attributes["lab"] == {"who": "you"}
        assert attributes["tmaps"]["frame_metadata"][3]["n"] == 3
        return
    with pytest.raises(InputError, match="Close the stream first"):
        stream.update_metadata({})
    stream.close()
    stream.set_global_metadata("lab", {"who": "you"})
    model = stream.get_metadata()[0]
    model.images[0].name = "renamed"
    with pytest.raises(InputError, match="must be an ome_types"):
        stream.update_metadata({0: "text"})
    with pytest.raises(NotFoundError, match="no file of position 9"):
        stream.update_metadata({9: model})
    stream.update_metadata({0: model})
    with tifffile.TiffFile(tmp_path / name) as file:
        assert file.series[0].name == "renamed"
        assert '<M K="who">you' in file.ome_metadata


@pytest.mark.parametrize("name", ["", "kept", "a.ome.zarr", "a.ome.tiff"])
def test_views_grow(tmp_path, name):
    from napari_tmaps.streams.stream import AcquisitionStream

    settings = AcquisitionSettings(
        root_path=str(tmp_path / name) if name else "", format=("scratch" if "." not in name
        else "auto"), dtype="uint8",
        dimensions=dims_from_standard_axes(
            {"t": None, "p": ["a", "b"], "c": ["x", "y"], "y": 6, "x": 7}
        ),
    )  # fmt: skip
    stream = create_stream(settings)
    assert isinstance(stream, AcquisitionStream)
    view, fixed = stream.view(), stream.view(dynamic_shape=False, strict=True)
    assert view.shape == (0, 0, 0, 6, 7)
    calls = []
    view.coords_changed.connect(lambda: calls.append(view.shape))
    for number in range(6):
        stream.append(np.full((6, 7), number, np.uint8), metadata={"n": number})
    assert view.shape == (2, 2, 2, 6, 7)
    assert fixed.shape == (2, 2, 2, 6, 7)
    assert view[..., 0, 0].tolist() == [[[0, 1], [2, 3]], [[4, 5], [0, 0]]]
    assert view[1, 0, -1].tolist() == np.full((6, 7), 5).tolist()
    assert view[0, :, 1, 2:4, 3].tolist() == [[1, 1], [3, 3]]
    assert (len(view), view.ndim, view.dims) == (2, 5, ("t", "p", "c", "y", "x"))
    assert view.coords["c"] == ("x", "y")
    with pytest.raises(IndexError, match="No frame has come"):
        fixed[1, 1, 1]
    with pytest.raises(IndexError, match="2 long now"):
        view[2]
    with pytest.raises(InputError, match="numbers and slices"):
        view[[1, 2]]
    with pytest.raises(ValueError, match="copying"):
        np.asarray(view, copy=False)
    stream.close()
    assert len(calls) == 6
    assert view[1, 0, 1, 0, 0] == 5
    if name == "kept":
        manifest = json.loads((tmp_path / name / "manifest.json").read_text())
        assert manifest["position_shapes"]["0"] == [2, 2, 6, 7]
        lines = (tmp_path / name / "frame_metadata.jsonl").read_text().splitlines()
        assert json.loads(lines[4]) == {"position": 1, "storage_index": [0, 0], "n": 2}


def test_events(tmp_path):
    settings = AcquisitionSettings(
        dtype="uint8", dimensions=dims_from_standard_axes({"t": 2, "c": ["x", "y"], "y": 2, "x": 2})
    )
    changed, expanded = [], []
    with create_stream(settings) as stream:
        end = stream.on("coords_changed", changed.append)
        stream.on("coords_expanded", expanded.append)
        with pytest.raises(NotFoundError, match="coords_changed"):
            stream.on("coords_change", print)
        for _ in range(3):
            stream.append(np.zeros((2, 2), np.uint8))
    assert [update.frame_number for update in changed] == [0, 1, 2]
    assert [update.is_high_water_mark for update in changed] == [True, True, True]
    assert changed[1].current_indices == {"t": 0, "c": 1}
    assert changed[1].max_coords == {"t": range(1), "c": ("x", "y")}
    end()
    assert len(expanded) == 3


def test_scratch_spills_to_files(tmp_path):
    from napari_tmaps.errors import StorageError

    dims = dims_from_standard_axes({"t": 4, "y": 20, "x": 20})
    form = {"name": "scratch", "max_memory_bytes": 100}
    settings = AcquisitionSettings(dimensions=dims, dtype="uint8", format=form)
    with create_stream(settings) as stream:
        for number in range(4):
            stream.append(np.full((20, 20), number, np.uint8))
    assert np.asarray(stream.view())[:, 3, 3].tolist() == [0, 1, 2, 3]
    settings = AcquisitionSettings(
        dimensions=dims, dtype="uint8", format={**form, "spill_to_disk": False}
    )
    with create_stream(settings) as stream, pytest.raises(StorageError, match="max_memory_bytes"):
        stream.append(np.zeros((20, 20), np.uint8))


@pytest.mark.parametrize("name", ["a.ome.zarr", "a.ome.tiff", "several"])
def test_verify_finds_a_changed_pixel(tmp_path, name):
    places = ["a", "b"] if name == "several" else None
    form = "ome-tiff" if name == "several" else "auto"
    record(scene(tmp_path / name, places, checksums=True, format=form))
    found = verify_path(tmp_path / name)
    expected = 24 if places else 12
    assert (found.frames, found.compared, found.damaged) == (expected, expected, [])
    if name.endswith("zarr"):
        file = tmp_path / name / "0" / "c" / "1" / "0" / "2" / "0" / "1"
    else:
        file = tmp_path / name
        file = file / "several_p001.ome.tiff" if places else file
    data = bytearray(file.read_bytes())
    with_pixels = 6000 if not name.endswith("zarr") else 10
    data[with_pixels] ^= 1
    file.write_bytes(data)
    run = CliRunner().invoke(app, ["verify", str(tmp_path / name), "--json"])
    assert run.exit_code == 1
    damaged = json.loads(run.stdout)["damaged"]
    assert len(damaged) == 1
    assert "not those that came" in damaged[0]
    assert CliRunner().invoke(app, ["verify", str(tmp_path / "none")]).exit_code != 0


def test_verify_finds_damaged_files(tmp_path):
    record(scene(tmp_path / "a.ome.zarr", compression="zstd"))
    chunk = tmp_path / "a.ome.zarr" / "0" / "c" / "0" / "0" / "0" / "0" / "0"
    chunk.write_bytes(chunk.read_bytes()[:9])
    assert len(verify_path(tmp_path / "a.ome.zarr").damaged) == 1
    (tmp_path / "a.ome.zarr" / "0" / "zarr.json").write_text("{")
    assert len(verify_path(tmp_path / "a.ome.zarr").damaged) == 1
    (tmp_path / "b.ome.tiff").write_bytes(b"II+\0")
    assert len(verify_path(tmp_path / "b.ome.tiff").damaged) == 1


def test_the_demo(tmp_path):
    path = tmp_path / "d.ome.zarr"
    options = ["--frames", "3", "--interval", "0", "--no-window"]
    run = CliRunner().invoke(app, ["stream-demo", str(path), *options])
    assert run.exit_code == 0, run.output
    assert [level.shape for level in read_levels(path)] == [(3, 2, 512, 512), (3, 2, 256, 256)]
    assert verify_path(path).compared == 6


def test_the_demo_of_tiff_has_no_window(tmp_path, monkeypatch):
    monkeypatch.setenv("DISPLAY", ":99999")
    path = tmp_path / "d.ome.tiff"
    run = CliRunner().invoke(app, ["stream-demo", str(path), "--frames", "2", "--interval", "0"])
    assert run.exit_code == 0, run.output
    assert "was written" in run.output
    assert tifffile.imread(path).shape == (2, 2, 512, 512)


def test_backends_that_are_not_used_here(tmp_path):
    settings = scene(tmp_path / "a.ome.zarr", format="acquire-zarr")
    with pytest.warns(UserWarning, match="not used here"):
        create_stream(settings).close()
    sharded = dims_from_standard_axes({"t": 2, "y": 4, "x": 4}, None, {"t": 2})
    old = {"name": "ome-zarr", "version": "0.4"}
    with pytest.raises(InputError, match="need version"):
        create_stream(
            AcquisitionSettings(
                root_path=str(tmp_path / "b"), dimensions=sharded, dtype="uint8", format=old
            )
        )


@pytest.mark.parametrize("backend", ["tmaps", "zarr-python", "tensorstore"])
def test_each_backend_writes_plates_without_end_and_resumes(tmp_path, others_may_warn, backend):
    import yaozarrs
    from ome_zarr_models import open_ome_zarr

    if backend == "tensorstore":
        pytest.importorskip("tensorstore", reason="tensorstore is not installed")
    dims = [
        Dimension(name="t", count=None, unit="s"),
        Dimension(name="p", coords=tuple(PLACES[:3]), type="position"),
        Dimension(name="y", count=40, unit="um", chunk_size=16, scale=0.5),
        Dimension(name="x", count=48, unit="um", chunk_size=16, scale=0.5),
    ]
    settings = AcquisitionSettings(
        root_path=str(tmp_path / "a.ome.zarr"), dimensions=dims, dtype="uint16", format=backend,
        plate=Plate.from_standard_wells(96), compression="blosc-lz4", levels=2, checksums=True,
    )  # fmt: skip
    data = np.random.default_rng(5).integers(0, 9999, (5, 3, 40, 48)).astype(np.uint16)
    frames = data.reshape(-1, 40, 48)
    with create_stream(settings) as stream:
        for number in range(7):  # stopped within the third time point
            stream.append(frames[number], metadata={"n": number})
    with create_stream(settings, resume=True) as stream:
        assert stream.frames_written == 7
        for number in range(7, 15):
            stream.append(frames[number], metadata={"n": number})
    root = zarr.open_group(tmp_path / "a.ome.zarr", mode="r")
    for position, path in enumerate(("A/1/f0", "C/10/f0", "C/10/f1")):
        np.testing.assert_array_equal(root[path]["0"][:], data[:, position])
        assert root[path]["1"].shape == (5, 20, 24)
        facts = root[path].attrs["tmaps"]["frame_metadata"]
        assert [fact["n"] for fact in facts] == [position + 3 * t for t in range(5)]
    assert type(open_ome_zarr(root)).__name__ == "HCS"
    yaozarrs.validate_zarr_store(str(tmp_path / "a.ome.zarr"))
    found = verify_path(tmp_path / "a.ome.zarr")
    assert (found.damaged, found.missing, found.compared) == ([], 0, 15)


def test_yaozarrs_finds_all_layouts_valid(tmp_path):
    import yaozarrs

    for name, places in (("single", None), ("several", ["a", "b"])):
        record(scene(tmp_path / f"{name}.ome.zarr", places, levels=2))
        yaozarrs.validate_zarr_store(str(tmp_path / f"{name}.ome.zarr"))
    path = tmp_path / "single.ome.zarr" / "0" / "zarr.json"
    about = json.loads(path.read_text())
    path.write_text(json.dumps({**about, "dimension_names": about["dimension_names"][::-1]}))
    with pytest.raises(Exception, match=r"dimension_names|dimension names|axes"):
        yaozarrs.validate_zarr_store(str(tmp_path / "single.ome.zarr"))


def test_ngio_reads_images_and_plates(tmp_path, others_may_warn):
    import ngio

    # It wants one unit for x and y.
    data = record(scene(tmp_path / "a.ome.zarr", x=("um", 0.25))).transpose(0, 2, 1, 3, 4)
    image = ngio.open_ome_zarr_container(tmp_path / "a.ome.zarr").get_image()
    np.testing.assert_array_equal(image.get_as_numpy(axes_order="tczyx"), data)
    assert (image.pixel_size.z, image.pixel_size.x) == (0.5, 0.25)
    assert image.channel_labels == ["DAPI", "GFP"]
    plate = Plate.from_standard_wells(96, name="P")
    pixels = record(scene(tmp_path / "b.ome.zarr", PLACES, plate=plate, x=("um", 0.25)))
    read = ngio.open_ome_zarr_plate(tmp_path / "b.ome.zarr")
    assert sorted(read.wells_paths()) == ["A/1", "C/10"]
    for place, (path, image) in enumerate(read.get_images().items()):
        assert path == f"{'A/1' if place == 0 else 'C/10'}/f{max(place - 1, 0)}"
        found = image.get_image().get_as_numpy(axes_order="tzcyx")
        np.testing.assert_array_equal(found, pixels[:, place])
