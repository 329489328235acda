from __future__ import annotations

import json
import shutil
import warnings
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_tmaps.errors import FormatError, TmapsError
from napari_tmaps.model.channels import Channel
from napari_tmaps.streams.ngff import ImageWriter, write_group
from napari_tmaps.vendors import recognise, scan
from napari_tmaps.vendors.omezarr import OmeZarrPlanes
from napari_tmaps.vendors.pixels import PlaneReader

CHANNELS = (Channel("DAPI", color="#0000FF"), Channel("GFP", color="#00FF00"))


def write_image(
    path: Path, first: int, *, version="0.5", shift=(0.0, 0.0), lost=(), **settings
) -> Path:
    """2 time points × 2 channels × 3 z of 4 × 6 pixels; values first + 100·t + 10·c + z."""
    with ImageWriter(
        path,
        shape=(2, 2, 3, 4, 6),
        dtype=np.uint16,
        pixel_size_um=(1.5, 0.5, 0.25),
        time_step_s=30.0,
        translation_um=(0.0, *shift),
        channels=CHANNELS,
        version=version,
        **settings,
    ) as writer:
        for t, c, z in np.ndindex(2, 2, 3):
            if (t, c, z) not in lost:
                value = first + 100 * t + 10 * c + z
                writer.write_plane(t, c, z, np.full((4, 6), value, np.uint16))
    return path


def write_plate(path: Path, version="0.5", acquisitions=(0,), shifts=True) -> Path:
    """Wells B03 (2 fields) and C11 (1 field), each in every acquisition."""
    rows = [{"name": name} for name in "BC"]  # only the rows in use, as some programs write
    wells = [{"path": "B/03", "rowIndex": 0, "columnIndex": 0},
             {"path": "C/11", "rowIndex": 1, "columnIndex": 1}]  # fmt: skip
    columns = [{"name": "03"}, {"name": "11"}]
    plate = {"name": "Screen 7", "rows": rows, "columns": columns, "wells": wells}
    write_group(path, {"plate": plate}, version)
    for w, (well, fields) in enumerate((("B/03", 2), ("C/11", 1))):
        images = []
        for acquisition in acquisitions:
            for field in range(fields):
                name = f"{acquisition}_{field}"
                shift = (10.0 * w, 20.0 + field) if shifts else (0.0, 0.0)
                first = 10_000 * acquisition + 1000 * w + 2000 * field
                write_image(path / well / name, first, version=version, shift=shift)
                images.append({"path": name, "acquisition": acquisition})
        write_group(path / well, {"well": {"images": images}}, version)
    return path


def values(result) -> list[int]:
    reader = PlaneReader(result.root, result.reader)
    there = result.planes[~result.planes["missing"]]
    pixels = [reader.read(row.path, row.series, row.page) for row in there.itertuples()]
    assert all(each.shape == (4, 6) and each.min() == each.max() for each in pixels)
    return [int(each[0, 0]) for each in pixels]


def expected(rows, firsts: dict) -> list[int]:
    return [
        firsts[r.well, r.site, r.cycle] + 100 * r.t + 10 * ("DAPI", "GFP").index(r.channel) + r.z
        for r in rows.itertuples()
    ]


def said(result, kind: str) -> str:
    return " ".join(str(oddity) for oddity in result.oddities if oddity.kind == kind)


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_single_image(tmp_path, version):
    result = scan(write_image(tmp_path / "cells.ome.zarr", 0, version=version))
    assert result.vendor == "OME-Zarr"
    assert [(c.name, c.color) for c in result.channels] == [("DAPI", "#0000FF"), ("GFP", "#00FF00")]
    assert (result.pixel_size_um, result.z_step_um) == ((0.5, 0.25), 1.5)
    assert (result.image_size, result.dtype) == ((4, 6), "uint16")
    assert sorted(set(result.planes["time_s"])) == [0, 30]
    assert values(result) == expected(result.planes, {("A01", 1, 0): 0})
    assert result.oddities == ()


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_plate(tmp_path, version):
    result = scan(write_plate(tmp_path / "p.ome.zarr", version))
    assert result.plates == ["Screen 7"]
    assert result.sites_per_well == {"B03": 2, "C11": 1}
    firsts = {("B03", 1, 0): 0, ("B03", 2, 0): 2000, ("C11", 1, 0): 1000}
    assert values(result) == expected(result.planes, firsts)
    # Centre of 4 × 6 pixels of 0.5 × 0.25 µm from the centre of the first pixel: 0.75, 0.625 µm.
    places = result.planes.groupby(["well", "site"])[["stage_y_um", "stage_x_um"]].first()
    assert places.to_numpy().tolist() == [[0.75, 20.625], [0.75, 21.625], [10.75, 20.625]]
    assert (result.plate_format.rows, result.plate_format.columns) == (8, 12)


