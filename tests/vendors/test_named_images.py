"""Formats whose names tell the layout: scanR, Matrix Screener, ALMF, CQ1."""

from __future__ import annotations

from contextlib import suppress
from itertools import product
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_tmaps.errors import FormatError, InputError, TmapsError
from napari_tmaps.model.wells import PlateFormat
from napari_tmaps.vendors import recognise, scan
from napari_tmaps.vendors.pixels import PlaneReader


def write(path: Path, value: int = 1, **options) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    tifffile.imwrite(path, np.full((4, 6), value, np.uint16), metadata=None, **options)


def said(result, kind: str) -> str:
    return " ".join(str(oddity) for oddity in result.oddities if oddity.kind == kind)


def pixel_values(result) -> list[int]:
    """The value of each plane of the table, which has the same value in all pixels."""
    reader = PlaneReader(result.root, result.reader)
    planes = result.planes.itertuples()
    values = [np.unique(reader.read(p.path, p.series, p.page)).tolist() for p in planes]
    reader.close()
    assert all(len(value) == 1 for value in values)
    return [value[0] for value in values]


# -- scanR ----------------------------------------------------------------------------------


def item(kind: str, name: str, value: object) -> str:
    return f"<{kind}><Name>{name}</Name><Val>{value}</Val></{kind}>"


def cluster(name: str, *items: str) -> str:
    return f"<Cluster><Name>{name}</Name><NumElts>{len(items)}</NumElts>{''.join(items)}</Cluster>"


DESCRIPTOR = (
    '<?xml version="1.0" encoding="utf-8"?><LVData><Version>8.0</Version>'
    + cluster(
        "experiment",
        item("String", "plate name", "Plate Ü"),
        item("DBL", "conversion factor um/pixel", 0.645),
        cluster("format typedef", item("I32", "Rows", 8), item("I32", "Columns", 12)),
        "<Array><Name>channels</Name><Dimsize>2</Dimsize>"
        + cluster("channel", item("String", "name", "mCherry"), item("DBL", "exposure time", 20))
        + cluster("channel", item("String", "name", "GFP"), item("DBL", "exposure time", 35))
        + "</Array>",
        "<Array><Name>subposition list</Name><Dimsize>2</Dimsize>"
        + cluster("position", item("DBL", "x", -100), item("DBL", "y", 5))
        + cluster("position", item("DBL", "x", 100), item("DBL", "y", 7))
        + "</Array>",
    )
    + "</LVData>"
)


def scanr(folder: Path, descriptor: str | None = DESCRIPTOR) -> Path:
    """Wells A1, B12, two positions, two z, two times, GFP and mCherry."""
    wells, names = ("A1", "B12"), ("GFP", "mCherry")
    for w, p, z, t, c in product(range(2), (1, 2), range(2), range(2), range(2)):
        name = f"{wells[w]}--W{w + 1:05d}--P{p:05d}--Z{z:05d}--T{t:05d}--{names[c]}.tif"
        write(folder / "data" / name, 10000 * (w + 1) + 1000 * p + 100 * z + 10 * t + c)
    if descriptor is not None:
        (folder / "experiment_descriptor.xml").write_text(descriptor, encoding="utf-8")
    return folder


def test_scanr_layout(tmp_path):
    result = scan(scanr(tmp_path))
    assert result.vendor == "Olympus scanR"
    assert result.plates == ["Plate Ü"]
    assert result.plate_format == PlateFormat(8, 12)
    assert result.sites_per_well == {"A01": 2, "B12": 2}
    assert result.pixel_size_um == (0.645, 0.645)
    assert [(c.name, c.exposure_ms) for c in result.channels] == [("mCherry", 20.0), ("GFP", 35.0)]
    positions = result.planes.groupby("site")[["stage_x_um", "stage_y_um"]].first()
    assert positions.to_numpy().tolist() == [[-100.0, 5.0], [100.0, 7.0]]
    assert [oddity.kind for oddity in result.oddities] == ["doubtful"]
    assert "direction" in said(result, "doubtful")


def test_scanr_pixels(tmp_path):
    result = scan(scanr(tmp_path))
    expected = [
        10000 * ["A01", "B12"].index(p.well)
        + 10000
        + 1000 * p.site
        + 100 * p.z
        + 10 * p.t
        + ["GFP", "mCherry"].index(p.channel)
        for p in result.planes.itertuples()
    ]
    assert pixel_values(result) == expected


