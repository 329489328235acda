"""Objects corrected by a person, and measured anew: here, or on the server of an experiment.

for event in correct(experiment, place, before, after): ...
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

import numpy as np

from napari_tmaps.client.arrays import packed
from napari_tmaps.errors import TmapsError
from napari_tmaps.model.progress import Progress
from napari_tmaps.pipeline.remeasure import remeasure
from napari_tmaps.store.corrections import (
    Corrections,
    Edit,
    Labels,
    SiteObjects,
    changed_box,
    check_shapes,
    edit_of,
    slices,
)
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.store.mirror import Mirror

Correcting = Generator[Progress, None, Edit | None]


def correct(
    experiment: Experiment, place: SiteObjects, before: Labels, after: Labels, who: str = ""
) -> Correcting:
    """Keep a change, and measure what it touched; see `Corrections.save`.

    What cannot be measured is told, and the change stays.

    Parameters
    ----------
    who
        Empty takes the name of the account; a server always has the name of its user.

    Returns
    -------
    Edit
        None if nothing differs.

    Raises
    ------
    TmapsError
        See `Corrections.save`; or the server refuses.
    """
    mirror = experiment.mirror
    if mirror is None:
        return (
            yield from _here(
                experiment, lambda: Corrections(experiment, who).save(place, before, after)
            )
        )
    check_shapes(before, after)
    box = changed_box(before, after)
    if box is None:
        return None
    part = slices(box)
    body = {
        "object_type": place.object_type,
        "plate_name": place.plate,
        "well_name": place.well,
        "site": place.site,
        "tpoint": place.t,
        "corner": list(box[::2]),
        "before": packed(np.ascontiguousarray(before[part])),
        "after": packed(np.ascontiguousarray(after[part])),
    }
    return (yield from _there(experiment, mirror, "", body))


def undo(experiment: Experiment, who: str = "") -> Correcting:
    """Take the last change back, wherever it was made; see `Corrections.undo`."""
    if experiment.mirror is not None:
        return (yield from _there(experiment, experiment.mirror, "/undo", {}))
    return (yield from _here(experiment, lambda: Corrections(experiment, who).undo()))


def redo(experiment: Experiment, who: str = "") -> Correcting:
    """Do again what was undone last; see `Corrections.redo`."""
    if experiment.mirror is not None:
        return (yield from _there(experiment, experiment.mirror, "/redo", {}))
    return (yield from _here(experiment, lambda: Corrections(experiment, who).redo()))


def restore(experiment: Experiment, place: SiteObjects) -> Correcting:
    """Put corrected objects back where a later analysis has replaced them.

    Raises
    ------
    NotFoundError
        They are not corrected.
    """
    now = experiment.labels(*place[1:4], place.object_type, t=place.t)
    return correct(experiment, place, now, Corrections(experiment).truth(place))


def _here(experiment: Experiment, change: Callable[[], Edit | None]) -> Correcting:
    yield Progress("writing the labels", 0, 0)
    edit = change()
    if edit is not None:
        try:
            yield from remeasure(experiment, edit.place, edit.touched)
        except TmapsError as error:
            text = f"The labels are saved, but not measured: {error}"
            yield Progress("measuring", 0, 0, text, True)
    return edit


def _there(experiment: Experiment, mirror: Mirror, what: str, body: dict[str, Any]) -> Correcting:
    mirror.check_may_write()
    yield Progress(f"correcting on {mirror.address.host}", 0, 0)
    answer = mirror.ask("POST", f"/corrections{what}", body=body)["data"]
    experiment.refresh()
    edit = edit_of(answer["edit"]) if answer["edit"] else None
    if edit is not None:  # so that whoever shows them has them here
        experiment.labels(*edit.place[1:4], edit.place.object_type, t=edit.place.t)
    for note in answer["notes"]:
        yield Progress("measuring", 0, 0, note, True)
    return edit
