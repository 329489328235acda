from __future__ import annotations

from contextlib import suppress
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_tmaps.errors import FormatError, InputError, TmapsError
from napari_tmaps.vendors import recognise, scan
from napari_tmaps.vendors.pixels import PlaneReader

WELLS = ((2, 3), (3, 11))  # B03, C11

HEAD = """<?xml version="1.0" encoding="ISO-8859-1" standalone="yes"?>
<ImageStack PlateID="1"><Creation date="2020-01-02" time="10:11:12"/>
<AutoLeadAcquisitionProtocol name="p">
<ObjectiveCalibration pixel_width="0.325" pixel_height="0.65" unit="um" magnification="20"
 objective_name="Nikon 20X"/>
<Plate columns="{columns}" rows="8" name="96 well"/>
<PlateMap><ZDimensionParameters enabled="true" number_of_slices="2" step="1.5"/></PlateMap>
<Wavelengths>
<Wavelength index="0"><ExcitationFilter name="UV" wavelength="360"/>
 <EmissionFilter name="DAPI" wavelength="460"/></Wavelength>
<Wavelength index="2"><EmissionFilter name="FITC" wavelength="525"/></Wavelength>
</Wavelengths></AutoLeadAcquisitionProtocol><Images path="D:\\plate">"""

IMAGE = """<Image filename="{name}" acquisition_time_ms="{time}"><Well label="x">
<Row number="{row}"/><Column number="{column}"/></Well>
<OffsetFromWellCenter x="{x}" y="{y}"/><FocusPosition z="{focus}"/><Exposure time="80"/>
<Identifier field_index="{field}" time_index="0" wave_index="{wave}" z_index="{z}"/></Image>"""


def value(row: int, field: int, wave: int, z: int) -> int:
    return 1000 * row + 100 * field + 10 * wave + z


def write(folder: Path, *, columns: int = 12, point_list: bool = False) -> Path:
    """2 wells × 2 fields × 2 waves (0, 2) × 2 z."""
    folder.mkdir()
    lines = [HEAD.format(columns=columns)]
    if point_list:
        lines.append('<offset_point x="-50" y="20"/><offset_point x="50" y="20"/>')
    for (row, column), field, wave, z in product(WELLS, range(2), (0, 2), range(2)):
        name = f"{'ABC'[row - 1]} - {column}(fld {field + 1} wv {wave} z {z + 1}).tif"
        pixels = np.full((4, 6), value(row, field, wave, z), np.uint16)
        tifffile.imwrite(folder / name, pixels, metadata=None)
        text = IMAGE.format(
            name=name, time=5000 + 100 * z, row=row, column=column, x=-100 + 200 * field, y=30,
            focus=10 + 1.5 * z, field=field, wave=wave, z=z,
        )  # fmt: skip
        lines.append(text.replace("OffsetFromWellCenter", "Nothing") if point_list else text)
    path = folder / "Plate 7.xdce"
    path.write_text("\n".join([*lines, "</Images></ImageStack>"]), encoding="latin-1")
    return path


def said(result, kind: str) -> str:
    return " ".join(str(oddity) for oddity in result.oddities if oddity.kind == kind)


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="latin-1")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="latin-1")


def test_plate(tmp_path):
    path = write(tmp_path / "plate")
    result = scan(path)
    assert result.vendor == "IN Cell Analyzer"
    assert recognise(path.parent).name == result.vendor
    assert result.plates == ["Plate 7"]
    assert result.sites_per_well == {"B03": 2, "C11": 2}
    assert (result.pixel_size_um, result.z_step_um) == ((0.65, 0.325), 1.5)
    assert (result.plate_format.rows, result.plate_format.columns) == (8, 12)
    assert [(c.name, c.excitation_nm, c.emission_nm, c.exposure_ms) for c in result.channels] == [
        ("DAPI", 360, 460, 80),
        ("FITC", None, 525, 80),
    ]
    assert result.oddities == ()
    assert result.metadata["started"] == "2020-01-02T10:11:12"
    first = result.planes[["stage_y_um", "stage_x_um", "stage_z_um", "time_s"]].iloc[0]
    assert first.tolist() == [-30, -100, 10, 0]
    reader = PlaneReader(result.root, result.reader)
    for row in result.planes.itertuples():
        wave = {"DAPI": 0, "FITC": 2}[row.channel]
        expected = value({"B03": 2, "C11": 3}[row.well], row.site - 1, wave, row.z)
        assert np.unique(reader.read(row.path, row.series, row.page)).tolist() == [expected]
    reader.close()