def test_plate_without_translations_has_no_positions(tmp_path):
    result = scan(write_plate(tmp_path / "p.zarr", shifts=False))
    assert not result.stage_known
    assert result.planes["stage_y_um"].isna().all()


def test_acquisitions_are_cycles(tmp_path):
    result = scan(write_plate(tmp_path / "p.zarr", acquisitions=(3, 5)))
    assert result.sites_per_well == {"B03": 2, "C11": 1}
    assert sorted(set(result.planes["cycle"])) == [0, 1]
    firsts = {
        (well, site, cycle): 10_000 * (3, 5)[cycle] + start
        for (well, site), start in {("B03", 1): 0, ("B03", 2): 2000, ("C11", 1): 1000}.items()
        for cycle in (0, 1)
    }
    assert values(result) == expected(result.planes, firsts)
    assert "staining cycles" in said(result, "doubtful")


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_folder_inside_of_an_omezarr(tmp_path, version):
    plate = write_plate(tmp_path / "p.zarr", version)
    well = scan(plate / "B" / "03")
    assert well.sites_per_well == {"B03": 2}
    assert values(scan(plate / "C" / "11" / "0_0"))[0] == 1000
    renamed = plate.rename(tmp_path / "plate without suffix")
    assert scan(renamed).wells == ["B03", "C11"]


def test_planes_that_were_never_written_are_missing(tmp_path):
    result = scan(write_image(tmp_path / "i.zarr", 0, lost={(1, 0, 2)}))
    assert result.planes.loc[
        result.planes["missing"], ["t", "channel", "z"]
    ].to_numpy().tolist() == [[1, "DAPI", 2]]
    assert 102 not in values(result)


def test_image_with_fewer_axes(tmp_path):
    """As ome-zarr-py writes it."""
    import zarr

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        from ome_zarr.format import FormatV04
        from ome_zarr.writer import write_image as write

    pixels = np.arange(2 * 4 * 6, dtype=np.uint8).reshape(2, 4, 6)
    group = zarr.open_group(tmp_path / "i.zarr", mode="w", zarr_format=2)
    write(pixels, group, axes="cyx", scale_factors=(2,), fmt=FormatV04())
    result = scan(tmp_path / "i.zarr")
    assert [channel.name for channel in result.channels] == ["C01", "C02"]
    assert result.pixel_size_um is None
    reader = PlaneReader(result.root, result.reader)
    for row, plane in zip(result.planes.itertuples(), pixels, strict=True):
        np.testing.assert_array_equal(reader.read(row.path, row.series, row.page), plane)


def test_several_images_of_a_folder(tmp_path):
    write_image(tmp_path / "a.zarr", 0)
    write_image(tmp_path / "b.zarr", 5000)
    (tmp_path / "c.zarr").mkdir()
    result = scan(tmp_path)
    assert result.sites_per_well == {"A01": 2}
    assert "c.zarr" in said(result, "unreadable")
    assert said(result, "ignored") == ""
    assert values(result)[-1] == 5112


OME = """<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">
<Image ID="Image:0" Name="left"><Pixels PhysicalSizeX="9" PhysicalSizeY="9">
<Channel ID="1" Name="Hoechst" EmissionWavelength="450"/><Channel ID="2" Name="RFP"/>
<Plane TheT="0" TheC="1" TheZ="2" PositionX="3" PositionY="4" PositionZ="8" DeltaT="1"
 ExposureTime="0.02" ExposureTimeUnit="s"/>
</Pixels></Image>
<Image ID="Image:1" Name="right"><Pixels><Channel ID="1" Name="Hoechst"/>
<Channel ID="2" Name="RFP"/></Pixels></Image></OME>"""


def write_series(path: Path, listed: bool = True) -> Path:
    write_group(path, {"bioformats2raw.layout": 3}, "0.4")
    for number in range(2):
        write_image(path / str(number), 1000 * number, version="0.4")
    write_group(path / "OME", {"series": ["1", "0"]} if listed else {}, "0.4")
    (path / "OME" / "METADATA.ome.xml").write_text(OME)
    return path


def test_layout_of_bioformats2raw(tmp_path):
    result = scan(write_series(tmp_path / "b.zarr", listed=False))
    assert [site["name"] for site in result.metadata["sites"]] == ["left", "right"]
    assert [(c.name, c.emission_nm, c.exposure_ms) for c in result.channels] == [
        ("Hoechst", 450, None),
        ("RFP", None, 20),
    ]
    assert result.pixel_size_um == (0.5, 0.25)
    first = result.planes[result.planes["site"] == 1].iloc[-1]
    assert (first.stage_y_um, first.stage_x_um) == (4, 3)
    assert result.planes["stage_z_um"].max() == 8
    assert values(result)[0] == 0


def test_series_in_the_order_that_is_stated(tmp_path):
    result = scan(write_series(tmp_path / "b.zarr"))
    assert [value for value in values(result) if value % 1000 == 0] == [1000, 0]


