"""How well staining cycles fit onto each other: a colour a well or a site. No Qt."""

from __future__ import annotations

import numpy as np
import pandas as pd

from napari_tmaps.errors import NotFoundError
from napari_tmaps.gui.well_colours import WellColours
from napari_tmaps.model.layout import SITE
from napari_tmaps.store.exclusions import excluded
from napari_tmaps.store.experiment import Experiment

QUALITY = "Alignment: correlation"
SHIFT = "Shift of cycles, px"
FOUND = "Shifts: measured or not"
ALIGNMENT = (QUALITY, SHIFT, FOUND)
"""What can be told of the alignment."""
_STATES = (("measured", "#009e73"), ("repaired", "#e69f00"), ("unknown", "#d55e00"))


def alignment_colours(
    experiment: Experiment, plate: str, feature: str, level: str = "well"
) -> WellColours:
    """The worst cycle of each well (or "site") of a plate; excluded sites are left out.

    Parameters
    ----------
    feature
        One of `ALIGNMENT`.

    Raises
    ------
    NotFoundError
        Nothing is aligned.
    FormatError
        The table of shifts is damaged.
    """
    table = experiment.shifts.table()
    if table.empty:
        raise NotFoundError("Nothing is aligned here: run align.")
    out = excluded(experiment.catalogue)
    keys = zip(*(table[name] for name in SITE), strict=True)
    table = table[[key not in out for key in keys]]
    table = table[table["state"] != "reference"]
    names = [name for name, _ in _STATES]
    numbers = {
        QUALITY: -table["quality"],  # the greatest of each is the worst
        SHIFT: pd.Series(np.hypot(table["y_px"], table["x_px"]), table.index),
        FOUND: table["state"].map(names.index).astype(float),
    }[feature]
    numbers = numbers.dropna()
    most = max(float(numbers.max()), 1.0) if len(numbers) else 1.0
    own = numbers[table.loc[numbers.index, "plate"] == plate]
    worst = table.loc[own.groupby(table.loc[own.index, level]).idxmax()]
    places = worst[level].tolist()
    return WellColours(
        dict(zip(places, own[worst.index].abs().tolist(), strict=True)),
        feature,
        classes=_STATES if feature == FOUND else (),
        # All plates have one scale; the greatest number of none would tell good from bad.
        ends=(0.0, 1.0 if feature == QUALITY else most),
        notes=dict(zip(places, map(_words, *_columns(worst)), strict=True)),
    )


def _columns(table: pd.DataFrame) -> list[list[object]]:
    return [table[name].tolist() for name in ("site", "cycle", "state")]


def _words(site: object, cycle: object, state: object) -> str:
    return f"site {site}, cycle {cycle}, {state}"