def test_scanr_descriptor_stands_for_its_folder(tmp_path):
    assert len(scan(scanr(tmp_path) / "experiment_descriptor.xml").planes) == 32


@pytest.mark.parametrize(
    ("descriptor", "kind"),
    [
        pytest.param(None, "incomplete", id="lost"),
        pytest.param(DESCRIPTOR[:200], "unreadable", id="truncated"),
        pytest.param(
            DESCRIPTOR.replace("<LVData>", '<!DOCTYPE x [<!ENTITY a "b">]><LVData>'),
            "unreadable",
            id="entities",
        ),
    ],
)
def test_scanr_by_names_alone(tmp_path, descriptor, kind):
    result = scan(scanr(tmp_path, descriptor))
    assert len(result.planes) == 32
    assert [channel.name for channel in result.channels] == ["GFP", "mCherry"]
    assert result.pixel_size_um is None
    assert not result.stage_known
    assert [oddity.kind for oddity in result.oddities] == [kind]
    assert "names of the images alone" in said(result, kind)


def test_scanr_descriptor_of_fewer_positions(tmp_path):
    text = DESCRIPTOR.replace("<Name>y</Name><Val>7</Val>", "<Name>y</Name><Val></Val>")
    assert not scan(scanr(tmp_path, text)).stage_known


def test_scanr_offset_of_the_camera(tmp_path):
    write(tmp_path / "A1--W00001--P00001--Z00000--T00000--GFP.tif", 33000)
    result = scan(tmp_path)
    assert "offset of 32768" in said(result, "doubtful")
    assert pixel_values(result) == [33000]


def test_scanr_missing_and_truncated_images(tmp_path):
    folder = scanr(tmp_path)
    first, second, *_ = sorted((folder / "data").iterdir())
    first.unlink()
    second.write_bytes(second.read_bytes()[:100])
    result = scan(folder)
    assert result.planes["missing"].sum() == 2
    assert second.name in said(result, "unreadable")


def test_scanr_two_measurements(tmp_path):
    scanr(tmp_path / "a")
    scanr(tmp_path / "b")
    with pytest.raises(FormatError, match="holds 2 measurements"):
        scan(tmp_path)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.integers(0, len(DESCRIPTOR)),
    st.integers(0, 40),
    st.sampled_from(["", "<", "9" * 400, "nan", "&x;", "\0"]),
)
def test_any_damage_of_the_descriptor_gives_only_our_errors(tmp_path, start, length, patch):
    text = DESCRIPTOR[:start] + patch + DESCRIPTOR[start + length :]
    (tmp_path / "experiment_descriptor.xml").write_text(text, encoding="utf-8")
    write(tmp_path / "A1--W00001--P00001--Z00000--T00000--GFP.tif", 1)
    with suppress(TmapsError):
        assert len(scan(tmp_path).planes) == 1


def test_real_scanr(shared_data):
    result = scan(shared_data / "scanr_plateviewer")
    assert result.wells == ["A01"]
    assert [channel.name for channel in result.channels] == ["GFP", "mcherry"]
    assert result.image_size == (1024, 1344)
    assert "offset of 32768" in said(result, "doubtful")


# -- Leica ----------------------------------------------------------------------------------

OME = """<?xml version="1.0" encoding="UTF-8"?>
<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2008-02"><Image ID="Image:0">
<Pixels ID="Pixels:0" PhysicalSizeX="0.5" PhysicalSizeY="0.25" PhysicalSizeZ="2"/></Image></OME>"""


def matrix(folder: Path, *, jobs=(8,), loops=(0,), zs=(0, 1), text: str | None = OME) -> Path:
    """Wells A01 and B03, fields of 2 columns × 1 row, channels 0, 1."""
    for (u, v), x, j, lo, z, c in product(((0, 0), (2, 1)), (0, 1), jobs, loops, zs, (0, 1)):
        name = (
            f"slide--S00/chamber--U{u:02d}--V{v:02d}/field--X{x:02d}--Y00/image--L{lo:04d}--S00"
            f"--U{u:02d}--V{v:02d}--J{j:02d}--E00--O00--X{x:02d}--Y00--T0000"
            f"{'' if z is None else f'--Z{z:02d}'}--C{c:02d}.ome.tif"
        )
        value = 10000 * v + 1000 * x + 100 * (j % 10) + 50 * lo + 10 * (z or 0) + c
        write(folder / name, value, description=text)
    return folder


