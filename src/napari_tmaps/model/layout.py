"""From source planes to the layout of an experiment: sites on their grid, time points, cycles.

Pure functions over the tables of `model.planes`; the step metaconfig calls them and stores what
they say.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, sqrt
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_tmaps.errors import InputError
from napari_tmaps.model.channels import name_in_cycle
from napari_tmaps.model.grid import StitchLayout, grid_from_layout, grid_from_positions
from napari_tmaps.model.planes import sort_planes
from napari_tmaps.model.words import counted

WorkflowType = Literal["canonical", "multiplexing"]
SITE = ["plate", "well", "site"]


@dataclass(frozen=True, slots=True)
class GridSettings:
    """How sites lie where the microscope gives no stage positions.

    Attributes
    ----------
    stitch_layout
        Order of acquisition.
    n_vertical, n_horizontal
        Rows and columns of the grid of sites; 0 means unknown.
    """

    stitch_layout: StitchLayout = "horizontal"
    n_vertical: int = 0
    n_horizontal: int = 0


def assign_offsets(
    acquisitions: Sequence[tuple[int, str, pd.DataFrame]], workflow_type: WorkflowType
) -> dict[int, tuple[int, int]]:
    """Where the time points and cycles of each acquisition start.

    canonical: an acquisition that repeats sites and channels of an earlier one of its plate goes
    on with the time series; one that brings other sites or channels starts at 0.
    multiplexing: each acquisition of a plate is a further staining cycle.

    Parameters
    ----------
    acquisitions
        (id, plate, planes) in the order in which they were added.

    Returns
    -------
    dict
        id → (t_offset, cycle_offset).
    """
    offsets: dict[int, tuple[int, int]] = {}
    seen: dict[str, list[tuple[set[tuple[str, int, str]], int]]] = {}
    cycles: dict[str, int] = {}
    for number, plate, planes in acquisitions:
        last_cycle = cycles.get(plate, 0)
        if workflow_type == "multiplexing":
            offsets[number] = (0, last_cycle)
            cycles[plate] = last_cycle + int(planes["cycle"].max()) + 1
            continue
        series = set(
            planes[["well", "site", "channel"]].drop_duplicates().itertuples(index=False, name=None)
        )
        earlier = seen.setdefault(plate, [])
        start = max((end for known, end in earlier if known & series), default=0)
        offsets[number] = (start, 0)
        earlier.append((series, start + int(planes["t"].max()) + 1))
    return offsets


def site_table(planes: pd.DataFrame, settings: GridSettings) -> tuple[pd.DataFrame, list[str]]:
    """Sites with their place in the well.

    Parameters
    ----------
    planes
        Columns of model.planes.COLUMNS and `pixel_y_um`, `pixel_x_um` (NaN where unknown).
    settings
        Used for wells whose sites have no stage positions.

    Returns
    -------
    sites
        plate, well, site, y, x, stage_y_um, stage_x_um, height, width, sorted as the plates are.
    notes
        What a person should know: positions that were missing and how sites were arranged.

    Raises
    ------
    InputError
        The stated grid does not have the number of sites of a well.
    """
    first = planes.drop_duplicates(SITE)[[*SITE]].reset_index(drop=True)
    grouped = planes.groupby(SITE, sort=False)
    facts = grouped[["stage_y_um", "stage_x_um", "pixel_y_um", "pixel_x_um"]].first()
    facts[["height", "width"]] = grouped[["height", "width"]].max()
    sites = first.join(facts, on=SITE)
    unplaced: list[str] = []
    places, by_stage = staged_places(sites)
    wells = sites["well"].tolist()
    for own in _rows_of_wells(sites):
        count = len(own)
        if by_stage[own[0]]:
            continue
        if settings.n_vertical or settings.n_horizontal:
            rows, columns = _complete(settings, count)
            y, x = grid_from_layout(count, settings.stitch_layout, rows, columns)
        else:
            columns = ceil(sqrt(count))
            y, x = np.divmod(np.arange(count), columns)
            if count > 1:
                unplaced.append(str(wells[own[0]]))
        places[own, 0], places[own, 1] = y, x
    sites[["y", "x"]] = places
    notes = []
    if unplaced:
        shown = ", ".join(unplaced[:5]) + (" …" if len(unplaced) > 5 else "")
        notes.append(
            f"{counted(len(unplaced), 'well')} ({shown}) without stage positions: "
            "their sites are drawn row "
            "by row in a near-square block. State how they lie with the layout of metaconfig "
            "(stitch_layout, n_vertical, n_horizontal)."
        )
    notes += shared_places(sites)
    return sites.drop(columns=["pixel_y_um", "pixel_x_um"]), notes


def shared_places(sites: pd.DataFrame) -> list[str]:
    """Says how many sites lie in the same place of the grid (plate, well, y, x) as another one."""
    twice = int(sites.duplicated(["plate", "well", "y", "x"]).sum())
    if not twice:
        return []
    text = (
        f"{twice} sites share a place of the grid with another one (repeated or overlapping "
        "stage positions); they are drawn at their true positions."
    )
    return [text]


def staged_places(
    sites: pd.DataFrame,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Place (y, x) of each site in the grid of its well, and whether the stage tells it.

    Parameters
    ----------
    sites
        plate, well, stage_y_um, stage_x_um, height, width, pixel_y_um, pixel_x_um.
    """
    # NumPy within the loop: a screen has thousands of wells.
    stage = sites[["stage_y_um", "stage_x_um"]].to_numpy(float)
    sizes = sites[["height", "width"]].to_numpy(float)
    fields = sizes * sites[["pixel_y_um", "pixel_x_um"]].to_numpy(float)
    places, known = np.zeros((len(sites), 2), np.int64), np.zeros(len(sites), bool)
    for own in _rows_of_wells(sites):
        if np.isfinite(stage[own]).all():
            known[own] = True
            y, x = grid_from_positions(stage[own, 0], stage[own, 1], _known_field(fields[own[0]]))
            places[own, 0], places[own, 1] = y, x
    return places, known


