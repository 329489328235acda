from __future__ import annotations

import pytest

from napari_tmaps.errors import InputError
from napari_tmaps.model.wells import PLATE_FORMATS, PlateFormat, WellName, row_letters, sorted_wells

NAMES = [
    pytest.param("A1", ("A", 1), "A01", id="short"),
    pytest.param("b03", ("B", 3), "B03", id="lower-case"),
    pytest.param("B - 3", ("B", 3), "B03", id="spaces"),
    pytest.param("P24", ("P", 24), "P24", id="384-last"),
    pytest.param("AF48", ("AF", 48), "AF48", id="1536-last"),
    pytest.param("C003", ("C", 3), "C03", id="three-digits"),
]


@pytest.mark.parametrize(("text", "parts", "written"), NAMES)
def test_parse(text, parts, written):
    well = WellName.parse(text)
    assert (well.row, well.column) == parts
    assert str(well) == written
    assert WellName.parse(str(well)) == well


@pytest.mark.parametrize("text", ["", "3B", "B0", "B", "AAA1", "B100", "well", "B3.5"])
def test_parse_refuses(text):
    with pytest.raises(InputError, match="B03"):
        WellName.parse(text)


@pytest.mark.parametrize(
    ("index", "letters"), [(0, "A"), (25, "Z"), (26, "AA"), (31, "AF"), (51, "AZ"), (52, "BA")]
)
def test_rows(index, letters):
    assert row_letters(index) == letters
    assert WellName(letters, 1).row_index == index


@pytest.mark.parametrize("index", [-1, 702])
def test_rows_out_of_range(index):
    with pytest.raises(InputError, match="ZZ"):
        row_letters(index)


def test_wells_sort_as_the_plate_does():
    assert sorted_wells(["AA01", "B10", "A02", "B09", "Z01"]) == [
        "A02",
        "B09",
        "B10",
        "Z01",
        "AA01",
    ]


def test_all_wells_of_a_1536_plate_round_trip():
    plate = PlateFormat.of(1536)
    names = [str(WellName.at(r, c)) for r in range(plate.rows) for c in range(plate.columns)]
    assert len(set(names)) == 1536
    assert names[0] == "A01"
    assert names[-1] == "AF48"
    assert sorted_wells(names) == names


@pytest.mark.parametrize(
    ("wells", "count"),
    [(["A01"], 1), (["H12"], 96), (["A13"], 384), (["I01"], 384), (["Q01"], 1536), (["B02"], 96)],
)
def test_likely_plate_that_holds(wells, count):
    assert PlateFormat.holding([WellName.parse(name) for name in wells]).wells == count


def test_plate_formats():
    assert [plate.wells for plate in PLATE_FORMATS] == [1, 6, 12, 24, 48, 96, 384, 1536]
    with pytest.raises(InputError, match="no plate of 100 wells"):
        PlateFormat.of(100)


def test_well_outside_of_its_plate():
    plate = PlateFormat.of(96)
    plate.check(WellName("H", 12))
    with pytest.raises(InputError, match=r"Well I01 does not fit a plate of 96 wells.*H12"):
        plate.check(WellName("I", 1))
    with pytest.raises(InputError, match="A13"):
        plate.check(WellName("A", 13))
