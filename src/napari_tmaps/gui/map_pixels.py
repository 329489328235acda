"""What is done to pixels before they are shown: nothing, or correction and alignment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_tmaps.gui.mosaic import Stack
from napari_tmaps.gui.state import Pixels
from napari_tmaps.model.progress import Progress
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.store.mapfiles import read_state
from napari_tmaps.store.mapplan import MapPlan
from napari_tmaps.store.mapsites import SiteReader

PLAIN: Mapping[str, Any] = {"align": False, "corrected": []}


def pixel_settings(experiment: Experiment, plate: str, pixels: Pixels) -> Mapping[str, Any]:
    """Whether to align, and which channels to correct; `PLAIN` for nothing of both.

    Raises
    ------
    FormatError
        The map is damaged.
    """
    if pixels is Pixels.RECORDED:
        return PLAIN
    if pixels is Pixels.MAP:
        state = read_state(experiment.path / "maps" / plate)
        built = state.get("settings", PLAIN)
        return {name: built[name] for name in PLAIN}
    names = {entry.channel for entry in experiment.illumination.entries()}
    return {"align": not experiment.shifts.table().empty, "corrected": sorted(names)}


def build_map(experiment: Experiment, plate: str, pixels: Pixels) -> Iterator[Progress]:
    """Build the maps of all plates, of pixels as those of one plate are shown; only what is old.

    Raises
    ------
    TmapsError
        The step as a whole cannot go on.
    """
    from napari_tmaps.workflow.illuminati import IlluminatiArguments, PyramidBuilder
    from napari_tmaps.workflow.local import run_step

    settings = pixel_settings(experiment, plate, pixels)
    names = experiment.catalogue.channel_names()
    plain = [name for name in names if name not in settings["corrected"]]
    arguments = IlluminatiArguments(
        align=settings["align"],
        illumcorr=bool(settings["corrected"]),
        illumcorr_exceptions=",".join(plain) if settings["corrected"] else "",
    )
    yield from run_step(PyramidBuilder(experiment), arguments)


def prepared_stacks(
    experiment: Experiment, plan: MapPlan, settings: Mapping[str, Any]
) -> dict[str, Stack]:
    """Channels by "channel:<name>", corrected and aligned while they are read.

    Only the finest level is there: coarser ones are made of whole sites, which is fast enough for
    a well, not for a plate.
    """
    reader = SiteReader(experiment, plan, settings)
    stacks = {}
    for channel in plan.channels:

        def read(
            place: int,
            level: int,
            t: int,
            z: int,
            y: slice,
            x: slice,
            channel: Mapping[str, Any] = channel,
        ) -> npt.NDArray[Any] | None:
            site = plan.sites[place]
            rows, columns = y.indices(site.height), x.indices(site.width)
            return reader.pixels(site, channel, t, z, slice(*rows[:2]), slice(*columns[:2]))

        stacks[f"channel:{channel['name']}"] = Stack(np.dtype(plan.dtype), ((1.0, 1.0),), read)
    return stacks
