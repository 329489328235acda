"""Settings of acquisitions."""

from __future__ import annotations

import numpy as np
import pytest

import napari_tmaps.streams as streams
from napari_tmaps.streams import (
    AcquisitionSettings,
    Channel,
    Dimension,
    OmeTiffFormat,
    OmeZarrFormat,
    Plate,
    Position,
    ScratchFormat,
    StandardAxis,
    create_stream,
    dims_from_standard_axes,
)
from napari_tmaps.streams.units import LENGTHS, TIMES, ngff_unit

FRAME = dims_from_standard_axes({"y": 8, "x": 9})


def test_no_format_and_no_suffix_is_warned_of():
    with pytest.warns(UserWarning, match="could not be inferred from root_path 'root'"):
        settings = AcquisitionSettings(root_path="root", dimensions=FRAME, dtype="uint8")
    assert settings.format.name == "ome-zarr"


KINDS = [
    pytest.param({"name": "t"}, "time", id="name"),
    pytest.param({"name": "a", "unit": "nm"}, "space", id="unit"),
    pytest.param({"name": "a", "coords": [Channel(name="x")]}, "channel", id="coords"),
    pytest.param({"name": "c", "type": "other", "count": 2}, "other", id="told"),
    pytest.param({"name": "q"}, None, id="unknown"),
]


@pytest.mark.parametrize(("fields", "kind"), KINDS)
def test_types_of_dimensions(fields, kind):
    assert Dimension(**fields).type == kind


def test_names_of_ome_writers_for_older_scripts():
    from napari_tmaps.streams import AcquisitionStream, OMEStream, PositionDimension

    assert OMEStream is AcquisitionStream
    with pytest.warns(DeprecationWarning, match="type='position'"):
        dim = PositionDimension(positions=["left", "right"])
    assert (dim.name, dim.type, dim.count) == ("p", "position", 2)
    settings = AcquisitionSettings(
        root_path="a.ome.zarr", dtype="uint8",
        dimensions=[dim, *dims_from_standard_axes({"y": 4, "x": 4})],
    )  # fmt: skip
    assert [place.name for place in settings.positions] == ["left", "right"]


def test_units():
    assert (len(LENGTHS), len(TIMES)) == (26, 23)
    for text in ("um", "u", "µm", "Micrometer", "micron"):
        assert ngff_unit(text, "space") == "micrometer"
    assert [ngff_unit(t, "time") for t in ("msec", "Seconds", "min", "Ms", "ms")] == [
        "millisecond", "second", "minute", "megasecond", "millisecond",
    ]  # fmt: skip
    with pytest.raises(ValueError, match="known unit of time"):
        Dimension(name="t", unit="um", type="time")
    dim = Dimension(name="z", count=3)
    dim.unit = "nm"
    assert dim.unit == "nanometer"


def test_settings_are_checked_when_changed():
    settings = AcquisitionSettings(root_path="a", format="ome-zarr", dimensions=FRAME)
    settings.format = "tifffile"
    assert settings.output_path == "a.ome.tiff"
    with pytest.raises(ValueError, match="lzw"):
        settings.compression = "blosc-zstd"


def test_settings_come_back_from_json():
    settings = AcquisitionSettings(
        root_path="a.ome.zarr", dtype=np.float32, levels=3,
        dimensions=dims_from_standard_axes({"t": None, "c": ["a", "b"], "y": 8, "x": 9}),
    )  # fmt: skip
    assert AcquisitionSettings.model_validate_json(settings.model_dump_json()) == settings


def place(name="a", **more):
    return Position(name=name, **more)


