"""Numbers of wells for the plate map: counts, means of features, columns, alignment. No Qt."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from napari_tmaps.errors import unknown
from napari_tmaps.gui.map_alignment import ALIGNMENT, alignment_colours
from napari_tmaps.gui.well_colours import WellColours, class_colours
from napari_tmaps.model.layout import SITE
from napari_tmaps.model.words import time_in_words
from napari_tmaps.store.exclusions import excluded
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.store.plate_map import load_plate_map

COUNT = "number of objects"
Level = Literal["well", "site"]


@dataclass(frozen=True)
class Measure:
    """What the wells are coloured by; nothing: by how far they have come.

    Attributes
    ----------
    object_type
        "" for a column of the plate map, or for the alignment.
    feature
        `COUNT`, or a feature, of which the mean over the objects is taken; or the column.
    alignment
        What of the alignment; see map_alignment.
    """

    object_type: str = ""
    feature: str = ""
    alignment: str = ""

    def __str__(self) -> str:
        if self.alignment:
            return self.alignment
        if self.is_of_plate_map:
            return f"Plate map: {self.feature}"
        return f"{self.object_type}: {self.feature}" if self.object_type else "Status"

    @property
    def is_of_plate_map(self) -> bool:
        """Whether it is a column of the plate map."""
        return not self.object_type and bool(self.feature)


def measures(experiment: Experiment) -> list[Measure]:
    """What there is to choose from."""
    found = [Measure()]
    plate_map = load_plate_map(experiment.path, experiment.plate_names())
    found += [Measure("", name) for name in (plate_map.columns if plate_map else ())]
    if experiment.shifts.file.is_file():
        found += [Measure(alignment=name) for name in ALIGNMENT]
    for object_type in experiment.features.object_types():
        names = [COUNT, *experiment.features.columns(object_type)]
        found += [Measure(object_type, name) for name in names]
    return found


def well_colours(
    experiment: Experiment,
    plate: str,
    measure: Measure,
    level: Level = "well",
    t: int | None = None,
    *,
    values: pd.Series[Any] | None = None,
    says_time: bool = False,
) -> WellColours:
    """The colours of the wells of a plate, or of the sites of a slide, which has one well.

    Parameters
    ----------
    t, values
        As of `well_values`.
    says_time
        Whether the title tells of which time point the numbers are.

    Raises
    ------
    NotFoundError
        There is no such object type, feature or column.
    """
    if measure.alignment:
        return alignment_colours(experiment, plate, measure.alignment, level)
    if measure.object_type:
        numbers = well_values(experiment, plate, measure, level, t, values=values)
        title = f"{measure} ({time_in_words(t)})" if says_time else str(measure)
        return WellColours(numbers, title)
    if measure == Measure() or level == "site":
        return WellColours()
    plate_map = load_plate_map(experiment.path, experiment.plate_names())
    columns = () if plate_map is None else plate_map.columns
    if plate_map is None or measure.feature not in columns:
        raise unknown("column of the plate map", measure.feature, columns)
    table = plate_map.wells.dropna(subset=[measure.feature])
    column = table[measure.feature]
    own = table["plate"] == plate
    if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
        of_wells = dict(zip(table["well"][own], column[own].astype(float), strict=True))
        return WellColours(of_wells, str(measure))
    # All plates have the same colours for the same names.
    names = sorted({str(value) for value in column if str(value)})
    codes = {
        well: float(names.index(str(value)))
        for well, value in zip(table["well"][own], column[own], strict=True)
        if str(value)
    }
    return WellColours(codes, str(measure), tuple(zip(names, class_colours(names), strict=True)))


def well_values(
    experiment: Experiment,
    plate: str,
    measure: Measure,
    level: Level = "well",
    t: int | None = None,
    *,
    values: pd.Series[Any] | None = None,
) -> dict[Any, float]:
    """One number a well (or site); excluded sites are left out. Without any objects: no mean.

    Parameters
    ----------
    t
        Time point; None for all together: the mean of all their objects, and the mean number of
        objects of a time point.
    values
        Of `object_values`, if they are there already.

    Raises
    ------
    NotFoundError
        There is no such object type or feature.
    """
    own = object_values(experiment, measure) if values is None else values
    place, times = (own.index.get_level_values(name) for name in ("plate", "t"))
    kept = place == plate
    number = max(times[kept].nunique(), 1) if t is None else 1
    own = own[kept if t is None else kept & (times == t)]
    groups = own.groupby(level=level)
    if measure.feature == COUNT:
        counts = groups.size()
        out = excluded(experiment.catalogue)
        there = {
            well if level == "well" else site
            for _, of, well, site in experiment.catalogue.analysed()
            if of == plate and (of, well, site) not in out
        }
        # A well that was analysed and is empty has 0 objects; others have no number.
        found = there | set(counts.index)
        return {place: float(counts.get(place, 0)) / number for place in found}
    means = groups.mean().dropna()
    return dict(zip(means.index.tolist(), means.tolist(), strict=True))


def object_values(experiment: Experiment, measure: Measure) -> pd.Series[Any]:
    """One number an object, without those of excluded sites; index plate, well, site, t, label.

    Objects that are counted have the number 1.

    Raises
    ------
    NotFoundError
        There is no such object type or feature.
    """
    count = measure.feature == COUNT
    table = experiment.features.read(measure.object_type, [] if count else [measure.feature])
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
