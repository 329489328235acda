"""One site through a pipeline: images in, labels and features out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from napari_tmaps.errors import MissingError
from napari_tmaps.model.recorded import common_times, never_together
from napari_tmaps.pipeline import CheckedPipeline, run_site
from napari_tmaps.store.plates import PlateFolder
from napari_tmaps.store.prepared import plane_or_stack, read_prepared
from napari_tmaps.store.shifts import Window
from napari_tmaps.store.sites import open_located
from napari_tmaps.vendors.pixels import PlaneReader
from napari_tmaps.workflow.step import Batch


def analyse_site(
    root: Path,
    checked: CheckedPipeline,
    work: dict[str, Any],
    batch: Batch,
    readers: dict[str, PlaneReader],
) -> dict[str, pd.DataFrame]:
    """Analyse one site of a batch: store its labels, return its features.

    At times when one of the channels was not recorded there are no objects.

    Parameters
    ----------
    root
        Folder of the experiment.

    Raises
    ------
    PipelineError, MissingError, NotFoundError, FormatError
        The pipeline does not work here, or an image is not there or damaged.
    """
    plate, well, site = work["site"]
    folder = PlateFolder(root / "plates" / f"{plate}.ome.zarr", batch["version"])
    channels: dict[str, int] = batch["channels"]
    images = {
        int(cycle): open_located(
            root, (plate, well, site), int(cycle), image, batch["version"], readers
        )
        for cycle, image in work["images"].items()
    }
    for channel, cycle in channels.items():
        if cycle not in images:
            raise MissingError(f"Well {well} site {site} has no image of channel '{channel}'.")
    shifts = {int(cycle): (y, x) for cycle, (y, x) in work["shifts"].items()}
    window = Window(shifts)  # everything, where nothing was aligned
    corrected = {item.name for item in checked.description.input.channels if item.correct}
    checked = checked.sized(next(iter(images.values())).pixel_size_um)
    labels: dict[str, list[np.ndarray]] = {}
    features: dict[str, list[pd.DataFrame]] = {}
    recorded = {name: images[cycle].t_of(name) for name, cycle in channels.items()}
    times = common_times(recorded)
    if not times:
        raise MissingError(never_together(recorded))
    for t in times:
        pixels = {
            name: plane_or_stack(
                read_prepared(
                    images[cycle],
                    name,
                    t,
                    site=(plate, well, site),
                    cycle=cycle,
                    correct=root / "illumination" if name in corrected else None,
                    window=window,
                )
            )
            for name, cycle in channels.items()
        }
        objects = {
            item.name: plane_or_stack(window.cut(folder.read_labels(well, site, item.name)[t], -1))
            for item in checked.description.input.objects
        }
        result = run_site(checked, pixels, objects)
        for name, array in result.objects.items():
            stack = array if array.ndim == 3 else array[np.newaxis]
            labels.setdefault(name, []).append(window.paste(stack))
        for name, table in result.tables.items():
            table = window.moved(table).reset_index()
            for column, value in (("t", t), ("site", site), ("well", well), ("plate", plate)):
                table.insert(0, column, value)
            features.setdefault(name, []).append(table)
    place = next(iter(images.values()))
    size_t = max(image.times for image in images.values())
    for name, arrays in labels.items():
        whole = np.zeros((size_t, *arrays[0].shape), arrays[0].dtype)
        whole[times] = arrays
        folder.write_labels(
            well,
            site,
            name,
            whole,
            pixel_size_um=place.pixel_size_um,
            translation_um=place.translation_um,
            time_step_s=place.time_step_s,
        )
    return {name: pd.concat(tables, ignore_index=True) for name, tables in features.items()}