BAD = [
    pytest.param(lambda: Dimension(name="t", count=0), "greater than 0", id="count"),
    pytest.param(lambda: Dimension(name="c", coords=["a"], count=2), "1 coord", id="coords"),
    pytest.param(lambda: Dimension(name="c", coords=[]), "at least one", id="no-coords"),
    pytest.param(lambda: Dimension(name="c", coords=["a", "a"]), "must be unique", id="channels"),
    pytest.param(lambda: Dimension(name="p"), "needs a count", id="positions"),
    pytest.param(lambda: Dimension(name="p", coords=["a", "a"]), "without row", id="names"),
    pytest.param(lambda: Dimension(name="p", coords=["a", 3.5]), "neither a name", id="mixed"),
    pytest.param(
        lambda: Dimension(name="q", coords=[Channel(name="a")], unit="um"),
        "conflicting inference", id="conflict",
    ),
    pytest.param(
        lambda: Dimension(name="q", coords=[Channel(name="a")], type="time"),
        "coordinates are channels", id="told-wrong",
    ),
    pytest.param(lambda: Channel(name="a", color="no colour"), "is no colour", id="color"),
    pytest.param(lambda: place(plate_row="A"), "belong together", id="half-a-well"),
    pytest.param(lambda: dims_from_standard_axes({"w": 3}), "no standard axis", id="axis"),
    pytest.param(lambda: ngff_unit("furlong", "space"), "known unit of space", id="unit"),
    pytest.param(lambda: Plate(row_names=["A", "A"], column_names=["1"]), "own", id="rows"),
    pytest.param(lambda: Plate.from_standard_wells(95), "no plate of 95", id="wells"),
    pytest.param(lambda: Plate.from_standard_wells((0, 3)), "at least 1", id="no-rows"),
    pytest.param(lambda: settings(dtype="colour"), "Invalid dtype", id="dtype"),
    pytest.param(lambda: settings(backend="tensorstore"), "belongs to the format", id="backend"),
    pytest.param(lambda: settings(format="bmp"), "no format 'bmp'", id="format"),
    pytest.param(lambda: settings(storage_order=["y", "x"]), "must name all", id="order"),
    pytest.param(lambda: settings(storage_order=["y", "t", "x"]), "must stay", id="plane"),
    pytest.param(lambda: settings(plate=Plate.from_standard_wells(6)), "visits", id="no-visit"),
    pytest.param(
        lambda: settings({"p": [place()], "y": 2, "x": 2}, plate=Plate.from_standard_wells(6)),
        "needs plate_row", id="no-well",
    ),
    pytest.param(
        lambda: settings({"p": [place(plate_row="C", plate_column="1")], "y": 2, "x": 2},
                         plate=Plate.from_standard_wells(6)),
        "row 'C', which the plate does not have; its rows are A, B", id="outside",
    ),
    pytest.param(lambda: settings({"t": 2, "y": None, "x": 2}), "Only the first", id="unbounded"),
    pytest.param(lambda: settings({"t": 2, "c": 2, "z": 2}), "of type 'channel'", id="no-plane"),
    pytest.param(lambda: settings({"x": 2}), "2 to 5 dimensions", id="too-few"),
    pytest.param(lambda: AcquisitionSettings().shape, "no dimensions yet", id="none-yet"),
    pytest.param(lambda: create_stream(AcquisitionSettings()), "no dimensions yet", id="nothing"),
    pytest.param(lambda: create_stream(settings()), "no dtype", id="no-dtype"),
    pytest.param(
        lambda: create_stream(settings(dtype="uint8", root_path="", format="ome-zarr")),
        "no root_path", id="no-path",
    ),
    pytest.param(
        lambda: create_stream(settings(dtype="complex64")), "cannot hold pixels", id="complex"
    ),
    pytest.param(
        lambda: create_stream(
            AcquisitionSettings(
                root_path="a.ome.tiff", dtype="uint8",
                dimensions=[Dimension(name="angle", count=2), *FRAME],
            )
        ),
        "has the dimensions t, c, z, y and x", id="tiff-dims",
    ),
]  # fmt: skip


def settings(sizes=None, root_path="a.ome.zarr", **more):
    sizes = sizes or {"t": 2, "y": 2, "x": 2}
    return AcquisitionSettings(
        root_path=root_path, dimensions=dims_from_standard_axes(sizes), **more
    )