def test_matrix_screener(tmp_path):
    result = scan(matrix(tmp_path))
    assert result.vendor == "Leica Matrix Screener"
    assert result.sites_per_well == {"A01": 2, "B03": 2}
    assert [channel.name for channel in result.channels] == ["C00", "C01"]
    assert result.pixel_size_um == (0.25, 0.5)
    assert result.z_step_um == 2.0
    assert result.metadata["site_grid"] == {"rows": 1, "columns": 2}
    assert result.oddities == ()
    expected = [
        10000 * (p.well == "B03") + 1000 * (p.site - 1) + 800 + 10 * p.z + int(p.channel[1:])
        for p in result.planes.itertuples()
    ]
    assert pixel_values(result) == expected


def test_matrix_screener_jobs_loops_and_no_z(tmp_path):
    result = scan(matrix(tmp_path, jobs=(8, 9), loops=(0, 1), zs=(None,)))
    assert [channel.name for channel in result.channels] == [
        "J08_C00",
        "J08_C01",
        "J09_C00",
        "J09_C01",
    ]
    assert result.summary()["size_t"] == 2
    assert result.z_step_um is None
    expected = [
        10000 * (p.well == "B03")
        + 1000 * (p.site - 1)
        + 100 * int(p.channel[1:3])
        + 50 * p.t
        + int(p.channel[-2:])
        for p in result.planes.itertuples()
    ]
    assert pixel_values(result) == expected


def test_matrix_screener_without_size_of_pixels(tmp_path):
    result = scan(matrix(tmp_path, text="nothing"))
    assert result.pixel_size_um is None
    assert "no size of pixels" in said(result, "incomplete")


def test_matrix_screener_missing_image(tmp_path):
    folder = matrix(tmp_path)
    next(folder.rglob("*U02--V01*X01*Z01--C01*")).unlink()
    missing = scan(folder).planes.query("missing")
    assert missing[["well", "site", "channel", "z"]].to_numpy().tolist() == [["B03", 2, "C01", 1]]


def almf(site: int, channel: int, ending: str) -> str:
    return f"My-plate--A1--A1--W0001--P{site:03d}--T00001--Z001--C{channel:02d}.ome.{ending}"


def test_almf_names_of_tiffs(tmp_path):
    for site, channel in product((1, 2), (1, 2)):
        write(tmp_path / f"P{site}" / almf(site, channel, "tif"), 10 * site + channel)
        iio.imwrite(tmp_path / almf(site, channel, "png"), np.zeros((2, 2), np.uint8))
    result = scan(tmp_path)
    assert result.plates == ["My-plate"]
    assert result.sites_per_well == {"A01": 2}
    assert pixel_values(result) == [11, 12, 21, 22]
    assert "4 images" in said(result, "ignored")


def test_almf_pictures_in_grey_and_colour(tmp_path):
    for site in (1, 2):
        colour = np.full((16, 16, 3), (10, 20, 30), np.uint8)
        iio.imwrite(tmp_path / almf(site, 1, "png"), colour)
        iio.imwrite(tmp_path / almf(site, 2, "png"), np.full((16, 16), 40 + site, np.uint8))
    result = scan(tmp_path)
    names = [channel.name for channel in result.channels]
    assert names == ["C01 R", "C01 G", "C01 B", "C02"]
    table = result.planes.assign(value=pixel_values(result))
    assert table.set_index(["site", "channel"])["value"].to_dict() == {
        (1, "C01 R"): 10,
        (1, "C01 G"): 20,
        (1, "C01 B"): 30,
        (1, "C02"): 41,
        (2, "C01 R"): 10,
        (2, "C01 G"): 20,
        (2, "C01 B"): 30,
        (2, "C02"): 42,
    }
    assert "2 images are colour pictures" in said(result, "doubtful")