def test_series_without_their_description(tmp_path):
    path = write_series(tmp_path / "b.zarr")
    (path / "OME" / "METADATA.ome.xml").unlink()
    result = scan(path)
    assert result.sites_per_well == {"A01": 2}
    assert "METADATA.ome.xml cannot be read" in said(result, "incomplete")
    shutil.rmtree(path / "OME")
    assert scan(path).sites_per_well == {"A01": 2}


def test_lost_well_and_damaged_field(tmp_path):
    plate = write_plate(tmp_path / "p.zarr")
    shutil.rmtree(plate / "C" / "11")
    (plate / "B" / "03" / "0_1" / "zarr.json").write_text("{")
    result = scan(plate)
    assert result.sites_per_well == {"B03": 1}
    assert "well C11 is announced" in said(result, "missing")
    assert "B/03/0_1' is left out" in said(result, "unreadable")


def edit(path: Path, change) -> None:
    content = json.loads(path.read_text())
    change(content["attributes"]["ome"])
    path.write_text(json.dumps(content))


BROKEN = [
    pytest.param(lambda ome: ome.pop("multiscales"), "neither an image nor a plate", id="nothing"),
    pytest.param(lambda ome: ome.update(plate={"wells": []}), "announces no images", id="plate"),
    pytest.param(lambda ome: ome.update(version="0.1"), "version 0.1", id="version"),
    pytest.param(lambda ome: ome["multiscales"][0]["axes"].reverse(), "its axes are", id="axes"),
    pytest.param(
        lambda ome: ome["multiscales"][0]["datasets"].clear(), "breaks?|break at", id="no-levels"
    ),
]


@pytest.mark.parametrize(("change", "message"), BROKEN)
def test_broken_image(tmp_path, change, message):
    path = write_image(tmp_path / "i.zarr", 0)
    edit(path / "zarr.json", change)
    with pytest.raises(FormatError, match=message):
        scan(path)


def test_sizes_that_cannot_be(tmp_path):
    path = write_image(tmp_path / "i.zarr", 0)
    level = json.loads((path / "0" / "zarr.json").read_text())
    level["shape"][0] = 10**9
    (path / "0" / "zarr.json").write_text(json.dumps(level))
    with pytest.raises(FormatError, match="1000000000, 2, 3"):
        scan(path)


def test_field_that_points_outside(tmp_path):
    plate = write_plate(tmp_path / "p.zarr")
    secret = write_image(tmp_path / "secret", 0)
    images = {"images": [{"path": f"../../../{secret.name}"}]}
    write_group(plate / "B" / "03", {"well": images}, "0.5")
    result = scan(plate)
    assert result.wells == ["C11"]
    assert "points outside" in said(result, "missing")


def test_image_that_vanished_or_changed(tmp_path):
    path = write_image(tmp_path / "i.zarr", 0)
    reader = PlaneReader(tmp_path, "omezarr")
    with pytest.raises(FormatError, match="Plane 999"):
        reader.read("i.zarr", 0, 999)
    shutil.rmtree(path)
    with pytest.raises(FormatError, match="no OME-Zarr image any more"):
        PlaneReader(tmp_path, "omezarr").read("i.zarr", 0, 0)


def test_a_few_omezarr_beside_many_tiffs_do_not_count(tmp_path):
    import tifffile

    write_image(tmp_path / "i.zarr", 0)
    for number in range(2):
        tifffile.imwrite(tmp_path / f"{number}.tif", np.zeros((4, 6), np.uint8))
    assert recognise(tmp_path).name == "TIFF"


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_damaged_metadata_give_only_our_own_errors(tmp_path, data):
    path = tmp_path / "p.zarr"
    if not path.exists():
        write_plate(path)
    file = path / data.draw(
        st.sampled_from(
            ["zarr.json", "B/03/zarr.json", "B/03/0_0/zarr.json", "B/03/0_0/0/zarr.json"]
        )
    )
    whole = file.read_bytes()
    content = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(32, 126))
    file.write_bytes(content)
    try:
        with suppress(TmapsError):
            scan(path)
    finally:
        file.write_bytes(whole)


def test_planes_in_too_many_chunks(tmp_path):
    image = write_image(tmp_path / "a.zarr", 0)
    path = image / "0" / "zarr.json"
    whole = json.loads(path.read_text())
    path.write_text(json.dumps({**whole, "shape": [2, 2, 3, 999_999, 6]}))
    with pytest.raises(FormatError, match="cuts each plane into 250000 chunks"):
        OmeZarrPlanes(image)


def test_array_with_a_number_beyond_all_measure(tmp_path):
    # Found by fuzzing: the library raises an OverflowError.
    image = write_image(tmp_path / "a.zarr", 0, version="0.4")
    path = image / "0" / ".zarray"
    path.write_text(json.dumps({**json.loads(path.read_text()), "fill_value": 2**63}))
    with pytest.raises(FormatError, match="Level '0' of the image"):
        OmeZarrPlanes(image)
