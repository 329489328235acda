"""Sites of a well put where their overlaps fit; a part of metaconfig.

Jobs measure pairs of neighbours; collect solves well by well. What was measured is kept in the
catalogue, so that a well whose images are the same is not read again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_tmaps.errors import FormatError, MissingError, unknown
from napari_tmaps.measure.stitching import find_offset
from napari_tmaps.model.layout import SITE
from napari_tmaps.model.stitching import neighbours, stitch
from napari_tmaps.store.catalogue.layout import STITCHING
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.store.images import close_readers, open_readers, read_planned
from napari_tmaps.store.plan import PlannedPlane, digest, source_folders
from napari_tmaps.workflow.engines import default_workers
from napari_tmaps.workflow.step import Batch, JobResult, Step, failure, split

MIN_QUALITY = 0.3
"""Correlation below which two images do not show the same."""
_MOST_PAIRS = 100  # of one well in a job
_MOST_CHUNKS = 20  # wells in a job


@dataclass(frozen=True)
class WellPlan:
    """What is to measure in one well.

    Attributes
    ----------
    key
        Digest of all that the measurement depends on.
    sites
        Numbers of the sites, in the order of `corners`.
    corners
        Shape (sites, 2): first pixel by the stage, y, x.
    pixel_um
        Height and width of a pixel.
    pairs
        Shape (pairs, 2): places in `sites`.
    images
        What the image of each site is read from.
    why_not
        Why the well is left alone; "" if it is not.
    """

    plate: str
    well: str
    key: str
    sites: tuple[int, ...]
    corners: npt.NDArray[np.float64]
    pixel_um: tuple[float, float]
    pairs: npt.NDArray[np.int64]
    images: tuple[PlannedPlane | None, ...]
    why_not: str


def plan_wells(
    experiment: Experiment, planes: pd.DataFrame, sites: pd.DataFrame, channel: str
) -> list[WellPlan]:
    """Neighbours of each well, and where their images are.

    Parameters
    ----------
    planes
        Final planes with the size of their pixels.
    sites
        Sites by the stage; see `site_table`.
    channel
        The one that is compared; of its planes the maximum along z, at the first time point.

    Raises
    ------
    NotFoundError
        There is no such channel.
    """
    if channel not in set(planes["channel"]):
        raise unknown("channel", channel, list(dict.fromkeys(planes["channel"])))
    prints = experiment.catalogue.fingerprints()
    shown = planes[(planes["channel"] == channel) & ~planes["missing"]]
    first = shown.groupby(SITE)[["cycle", "t"]].transform("min")
    shown = shown[(shown[["cycle", "t"]] == first).all(axis=1)]
    images: dict[tuple[str, str, int], list[list[Any]]] = {}
    columns = [*SITE, "acquisition_id", "path", "series", "page"]
    for plate, well, site, *source in shown[columns].itertuples(index=False, name=None):
        number, path, series, page = source
        place = [str(number), path, int(series), int(page)]
        images.setdefault((plate, well, int(site)), []).append(place)
    size_of = planes.groupby(["plate", "well"])[["pixel_y_um", "pixel_x_um"]].first()
    pixels = dict(zip(size_of.index, size_of.to_numpy(float), strict=True))
    wells = []
    for (plate, well), group in sites.groupby(["plate", "well"], sort=False):
        numbers = tuple(int(number) for number in group["site"])
        sources = [images.get((str(plate), str(well), number), []) for number in numbers]
        pixel = pixels[plate, well]
        stage = group[["stage_y_um", "stage_x_um"]].to_numpy(float)
        size = group[["height", "width"]].to_numpy(float)
        corners = stage / pixel - size / 2
        pairs, why_not = np.zeros((0, 2), np.int64), ""
        if not np.isfinite(corners).all():
            why_not = "they have no stage positions, or pixels of unknown size"
        else:
            pairs = neighbours(corners, size)
            there = np.array([bool(source) for source in sources])
            pairs = pairs[there[pairs].all(axis=1)]
            why_not = "" if len(pairs) else "their sites do not overlap"
        files = sorted({(source[0], source[1]) for each in sources for source in each})
        seen = [sources, [prints.get(file) for file in files], corners.tolist()]
        wells.append(
            WellPlan(
                str(plate),
                str(well),
                "" if why_not else digest(seen),
                numbers,
                corners,
                (float(pixel[0]), float(pixel[1])),
                pairs,
                tuple(
                    {"t": 0, "c": 0, "z": 0, "sources": each} if each else None for each in sources
                ),
                why_not,
            )
        )
    return wells


def stitch_batches(experiment: Experiment, wells: Sequence[WellPlan]) -> list[Batch]:
    """Batches of wells that were not measured yet; only a large well is cut, into many pairs."""
    known = experiment.catalogue.get(STITCHING, {})
    chunks = []
    for well in wells:
        if well.key in known:
            continue
        work = [
            {"plate": well.plate, "well": well.well, "key": well.key}
            | {"sites": [well.sites[i], well.sites[j]], "images": [well.images[i], well.images[j]]}
            | {"expected": (well.corners[j] - well.corners[i]).tolist()}
            for i, j in well.pairs.tolist()
        ]
        # Neighbours in the list share images, which are read once a job.
        chunks += [work[at : at + _MOST_PAIRS] for at in range(0, len(work), _MOST_PAIRS)]
    batches: list[Batch] = []
    sources = source_folders(experiment)
    for part in split(chunks, _MOST_CHUNKS, default_workers()):
        pairs = [pair for chunk in part for pair in chunk]
        batches.append(
            {"job": len(batches) + 1, "units": len(pairs), "work": pairs, "sources": sources}
        )
    return batches


def measure_pairs(step: Step, batch: Batch) -> JobResult:
    """Compare the neighbours of one batch; an image that cannot be read is told and left out."""
    readers = open_readers(batch["sources"])
    failures: dict[tuple[str, str, int], dict[str, Any]] = {}
    found: list[dict[str, Any]] = []
    images: dict[tuple[str, str, int], npt.NDArray[Any]] = {}
    places = [
        [(work["plate"], work["well"], site) for site in work["sites"]] for work in batch["work"]
    ]
    last = {place: number for number, pair in enumerate(places) for place in pair}
    try:
        for number, (work, pair) in enumerate(zip(batch["work"], places, strict=True)):
            step.go_on()
            for place, plane in zip(pair, work["images"], strict=True):
                if place not in images and place not in failures:
                    try:
                        images[place] = read_planned(plane, readers)
                    except (MissingError, FormatError) as error:
                        failures[place] = failure(*place, error)
            if all(place in images for place in pair):
                y, x = work["expected"]
                offset = find_offset(images[pair[0]], images[pair[1]], (y, x))
                row = {"sites": work["sites"], "offset": [offset.y, offset.x]}
                found.append({"key": work["key"], **row, "quality": offset.quality})
            for place in pair:
                if last[place] == number:
                    images.pop(place, None)
    finally:
        close_readers(readers)
    return JobResult(list(failures.values()), {"pairs": found})


def stitched_sites(
    experiment: Experiment,
    sites: pd.DataFrame,
    wells: Sequence[WellPlan],
    results: Iterable[JobResult],
    max_shift_um: float,
) -> tuple[pd.DataFrame, list[str]]:
    """Sites at the positions that their overlaps tell, and what a person should know."""
    catalogue = experiment.catalogue
    measured: dict[str, list[dict[str, Any]]] = {}
    for result in results:
        for pair in result.facts.get("pairs", []):
            measured.setdefault(pair["key"], []).append(pair)
    kept = catalogue.get(STITCHING, {})
    known = {well.key: kept[well.key] for well in wells if well.key in kept}
    complete = {
        well.key: measured[well.key]
        for well in wells
        if len(well.pairs) and len(measured.get(well.key, [])) == len(well.pairs)
    }
    catalogue.set(STITCHING, {**known, **complete})
    measured |= known
    sites = sites.copy()
    rows = {place: row for row, place in zip(sites.index, _places(sites), strict=True)}
    alone: dict[str, list[str]] = {}
    left: list[float] = []
    loose, total = 0, 0
    for well in wells:
        pairs = measured.get(well.key, [])
        total += len(well.pairs)
        why_not = well.why_not
        if not why_not:
            index = {site: number for number, site in enumerate(well.sites)}
            solved = stitch(
                well.corners,
                np.array([[index[s] for s in p["sites"]] for p in pairs], int).reshape(-1, 2),
                np.array([pair["offset"] for pair in pairs], float).reshape(-1, 2),
                np.array([pair["quality"] for pair in pairs], float),
                min_quality=MIN_QUALITY,
                max_shift_px=max_shift_um / float(np.mean(well.pixel_um)),
            )
            left += solved.residuals[solved.used].tolist()
            moves = solved.moves * well.pixel_um
            own = [rows[well.plate, well.well, site] for site in well.sites]
            sites.loc[own, ["stage_y_um", "stage_x_um"]] += moves
            why_not = "" if solved.used.any() else "their overlaps show nothing in common"
            if not why_not:
                used = {s for p, u in zip(pairs, solved.used, strict=True) if u for s in p["sites"]}
                loose += len(well.sites) - len(used)
        if why_not:
            alone.setdefault(why_not, []).append(well.well)
    return sites, _notes(left, total, loose, alone, len(wells))


def _places(sites: pd.DataFrame) -> list[tuple[str, str, int]]:
    rows = sites[SITE].itertuples(index=False, name=None)
    return [(plate, well, int(site)) for plate, well, site in rows]


def _notes(
    left: list[float], total: int, loose: int, alone: dict[str, list[str]], wells: int
) -> list[str]:
    stitched = wells - sum(map(len, alone.values()))
    notes = []
    if stitched:
        notes.append(
            f"{stitched} wells stitched by {len(left)} of {total} overlaps, which fit to "
            f"{np.median(left):.2f} px (median) and {max(left):.2f} px (worst)."
        )
    if loose:
        notes.append(
            f"{loose} sites of stitched wells keep their stage positions: no overlap of theirs "
            "could be used."
        )
    for reason, names in alone.items():
        shown = ", ".join(names[:5]) + (" …" if len(names) > 5 else "")
        notes.append(f"{len(names)} wells ({shown}) are not stitched: {reason}.")
    return notes
