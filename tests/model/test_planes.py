from __future__ import annotations

from pathlib import Path

import pytest

from napari_tmaps.errors import FormatError, InputError
from napari_tmaps.model.channels import Channel, display_colors
from napari_tmaps.model.planes import (
    COLUMNS,
    Oddity,
    Scan,
    dense,
    find_duplicates,
    make_planes,
    sort_planes,
)


@pytest.fixture
def planes():
    return make_planes(
        plate="P1",
        well=["B10", "B02", "B02", "AA01"],
        site=[1, 2, 1, 1],
        path=["d", "c", "b", "a"],
        height=[10, 10, 10, 20],
        width=[12, 12, 12, 12],
        dtype="uint16",
    )


def test_planes_are_complete_typed_and_sorted(planes):
    assert list(planes.columns) == list(COLUMNS)
    assert planes["well"].tolist() == ["B02", "B02", "B10", "AA01"]
    assert planes["path"].tolist() == ["b", "c", "d", "a"]
    assert {name: str(dtype) for name, dtype in planes.dtypes.items()} == COLUMNS
    assert sort_planes(planes.sample(frac=1, random_state=0)).equals(planes)


def test_planes_refuse_what_does_not_fit():
    with pytest.raises(FormatError, match="no column 'welll'"):
        make_planes(welll="A01")
    with pytest.raises(FormatError, match="'site'"):
        make_planes(site=["one"])


def test_summary_in_the_documented_form(planes):
    scan = Scan(
        "Test",
        Path("/data"),
        planes.assign(missing=[False, True, False, False]),
        (Channel("C01"),),
        pixel_size_um=(0.5, 0.25),
        oddities=(Oddity("missing", "One image is missing."),),
    )
    assert scan.summary() == {
        "vendor": "Test",
        "plates": ["P1"],
        "wells": ["B02", "B10", "AA01"],
        "sites_per_well": {"B02": 2, "B10": 1, "AA01": 1},
        "channels": ["C01"],
        "size_z": 1,
        "size_t": 1,
        "z_planes": {"C01": 1},
        "time_points": {"C01": 1},
        "cycles": 1,
        "image_size": [10, 12],
        "dtype": "uint16",
        "pixel_size_um": [0.5, 0.25],
        "z_step_um": None,
        "planes": 3,
        "oddities": ["One image is missing."],
    }
    assert not scan.stage_known


def test_duplicates_are_found_but_not_among_missing(planes):
    assert find_duplicates(planes).empty
    twice = make_planes(well="B02", path=["x.tif", "y.tif"])
    assert find_duplicates(twice)["path"].tolist() == ["x.tif", "y.tif"]
    assert find_duplicates(twice.assign(missing=True)).empty


def test_dense(planes):
    assert dense(planes["height"]).tolist() == [0, 0, 0, 1]


def test_channels_check_themselves():
    with pytest.raises(InputError, match="not empty"):
        Channel("  ")
    with pytest.raises(InputError, match="#RRGGBB"):
        Channel("DAPI", color="blue")


def test_display_colors_are_distinct():
    channels = [Channel("DAPI"), Channel("GFP"), Channel("x"), Channel("y", color="#123456")]
    colors = display_colors(channels)
    assert colors[3] == "#123456"
    assert len(set(colors)) == 4
    assert display_colors([Channel("anything")]) == ["#FFFFFF"]
    dyed = [Channel("C01", fluorophore="Hoechst 33342"), Channel("C02", fluorophore="Cy5")]
    assert display_colors(dyed) == ["#0080FF", "#FF00FF"]


def test_facts_of_a_channel_without_a_dye_are_those_of_before():
    # What an experiment was made of is told by a digest of them.
    assert Channel("DAPI", bit_depth=12).facts() == {
        "name": "DAPI",
        "color": None,
        "excitation_nm": None,
        "emission_nm": None,
        "exposure_ms": None,
        "bit_depth": 12,
    }
    assert Channel("DAPI", fluorophore="Hoechst").facts()["fluorophore"] == "Hoechst"
