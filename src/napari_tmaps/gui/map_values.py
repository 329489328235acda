"""Numbers of wells for the plate map: counts and means of features, and their colours. No Qt."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from colorsys import hls_to_rgb
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_tmaps.errors import unknown
from napari_tmaps.model.layout import SITE
from napari_tmaps.model.scale import SCALE
from napari_tmaps.store.exclusions import excluded
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.store.plate_map import load_plate_map

COUNT = "number of objects"
# Okabe and Ito: colours that everybody tells apart.
_CLASSES = ("#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7", "#999999")


@dataclass(frozen=True)
class Measure:
    """What the wells are coloured by; nothing: by how far they have come.

    Attributes
    ----------
    object_type
        "" for a column of the plate map.
    feature
        `COUNT`, or a feature, of which the mean over all objects is taken; or the column.
    """

    object_type: str = ""
    feature: str = ""

    def __str__(self) -> str:
        if self.is_of_plate_map:
            return f"Plate map: {self.feature}"
        return f"{self.object_type}: {self.feature}" if self.object_type else "Status"

    @property
    def is_of_plate_map(self) -> bool:
        """Whether it is a column of the plate map."""
        return not self.object_type and bool(self.feature)


@dataclass(frozen=True)
class WellColours:
    """How wells are coloured.

    Attributes
    ----------
    values
        A number a well; wells that are not among them have no colour.
    title
        What the numbers are; "" if wells are coloured by how far they are.
    classes
        (name, "#rrggbb") of the values 0, 1, 2 …; empty if the values are numbers on a scale.
    ends
        Of the scale, e.g. for several plates; None for the least and the greatest number.
    """

    values: Mapping[str, float] = field(default_factory=dict)
    title: str = ""
    classes: tuple[tuple[str, str], ...] = ()
    ends: tuple[float, float] | None = None


def measures(experiment: Experiment) -> list[Measure]:
    """What there is to choose from."""
    found = [Measure()]
    plate_map = load_plate_map(experiment.path, experiment.plate_names())
    found += [Measure("", name) for name in (plate_map.columns if plate_map else ())]
    for object_type in experiment.features.object_types():
        names = [COUNT, *experiment.features.columns(object_type)]
        found += [Measure(object_type, name) for name in names]
    return found


def well_colours(experiment: Experiment, plate: str, measure: Measure) -> WellColours:
    """The colours of the wells of a plate.

    Raises
    ------
    NotFoundError
        There is no such object type, feature or column.
    """
    if measure == Measure():
        return WellColours()
    if not measure.is_of_plate_map:
        return WellColours(well_values(experiment, plate, measure), str(measure))
    plate_map = load_plate_map(experiment.path, experiment.plate_names())
    columns = () if plate_map is None else plate_map.columns
    if plate_map is None or measure.feature not in columns:
        raise unknown("column of the plate map", measure.feature, columns)
    table = plate_map.wells.dropna(subset=[measure.feature])
    column = table[measure.feature]
    own = table["plate"] == plate
    if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
        numbers = dict(zip(table["well"][own], column[own].astype(float), strict=True))
        return WellColours(numbers, str(measure))
    # All plates have the same colours for the same names.
    names = sorted({str(value) for value in column if str(value)})
    values = {
        well: float(names.index(str(value)))
        for well, value in zip(table["well"][own], column[own], strict=True)
        if str(value)
    }
    return WellColours(values, str(measure), tuple(zip(names, class_colours(names), strict=True)))


def class_colours(names: Sequence[str]) -> list[str]:
    """A colour a name: of Okabe and Ito as far as they reach, then around the circle of hues."""
    if len(names) <= len(_CLASSES):
        return list(_CLASSES[: len(names)])
    shades = [(n / len(names), 0.85 if n % 2 else 0.55) for n in range(len(names))]
    parts = (hls_to_rgb(hue, 0.55, saturation) for hue, saturation in shades)
    return ["#" + "".join(f"{round(255 * part):02x}" for part in rgb) for rgb in parts]


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


def crossed_out(
    experiment: Experiment, plate: str, sites: Mapping[str, Collection[int]]
) -> tuple[frozenset[str], frozenset[int]]:
    """Wells of a plate of which all sites are excluded, and the excluded sites.

    Parameters
    ----------
    sites
        Of each well.
    """
    out = excluded(experiment.catalogue)
    wells = (
        well for well, numbers in sites.items() if all((plate, well, n) in out for n in numbers)
    )
    return frozenset(wells), frozenset(site for on, _, site in out if on == plate)


def limits(values: Mapping[str, float]) -> tuple[float, float]:
    """Ends of the colour scale: the least and the greatest number; always an interval."""
    numbers = [value for value in values.values() if np.isfinite(value)]
    low, high = min(numbers, default=0.0), max(numbers, default=1.0)
    return low, high if high > low else low + 1.0


def colours(values: npt.NDArray[np.float64]) -> npt.NDArray[np.uint8]:
    """Colours (n, 3) of numbers from 0 to 1; those beyond have the colour of the end."""
    at = np.clip(values, 0, 1) * (len(SCALE) - 1)
    places = np.arange(len(SCALE))
    return np.stack([np.interp(at, places, part) for part in SCALE.T], axis=1).astype(np.uint8)