def test_damaged_picture(tmp_path):
    (tmp_path / almf(1, 1, "jpeg")).write_bytes(b"\xff\xd8 nothing")
    iio.imwrite(tmp_path / almf(2, 1, "jpeg"), np.full((16, 16), 9, np.uint8))
    result = scan(tmp_path)
    assert result.planes["missing"].tolist() == [True, False]
    assert "cannot be read" in said(result, "unreadable")


def test_damaged_colour_picture(tmp_path):
    iio.imwrite(tmp_path / almf(1, 1, "png"), np.full((16, 16, 3), (10, 20, 30), np.uint8))
    (tmp_path / almf(2, 1, "png")).write_bytes(b"nothing")
    planes = scan(tmp_path).planes
    missing = planes[planes["missing"]]
    assert set(missing["channel"]) == {"C01 R", "C01 G", "C01 B"}
    assert set(missing["site"]) == {2}


@pytest.mark.parametrize(
    "name",
    [
        "image--L0000--S00--U99--V00--J08--E00--O00--X00--Y00--T0000--C00.ome.tif",
        "p--A00--A00--W0001--P001--T00001--Z001--C01.ome.tif",
    ],
    ids=["matrix", "almf"],
)
def test_well_that_no_plate_has(tmp_path, name):
    write(tmp_path / name)
    with pytest.raises(InputError, match="no well"):
        scan(tmp_path)


def test_names_of_both_kinds(tmp_path):
    matrix(tmp_path)
    write(tmp_path / almf(1, 1, "tif"))
    with pytest.raises(FormatError, match="16 images of Matrix Screener and 1 with"):
        scan(tmp_path)


def test_real_almf(shared_data):
    result = scan(shared_data / "leica_matrix_jpeg")
    assert result.plates == ["D0004BS000000007-1uM"]
    assert result.sites_per_well == {"A01": 12}
    assert [channel.name[:3] for channel in result.channels] == ["C01", "C01", "C01", "C02"]
    assert result.image_size == (2160, 2160)
    assert not result.planes["missing"].any()


# -- Yokogawa CQ1 ---------------------------------------------------------------------------


def test_cq1(tmp_path):
    for w, f, z, c in product((1, 14), (1, 2), (1, 2), (1, 2)):
        name = f"W{w:04d}F{f:04d}T0001Z{z:03d}C{c}.tif"
        write(tmp_path / "Image" / name, 1000 * w + 100 * f + 10 * z + c)
    result = scan(tmp_path)
    assert result.vendor == "Yokogawa CQ1"
    assert result.sites_per_well == {"A01": 2, "B02": 2}
    assert result.plate_format == PlateFormat(8, 12)
    assert "plate of 96 wells" in said(result, "doubtful")
    expected = [
        1000 * {"A01": 1, "B02": 14}[p.well] + 100 * p.site + 10 * (p.z + 1) + int(p.channel[1:])
        for p in result.planes.itertuples()
    ]
    assert pixel_values(result) == expected


def test_cq1_of_a_larger_plate(tmp_path):
    for well in (1, 100):
        write(tmp_path / f"W{well:04d}F0001T0001Z001C1.tif")
    result = scan(tmp_path)
    assert result.plate_format == PlateFormat(16, 24)
    assert result.wells == ["A01", "E04"]


@pytest.mark.parametrize("well", ["0000", "9999"])
def test_cq1_of_no_plate(tmp_path, well):
    write(tmp_path / f"W{well}F0001T0001Z001C1.tif")
    with pytest.raises(FormatError, match="plates have wells 1 to 1536"):
        scan(tmp_path)


def test_cq1_two_measurements(tmp_path):
    for folder in ("a", "b"):
        write(tmp_path / folder / "W0001F0001T0001Z001C1.tif")
    with pytest.raises(FormatError, match="holds 2 measurements"):
        scan(tmp_path)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("A1--P00001--GFP.tif", id="scanr"),
        pytest.param("image--L0000--S00--U00.ome.xml", id="matrix"),
        pytest.param("W0001F0001.tif", id="cq1"),
    ],
)
def test_other_names_are_not_ours(tmp_path, name):
    write(tmp_path / name)
    assert recognise(tmp_path) is None or recognise(tmp_path).name not in {
        "Olympus scanR",
        "Leica Matrix Screener",
        "Yokogawa CQ1",
    }