def test_positions_of_fields(tmp_path):
    planes = scan(write(tmp_path / "plate", point_list=True)).planes
    places = planes.groupby("site")[["stage_y_um", "stage_x_um"]].first()
    assert places.to_numpy().tolist() == [[-20, -50], [-20, 50]]


def test_images_that_are_lost_or_damaged(tmp_path):
    path = write(tmp_path / "plate")
    (path.parent / "B - 3(fld 1 wv 0 z 1).tif").unlink()
    (path.parent / "B - 3(fld 1 wv 0 z 2).tif").write_bytes(b"II*\0")
    result = scan(path)
    missing = result.planes[result.planes["missing"]]
    assert missing[["well", "site", "channel", "z"]].to_numpy().tolist() == [
        ["B03", 1, "DAPI", 0],
        ["B03", 1, "DAPI", 1],
    ]
    assert "1 image ('B - 3(fld 1 wv 0 z 1).tif') of the index not found" in said(result, "missing")
    assert "wv 0 z 2" in said(result, "unreadable")


def test_paths_in_the_index_lead_nowhere_else(tmp_path):
    path = write(tmp_path / "plate")
    tifffile.imwrite(tmp_path / "secret.tif", np.zeros((4, 6), np.uint16))
    edit(path, 'filename="B - 3(fld 1 wv 0 z 1).tif"', 'filename="../secret.tif"')
    result = scan(path)
    assert int(result.planes["missing"].sum()) == 1
    assert "secret.tif" in said(result, "missing")


WRONG = [
    pytest.param('wave_index="2"', 'wave_index="two"', FormatError, "'two' where a", id="number"),
    pytest.param('<Row number="2"/>', '<Row number="0"/>', FormatError, "Row -1", id="row"),
    pytest.param("</Images>", "", FormatError, "damaged at line", id="broken"),
]


@pytest.mark.parametrize(("old", "new", "error", "message"), WRONG)
def test_damaged_index(tmp_path, old, new, error, message):
    path = write(tmp_path / "plate")
    edit(path, old, new)
    with pytest.raises(error, match=message):
        scan(path)


def test_well_outside_of_the_plate(tmp_path):
    with pytest.raises(InputError, match="contradicts itself: Well C11"):
        scan(write(tmp_path / "plate", columns=6))


def test_index_without_images(tmp_path):
    path = tmp_path / "a.xdce"
    path.write_text("<ImageStack/>")
    with pytest.raises(FormatError, match="lists no images"):
        scan(path)


def test_index_alone(tmp_path):
    path = write(tmp_path / "plate")
    moved = path.rename(tmp_path / "a.xdce")
    for image in path.parent.iterdir():
        image.unlink()
    with pytest.raises(FormatError, match="None of the 16 images"):
        scan(moved)


def test_raw_images(tmp_path):
    path = write(tmp_path / "plate")
    path.write_text(path.read_text().replace(".tif", ".im"))
    for image in path.parent.glob("*.tif"):
        image.rename(image.with_suffix(".im"))
    with pytest.raises(FormatError, match=r"are \.im files, which are not read"):
        scan(path)


def test_two_measurements(tmp_path):
    write(tmp_path / "a")
    write(tmp_path / "b")
    with pytest.raises(FormatError, match="holds 2 measurements"):
        scan(tmp_path)


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_damaged_bytes_give_only_our_own_errors(tmp_path, data):
    path = tmp_path / "plate" / "Plate 7.xdce"
    if not path.exists():
        write(path.parent)
        tmp_path.joinpath("whole").write_bytes(path.read_bytes())
    content = bytearray(tmp_path.joinpath("whole").read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(32, 126))
    path.write_bytes(content)
    with suppress(TmapsError):
        scan(path)


def test_numbers_beyond_all_measure(tmp_path):
    # Found by fuzzing: a number that no column of integers holds.
    path = write(tmp_path / "p")
    edit(path, 'field_index="0"', f'field_index="{10**20}"')
    with pytest.raises(FormatError, match="Column 'site' of the planes does not fit"):
        scan(tmp_path)
