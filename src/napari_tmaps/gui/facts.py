"""Facts of an experiment for the widget, read from its catalogue; no Qt, no pixels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from napari_tmaps.errors import TmapsError
from napari_tmaps.gui.state import Facts, PlateFacts, WellState
from napari_tmaps.model.arrange import PLACES, arrange
from napari_tmaps.model.pipeline import PipelineDescription
from napari_tmaps.model.wells import sorted_wells
from napari_tmaps.store.experiment import Experiment

READY = "ready:"
"""Pipelines of the package are known as "ready:<name>", others by the path of their file."""


def read_facts(experiment: Experiment, chosen_files: Sequence[str] = ()) -> Facts:
    """What the widget has to know of an experiment.

    Parameters
    ----------
    chosen_files
        Pipeline files from elsewhere that the user opened.
    """
    catalogue = experiment.catalogue
    sites = catalogue.sites()
    laid_out = not sites.empty
    if sites.empty:
        # Nothing converted yet: what was recorded stands in.
        planes = catalogue.source_planes() if len(catalogue.acquisitions()) else pd.DataFrame()
        sites = (
            planes[["plate", "well", "site"]].drop_duplicates()
            if len(planes)
            else pd.DataFrame(columns=["plate", "well", "site"])
        )
    gaps, failures = catalogue.gaps(), catalogue.failures()
    analysed_sites = {(plate, well, int(site)) for _, plate, well, site in catalogue.analysed()}
    analysed = {(plate, well) for plate, well, _ in analysed_sites}
    types = catalogue.object_types()
    plates = {}
    for plate in experiment.plate_names():
        folder = experiment.plate(plate)
        own = sites[sites["plate"] == plate]
        found: dict[str, list[int]] = {}
        for well, site in zip(own["well"].tolist(), own["site"].tolist(), strict=True):
            found.setdefault(well, []).append(site)
        by_well = {well: tuple(numbers) for well, numbers in found.items()}
        problems = _problems(gaps[gaps["plate"] == plate], failures[failures["plate"] == plate])
        states = {}
        for well, numbers in by_well.items():
            there = any(folder.image_path(well, site).is_dir() for site in numbers)
            if any((well, site) in problems for site in numbers):
                states[well] = WellState.PROBLEM
            elif not there:
                states[well] = WellState.IN_PLACE if laid_out else WellState.RECORDED
            else:
                states[well] = (
                    WellState.ANALYSED if (plate, well) in analysed else WellState.CONVERTED
                )
        ordered = {well: by_well[well] for well in sorted_wells(by_well)}
        plate_format = catalogue.plate_format(plate)
        boxes: dict[int, tuple[int, int, int, int]] = {}
        site_states: dict[int, WellState] = {}
        if plate_format.wells == 1 and set(PLACES) <= set(own.columns):
            boxes = _boxes(experiment, plate, own)
            for number in boxes:
                well = str(own["well"].iloc[0])
                site_states[number] = (
                    WellState.PROBLEM
                    if (well, number) in problems
                    else WellState.ANALYSED
                    if (plate, well, number) in analysed_sites
                    else WellState.CONVERTED
                    if folder.image_path(well, number).is_dir()
                    else WellState.RECORDED
                )
        plates[plate] = PlateFacts(plate_format, ordered, states, problems, boxes, site_states)
    return Facts(
        path=str(experiment.path),
        name=experiment.name,
        plates=plates,
        stale=tuple(types.loc[types["stale"].astype(bool), "name"]),
        pipelines=pipeline_keys(experiment, chosen_files),
    )


def _boxes(
    experiment: Experiment, plate: str, sites: pd.DataFrame
) -> dict[int, tuple[int, int, int, int]]:
    """Where the sites of a slide lie: top, left, height and width, in pixels."""
    acquisitions = experiment.catalogue.acquisitions()
    facts = acquisitions.loc[acquisitions["plate"] == plate, "facts"]
    pixel = next((f["pixel_size_um"] for f in facts if f["pixel_size_um"]), (None, None))
    tiles = arrange(sites.reset_index(drop=True), pixel)
    corners = zip(tiles.top, tiles.left, tiles.height, tiles.width, strict=True)
    return {
        int(number): (int(top), int(left), int(height), int(width))
        for number, (top, left, height, width) in zip(sites["site"], corners, strict=True)
    }


def _problems(gaps: pd.DataFrame, failures: pd.DataFrame) -> dict[tuple[str, int], tuple[str, ...]]:
    if gaps.empty and failures.empty:
        return {}
    found: dict[tuple[str, int], list[str]] = {}
    for _, group in gaps.groupby(["well", "site"]):
        channels = ", ".join(dict.fromkeys(group["channel"].astype(str)))
        first = group.iloc[0]
        place = (str(first["well"]), int(first["site"]))
        found.setdefault(place, []).append(
            f"{len(group)} images of {channels} are missing here ({first['reason']})."
            if len(group) > 1
            else f"The image of {channels} is missing here ({first['reason']})."
        )
    known = {place: sentences[:] for place, sentences in found.items()}
    for row in failures.to_dict("records"):
        place = (str(row["well"]), int(row["site"]))
        # A missing image makes a gap, and failures of those that only read it; once is enough.
        if row["step"] in ("imextract", "corilla", "illuminati") and place in known:
            continue
        found.setdefault(place, []).append(f"{row['step']} failed: {row['message']}")
    return {place: tuple(sentences) for place, sentences in found.items()}


def pipeline_keys(experiment: Experiment, chosen_files: Sequence[str] = ()) -> tuple[str, ...]:
    """Pipelines of the experiment, of the package, and files that were opened."""
    from napari_tmaps.pipeline import ready_pipelines

    own = sorted((experiment.path / "pipelines").glob("*.yaml"))
    keys = [*map(str, own), *(READY + name for name in ready_pipelines()), *chosen_files]
    return tuple(dict.fromkeys(keys))


def pipeline_title(key: str) -> str:
    """Name of a pipeline in the list."""
    if key.startswith(READY):
        return key.removeprefix(READY).replace("_", " ")
    return Path(key).name


def pipeline_name(key: str) -> str:
    """Name of a pipeline for the argument `pipeline` of jterator."""
    return key.removeprefix(READY) if key.startswith(READY) else Path(key).stem


def load(key: str) -> PipelineDescription:
    """The pipeline with a key.

    Raises
    ------
    TmapsError
        The file is gone or is no pipeline.
    """
    from napari_tmaps.pipeline import load_pipeline, ready_pipelines

    if key.startswith(READY):
        return ready_pipelines()[key.removeprefix(READY)]
    return load_pipeline(Path(key))


def default_pipeline(experiment: Experiment, keys: Sequence[str]) -> str:
    """Of the pipelines that fit the channels the one that finds most.

    If none fits it is one of the experiment, which tells what is missing; "" if it has none.
    """
    from napari_tmaps.pipeline import check

    channels = experiment.catalogue.channel_names()
    objects = tuple(experiment.catalogue.object_types()["name"])
    fitting: dict[str, int] = {}
    for key in keys:
        try:
            pipeline = load(key)
            check(pipeline, channels=channels, objects=objects)
        except TmapsError:
            continue
        fitting[key] = len(pipeline.output.objects)
    own = next((key for key in keys if not key.startswith(READY)), "")
    return max(fitting, key=fitting.__getitem__, default=own)