@pytest.mark.parametrize(("make", "message"), BAD)
def test_what_does_not_fit(make, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises((ValueError, LookupError), match=message):
        make()
    assert list(tmp_path.iterdir()) == []


def test_two_dimensions_of_one_name_or_of_positions():
    twice = [Dimension(name="t", count=2), Dimension(name="t", count=2), *FRAME]
    with pytest.raises(ValueError, match="name of its own"):
        AcquisitionSettings(root_path="a.zarr", dimensions=twice)
    places = [Dimension(name=n, type="position", count=2) for n in "pq"]
    with pytest.raises(ValueError, match="Only one dimension"):
        AcquisitionSettings(root_path="a.zarr", dimensions=[*places, *FRAME])


@pytest.mark.parametrize("wells", [6, 12, 24, 48, 96, 384, 1536])
def test_standard_plates(wells):
    plate = Plate.from_standard_wells(wells)
    assert len(plate.row_names) * len(plate.column_names) == wells
    if wells == 1536:
        assert plate.row_names[24:] == ("Y", "Z", "AA", "AB", "AC", "AD", "AE", "AF")


def test_formats():
    assert OmeTiffFormat(prefer_single_file=True).is_single(3)
    assert OmeTiffFormat().get_output_path("d/a", 2) == "d/a"
    assert OmeZarrFormat().get_output_path("d/a.zarr") == "d/a.zarr"
    assert ScratchFormat().get_output_path("d/a") == "d/a"
    assert AcquisitionSettings(dimensions=FRAME).format.name == "scratch"
    assert StandardAxis.TIME.unit() == "second"
    assert dims_from_standard_axes({"t": np.int64(3), "y": 2, "x": 2})[0].count == 3


def test_sequences_of_useq():
    useq = pytest.importorskip("useq", reason="useq-schema is not installed")
    seq = useq.MDASequence(
        axis_order="tpcz",
        stage_positions=[(1.0, 2.0, 3.0), useq.Position(x=4, y=5, name="last")],
        channels=["DAPI", "FITC"],
        z_plan=useq.ZRangeAround(range=2, step=0.5),
        time_plan=useq.TIntervalLoops(interval=3, loops=4),
    )
    found = streams.useq_to_acquisition_settings(seq, 32, 16, pixel_size_um=0.25)
    made = AcquisitionSettings(root_path="a.ome.zarr", dtype="uint16", **found)
    assert made.shape == (4, 2, 2, 5, 16, 32)
    assert [dim.name for dim in made.dimensions] == list("tpczyx")
    assert made.dimensions[0].scale == 3.0
    assert made.dimensions[3].scale == 0.5
    assert made.dimensions[-1].scale == 0.25
    assert [(p.name, p.x_coord) for p in made.positions] == [("0", 1.0), ("last", 4.0)]
    assert made.plate is None
    assert streams.dims_from_useq(seq, 32, 16)[-1].count == 32
    rare = useq.Channel(config="DAPI", acquire_every=2)
    with pytest.raises(ValueError, match="every plane"):
        streams.useq_to_acquisition_settings(seq.replace(channels=[rare]), 32, 16)


def test_plates_of_useq():
    useq = pytest.importorskip("useq", reason="useq-schema is not installed")
    plan = useq.WellPlatePlan(plate=96, a1_center_xy=(0, 0), selected_wells=([0, 1], [0, 2]))
    found = streams.useq_to_acquisition_settings(
        useq.MDASequence(stage_positions=plan, channels=["DAPI"]), 8, 8
    )
    assert found["plate"].row_names == tuple("ABCDEFGH")
    made = AcquisitionSettings(root_path="a.ome.zarr", dtype="uint16", **found)
    assert [(p.plate_row, p.plate_column) for p in made.positions] == [("A", "1"), ("B", "3")]
