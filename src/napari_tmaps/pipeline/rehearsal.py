"""A whole pipeline tried on a site, with a picture and a line for each step; nothing is stored."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from napari_tmaps.errors import TmapsError
from napari_tmaps.pipeline.cache import Value
from napari_tmaps.pipeline.checked import CheckedPipeline
from napari_tmaps.pipeline.debug import write_picture
from napari_tmaps.pipeline.figure import Picture, step_picture
from napari_tmaps.pipeline.run import SiteResult, iter_site
from napari_tmaps.pipeline.trials import Inputs
from napari_tmaps.streams.atomic import disk_errors, write_text


@dataclass(frozen=True)
class Rehearsed:
    """What a pipeline made of a site.

    Attributes
    ----------
    title
        The site, e.g. "B02 site 1".
    group
        What it is compared as, e.g. "negative control"; may be empty.
    figures
        A picture of what each step made, by the name of the step.
    tables
        Features of each object type.
    log
        A line for each step: its number and name, time, and what came of it.
    error
        Why it failed; empty if it did not.
    """

    title: str
    group: str = ""
    figures: Mapping[str, Picture] = field(default_factory=dict)
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    log: tuple[str, ...] = ()
    seconds: float = 0.0
    error: str = ""


def rehearse_site(
    checked: CheckedPipeline,
    title: str,
    read: Callable[[], Inputs],
    *,
    group: str = "",
    size_px: int = 640,
) -> Generator[str, None, Rehearsed]:
    """Run a pipeline on a site; yields the name of each step that is done.

    What goes wrong is told in the result: other sites go on.

    Parameters
    ----------
    read
        Gives the images and objects.
    size_px
        Longest side of a figure.
    """
    figures: dict[str, Picture] = {}
    log: list[str] = []
    seconds = 0.0
    result = SiteResult()
    error = ""
    try:
        images, objects = read()
        items: dict[str, Value] = {**images, **objects}
        steps = iter_site(checked, images, objects)
        while True:
            try:
                done = next(steps)
            except StopIteration as end:
                result = end.value
                break
            items.update(done.values)
            picture = step_picture(checked, done.step, items, size_px)
            if picture is not None:
                figures[done.step.name] = picture
            seconds += done.seconds
            made = "; ".join(_told(item, value) for item, value in done.values.items())
            log.append(
                f"{done.step.number}  {done.step.name}: {1000 * done.seconds:.0f} ms; {made}"
            )
            yield done.step.name
    except TmapsError as failure:
        error = str(failure)
        log.append(error)
    return Rehearsed(title, group, figures, result.tables, tuple(log), seconds, error)


def save_rehearsed(found: Rehearsed, folder: Path) -> None:
    """Write figures (`<step>.png`), tables (`<type>.csv`) and `log.txt` into a folder of the site.

    Raises
    ------
    StorageError
        The disk refused.
    """
    place = folder / found.title.replace(" ", "_")
    with disk_errors(place):
        place.mkdir(parents=True, exist_ok=True)
    for number, (name, picture) in enumerate(found.figures.items(), start=1):
        write_picture(picture, place / f"{number:02d}_{name}.png")
    for name, table in found.tables.items():
        write_text(place / f"{name}.csv", table.to_csv())
    write_text(place / "log.txt", "\n".join(found.log) + "\n")


def _told(item: str, value: Value) -> str:
    name = item.rsplit(".", 1)[-1]
    if isinstance(value, pd.DataFrame):
        return f"{len(value)} objects, {len(value.columns)} features"
    if value.dtype == bool:
        return f"{name} {100 * float(value.mean()):.1f} %"
    if value.dtype == np.int32:
        return f"{name}: {np.unique(value[value > 0]).size} objects"
    return f"{name} from {value.min()} to {value.max()}"
