from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from napari_tmaps.errors import InputError
from napari_tmaps.model.layout import (
    GridSettings,
    assign_offsets,
    final_planes,
    find_gaps,
    site_table,
)
from napari_tmaps.model.planes import make_planes


def planes_with_pixels(**columns):
    return make_planes(height=100, width=200, plate="P", **columns).assign(
        pixel_y_um=1.0, pixel_x_um=0.5
    )


def test_sites_from_stage_positions():
    planes = planes_with_pixels(
        well="B03",
        site=[1, 2, 3, 4],
        stage_y_um=[0.0, 0.0, 100.0, 100.0],
        stage_x_um=[100.0, 0.0, 0.0, 100.0],
    )
    sites, notes = site_table(planes, GridSettings())
    assert sites[["y", "x"]].to_numpy().tolist() == [[0, 1], [0, 0], [1, 0], [1, 1]]
    assert sites[["height", "width"]].to_numpy().tolist() == [[100, 200]] * 4
    assert notes == []


def test_sites_in_a_stated_order():
    planes = planes_with_pixels(well="B03", site=[1, 2, 3, 4, 5, 6])
    sites, notes = site_table(planes, GridSettings("zigzag_horizontal", 2, 3))
    assert sites["x"].tolist() == [0, 1, 2, 2, 1, 0]
    assert sites["y"].tolist() == [0, 0, 0, 1, 1, 1]
    assert notes == []
    by_rows, _ = site_table(planes, GridSettings("zigzag_horizontal", 0, 3))
    assert by_rows.equals(sites)


def test_sites_of_a_wrong_grid():
    planes = planes_with_pixels(well="B03", site=[1, 2, 3])
    with pytest.raises(InputError, match="3 sites"):
        site_table(planes, GridSettings("horizontal", 2, 2))


def test_unplaced_sites_are_said():
    planes = planes_with_pixels(well="B03", site=[1, 2, 3])
    sites, notes = site_table(planes, GridSettings())
    assert sites[["y", "x"]].to_numpy().tolist() == [[0, 0], [0, 1], [1, 0]]
    assert "B03" in notes[0]
    single, notes = site_table(planes_with_pixels(well=["B03", "B04"]), GridSettings())
    assert len(single) == 2
    assert notes == []


def test_sites_at_the_same_place_are_said():
    planes = planes_with_pixels(well="B03", site=[1, 2], stage_y_um=0.0, stage_x_um=[0.0, 1.0])
    _, notes = site_table(planes, GridSettings())
    assert "share a place" in notes[0]


def acquisition(channels=("C01",), wells=("A01",), times=1):
    rows = [(w, c, t) for w in wells for c in channels for t in range(times)]
    well, channel, t = zip(*rows, strict=True)
    return make_planes(well=list(well), channel=list(channel), t=list(t))


OFFSETS = [
    pytest.param("canonical", [acquisition(), acquisition()], [(0, 0), (1, 0)], id="time-series"),
    pytest.param(
        "canonical",
        [acquisition(times=3), acquisition(), acquisition()],
        [(0, 0), (3, 0), (4, 0)],
        id="three",
    ),
    pytest.param(
        "canonical", [acquisition(), acquisition(("C02",))], [(0, 0), (0, 0)], id="new-channel"
    ),
    pytest.param(
        "canonical", [acquisition(), acquisition(wells=("A02",))], [(0, 0), (0, 0)], id="new-well"
    ),
    pytest.param("multiplexing", [acquisition(), acquisition()], [(0, 0), (0, 1)], id="cycles"),
]


@pytest.mark.parametrize(("workflow_type", "tables", "expected"), OFFSETS)
def test_offsets(workflow_type, tables, expected):
    acquisitions = [(number, "P", table) for number, table in enumerate(tables)]
    assert list(assign_offsets(acquisitions, workflow_type).values()) == expected


def test_offsets_restart_with_each_plate():
    acquisitions = [(1, "P", acquisition()), (2, "Q", acquisition())]
    assert assign_offsets(acquisitions, "multiplexing") == {1: (0, 0), 2: (0, 0)}


def test_multiplexing_names_channels_by_cycle():
    planes = make_planes(channel="C01").assign(t_offset=2, cycle_offset=1)
    final = final_planes(planes, "multiplexing", mip=False)
    assert final.loc[0, ["channel", "cycle", "t"]].tolist() == ["1_C01", 1, 2]
    assert "t_offset" not in final


def test_projection_gives_all_planes_one_place():
    planes = make_planes(z=[0, 1, 2]).assign(t_offset=0, cycle_offset=0)
    assert final_planes(planes, "canonical", mip=True)["z"].tolist() == [0, 0, 0]


def test_gaps_are_holes_and_declared_losses():
    planes = make_planes(
        plate="P",
        well=["B02", "B02", "B03", "B03", "B04"],
        channel=["C01", "C02", "C01", "C02", "C01"],
        path=["a", "b", "c", "d", "e"],
        missing=[False, False, False, True, False],
    )
    gaps = find_gaps(planes)
    assert gaps[["well", "channel", "reason"]].to_numpy().tolist() == [
        ["B03", "C02", "the image file is missing: d"],
        ["B04", "C02", "not recorded"],
    ]


def test_no_gaps_where_scenes_differ_in_depth():
    planes = make_planes(site=[1, 1, 1, 2], z=[0, 1, 2, 0])
    assert find_gaps(planes).empty
    hole = make_planes(site=[1, 1, 1, 2, 2], z=[0, 1, 2, 0, 2])
    assert find_gaps(hole)[["site", "z"]].to_numpy().tolist() == [[2, 1]]


def test_a_full_plate_and_one_that_could_be_have_the_same_empty_table():
    full = make_planes(
        plate=["P"] * 4 + ["Q"] * 2,
        site=[1, 1, 2, 2, 1, 2],
        channel=["C01", "C02", "C01", "C02", "C01", "C01"],
    )
    uneven = make_planes(site=[1, 1, 2], z=[0, 1, 0])  # nothing lacks, by another way
    gaps = find_gaps(full)
    assert gaps.empty
    pd.testing.assert_frame_equal(gaps, find_gaps(uneven))
    # a plane that is there twice makes up for none that lacks
    twice = full.assign(channel=["C01", "C02", "C01", "C01", "C01", "C01"])
    assert find_gaps(twice)[["plate", "site", "channel"]].to_numpy().tolist() == [["P", 2, "C02"]]


def test_a_cycle_that_some_sites_of_a_well_lack_is_a_gap():
    planes = make_planes(
        well=["B03"] * 3 + ["B04"],
        site=[1, 1, 2, 1],
        channel=["0_DAPI", "1_DAPI", "0_DAPI", "0_DAPI"],
        path=["a", "b", "c", "d"],
    ).assign(cycle=[0, 1, 0, 0])
    gaps = find_gaps(planes)
    # B04 was never to be stained again: none of its sites has that cycle.
    assert gaps[["well", "site", "cycle", "channel", "reason"]].to_numpy().tolist() == [
        ["B03", 2, 1, "1_DAPI", "not recorded"]
    ]


def test_types_of_the_site_table():
    sites, _ = site_table(planes_with_pixels(well="B03", site=[1, 2]), GridSettings())
    assert isinstance(sites, pd.DataFrame)
    assert all(np.issubdtype(sites[name].dtype, np.integer) for name in ("y", "x", "site"))