def _rows_of_wells(sites: pd.DataFrame) -> list[npt.NDArray[np.int64]]:
    """Numbers of the rows of each well."""
    number = sites.groupby(["plate", "well"], sort=False).ngroup().to_numpy()
    order = np.argsort(number, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(number[order])) + 1)


def _known_field(field: npt.NDArray[np.float64]) -> tuple[float, float] | None:
    height, width = field.tolist()
    return (height, width) if np.isfinite(field).all() and field.min() > 0 else None


def _complete(settings: GridSettings, count: int) -> tuple[int, int]:
    """Rows and columns, the one that was not stated worked out from the number of sites."""
    rows, columns = settings.n_vertical, settings.n_horizontal
    if not rows:
        rows = count // columns
    if not columns:
        columns = count // rows
    if rows * columns != count:
        raise InputError(
            f"A grid of {rows} rows × {columns} columns has {rows * columns} places, but the "
            f"wells have {count} sites. Choose n_vertical and n_horizontal with a product of "
            f"{count}."
        )
    return rows, columns


def final_planes(planes: pd.DataFrame, workflow_type: WorkflowType, *, mip: bool) -> pd.DataFrame:
    """Source planes under the coordinates that they get in the plate.

    Parameters
    ----------
    planes
        Columns of model.planes.COLUMNS, and t_offset and cycle_offset of their acquisition.
    mip
        Project all z planes: every plane gets z = 0, and several sources share one target.

    Returns
    -------
    DataFrame
        The same rows with t, cycle, z and channel replaced (see `name_in_cycle`).
    """
    table = planes.copy()
    table["t"] += table.pop("t_offset")
    table["cycle"] += table.pop("cycle_offset")
    if workflow_type == "multiplexing":
        table["channel"] = [
            name_in_cycle(name, cycle, workflow_type)
            for name, cycle in zip(table["channel"], table["cycle"], strict=True)
        ]
    if mip:
        table["z"] = 0
    return sort_planes(table)


def find_gaps(planes: pd.DataFrame) -> pd.DataFrame:
    """Planes that a full plate would have, but nobody recorded.

    A site should have each cycle that any site of its well has, and of it each channel, z and t
    that any site of its plate has, within its own number of z planes and time points: scenes of one
    file may well differ in these.

    Parameters
    ----------
    planes
        Final planes (see `final_planes`).

    Returns
    -------
    DataFrame
        plate, well, site, cycle, channel, z, t, reason.
    """
    key = ["plate", "cycle", "channel", "z", "t"]
    if _is_full(planes, key):
        return planes.head(0)[[*SITE, *key[1:]]].assign(reason=pd.Series(dtype=object))
    wanted = planes[key].drop_duplicates()
    cycles = planes[["plate", "well", "cycle"]].drop_duplicates()
    sites = planes[SITE].drop_duplicates().merge(cycles, on=["plate", "well"])
    extent = planes.groupby([*SITE, "cycle"], sort=False)[["z", "t"]].max().add_prefix("last_")
    sites = sites.merge(extent, how="left", left_on=[*SITE, "cycle"], right_index=True)
    sites = sites.fillna({"last_z": planes["z"].max(), "last_t": planes["t"].max()})
    full = sites.merge(wanted, on=["plate", "cycle"])
    full = full[(full["z"] <= full.pop("last_z")) & (full["t"] <= full.pop("last_t"))]
    there = planes.loc[~planes["missing"], [*SITE, *key[1:]]].drop_duplicates()
    declared = planes.loc[planes["missing"], [*SITE, *key[1:], "path"]]
    merged = full.merge(there, how="left", indicator=True)
    gaps = merged[merged.pop("_merge") == "left_only"].merge(
        declared.drop_duplicates([*SITE, *key[1:]]), how="left"
    )
    path = gaps.pop("path")
    gaps["reason"] = np.select(
        [path.isna(), path == ""],
        ["not recorded", "lost or damaged, see the notes of the scan"],
        "the image file is missing: " + path.fillna("").astype(str),
    )
    return gaps[[*SITE, "cycle", "channel", "z", "t", "reason"]].reset_index(drop=True)


def _is_full(planes: pd.DataFrame, key: Sequence[str]) -> bool:
    """True if each site has all that any site of its plate has; by counting, which takes no time
    beside looking for what lacks."""
    if planes.empty or planes["missing"].any():
        return False
    plates, sites, kinds = (_numbered(planes, names) for names in (["plate"], SITE, key))
    there = sites * (kinds.max() + 1) + kinds
    each = [
        np.bincount(plates[np.unique(numbers, return_index=True)[1]])
        for numbers in (sites, kinds, there)
    ]
    return bool((each[0] * each[1] == each[2]).all())


def _numbered(table: pd.DataFrame, names: Sequence[str]) -> npt.NDArray[np.int64]:
    """The same number for rows that have the same values."""
    numbers = np.zeros(len(table), np.int64)
    for name in names:
        codes, found = pd.factorize(table[name])
        numbers = pd.factorize(numbers * len(found) + codes)[0]
    return numbers
