"""Numbers of wells for the plate map: counts and means of features, and their colours. No Qt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_tmaps.model.layout import SITE
from napari_tmaps.store.exclusions import excluded
from napari_tmaps.store.experiment import Experiment

COUNT = "number of objects"
# Viridis at equal distances: its lightness grows evenly, so every kind of eye can read it.
_SCALE = np.array(
    [
        (68, 1, 84),
        (71, 45, 123),
        (59, 82, 139),
        (44, 114, 142),
        (33, 145, 140),
        (40, 174, 128),
        (94, 201, 98),
        (173, 220, 48),
        (253, 231, 37),
    ],
    float,
)


@dataclass(frozen=True)
class Measure:
    """What the wells are coloured by: "" for how far they have come.

    Attributes
    ----------
    feature
        `COUNT`, or a feature, of which the mean over all objects is taken.
    """

    object_type: str = ""
    feature: str = ""

    def __str__(self) -> str:
        return f"{self.object_type}: {self.feature}" if self.object_type else "Status"


def measures(experiment: Experiment) -> list[Measure]:
    """What there is to choose from."""
    found = [Measure()]
    for object_type in experiment.features.object_types():
        names = [COUNT, *experiment.features.columns(object_type)]
        found += [Measure(object_type, name) for name in names]
    return found


def well_values(experiment: Experiment, plate: str, measure: Measure) -> dict[str, float]:
    """One number a well; excluded sites are left out. Wells without any objects have no mean.

    Raises
    ------
    NotFoundError
        There is no such object type or feature.
    """
    own = object_values(experiment, measure)
    own = own[own.index.get_level_values("plate") == plate]
    groups = own.groupby(level="well")
    if measure.feature == COUNT:
        counts = groups.size()
        out = excluded(experiment.catalogue)
        wells = {
            well
            for _, of, well, site in experiment.catalogue.analysed()
            if of == plate and (of, well, site) not in out
        }
        # A well that was analysed and is empty has 0 objects; others have no number.
        return {well: float(counts.get(well, 0)) for well in wells | set(counts.index)}
    means = groups.mean().dropna()
    return {str(well): float(value) for well, value in means.items()}


def object_values(experiment: Experiment, measure: Measure) -> pd.Series[Any]:
    """One number an object, without those of excluded sites; index plate, well, site, label.

    Only the first time point. Objects that are counted have the number 1.

    Raises
    ------
    NotFoundError
        There is no such object type or feature.
    """
    count = measure.feature == COUNT
    table = experiment.features.read(measure.object_type, [] if count else [measure.feature])
    table = table[table.index.get_level_values("t") == 0].droplevel("t")
    left_out = excluded(experiment.catalogue)
    if left_out:
        keys = zip(*(table.index.get_level_values(name) for name in SITE), strict=True)
        table = table[[key not in left_out for key in keys]]
    if count:
        return pd.Series(1.0, index=table.index, name=COUNT)
    return table[measure.feature].astype(float)


def limits(values: Mapping[str, float]) -> tuple[float, float]:
    """Ends of the colour scale: the least and the greatest number; always an interval."""
    numbers = [value for value in values.values() if np.isfinite(value)]
    low, high = min(numbers, default=0.0), max(numbers, default=1.0)
    return low, high if high > low else low + 1.0


def colours(values: npt.NDArray[np.float64]) -> npt.NDArray[np.uint8]:
    """Colours (n, 3) of numbers from 0 to 1; those beyond have the colour of the end."""
    at = np.clip(values, 0, 1) * (len(_SCALE) - 1)
    places = np.arange(len(_SCALE))
    return np.stack([np.interp(at, places, part) for part in _SCALE.T], axis=1).astype(np.uint8)
