"""What is shown of a result, worked out from the experiment: values, no Qt."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_tmaps.errors import NotFoundError
from napari_tmaps.gui.desk import ObjectColours
from napari_tmaps.gui.object_index import index_of
from napari_tmaps.model.progress import Progress
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.store.feature_table import Categories, FeatureTable
from napari_tmaps.store.results import AboutResult
from napari_tmaps.tools.run import open_data, results_of
from napari_tmaps.tools.statistics import DoseResponse
from napari_tmaps.tools.wells import aggregate_wells

_MOST_POINTS = 20_000


@dataclass(frozen=True, eq=False)
class Curve:
    """Responses of a treatment, and the curve that was fitted to them."""

    treatment: str
    doses: npt.NDArray[np.float64]
    values: npt.NDArray[np.float64]
    fit: DoseResponse


@dataclass(frozen=True, eq=False)
class ResultView:
    """What there is to see of a result.

    Attributes
    ----------
    wells
        Its table of wells or treatments; None if it has none.
    points, rows
        (objects, 2) places of an embedding, and the rows of the table that they are; of at most
        20,000 objects, drawn at random.
    curves
        Of a dose-response result.
    """

    about: AboutResult
    wells: pd.DataFrame | None = None
    points: npt.NDArray[np.float64] | None = None
    rows: npt.NDArray[np.int64] | None = None
    curves: tuple[Curve, ...] = ()


def view_result(
    experiment: Experiment, object_type: str, name: str
) -> Generator[Progress, None, ResultView]:
    """Read what is shown of a result.

    Raises
    ------
    NotFoundError
        There is no such result.
    """
    yield Progress("reading the result", 0, 0)
    store = results_of(experiment)
    about, wells = store.about(object_type, name), store.wells(object_type, name)
    if about.tool == "embed" and len(about.columns) > 1:
        table = open_data(experiment, object_type).table
        pair = [store.column(table, name, column) for column in about.columns[:2]]
        places = np.stack([np.asarray(column, np.float64) for column in pair], axis=1)
        rows = np.flatnonzero(np.isfinite(places).all(axis=1))
        if len(rows) > _MOST_POINTS:
            rows = np.sort(np.random.default_rng(0).choice(rows, _MOST_POINTS, replace=False))
        return ResultView(about, wells, places[rows], rows)
    if about.tool == "dose_response" and wells is not None:
        table = open_data(experiment, object_type).table
        return ResultView(about, wells, curves=_curves(table, about.settings, wells))
    return ResultView(about, wells)


def _curves(
    table: FeatureTable, settings: Mapping[str, Any], fits: pd.DataFrame
) -> tuple[Curve, ...]:
    try:
        t = settings.get("time_point", -1)
        wells = aggregate_wells(
            table,
            settings["feature"],
            settings["aggregate"],
            settings.get("where", ""),
            None if t < 0 else t,
        )
        wells = wells.set_index("treatment")
    except (NotFoundError, KeyError):  # the feature or the plate map are gone: the fits are not
        return ()
    curves = []
    for row in fits.to_dict("records"):
        if row["treatment"] in wells.index:
            own = wells.loc[[row["treatment"]]]
            fit = DoseResponse(**{name: row[name] for name in DoseResponse._fields})
            curves.append(
                Curve(
                    str(row["treatment"]),
                    own["dose"].to_numpy(np.float64),
                    own["value"].to_numpy(np.float64),
                    fit,
                )
            )
    return tuple(curves)


def colours_of(
    experiment: Experiment, object_type: str, names: tuple[str, ...]
) -> Generator[Progress, None, dict[str, ObjectColours]]:
    """How results look on the map, by the name of the layer."""
    store = results_of(experiment)
    table = open_data(experiment, object_type).table if names else None
    found = {}
    for n, name in enumerate(names):
        yield Progress("results", n, len(names))
        about = store.about(object_type, name)
        assert table is not None, "there are names"
        if not about.columns:
            continue
        value = store.column(table, name, about.columns[0])
        classes: tuple[tuple[str, str], ...] = ()
        if isinstance(value, Categories):
            classes = tuple((each, about.colors.get(each, "#999999")) for each in value.names)
            numbers = np.where(value.codes < 0, np.nan, value.codes)
        else:
            numbers = np.asarray(value, np.float64)
        series = pd.Series(numbers.astype(np.float32), index=index_of(table), name=name)
        found[layer_name(object_type, name)] = ObjectColours(object_type, series, classes)
    return found


def layer_name(object_type: str, result: str) -> str:
    """The layer of a result in the list of layers."""
    return f"Result: {result} ({object_type})"


def report_rows(report: Mapping[str, Any], above: str = "") -> list[tuple[str, str]]:
    """A report as lines of a name and a value; tables within it are told by their parts."""
    rows: list[tuple[str, str]] = []
    for name, value in report.items():
        title = f"{above} › {name}" if above else str(name)
        title = title.replace("_", " ")
        if isinstance(value, Mapping):
            rows += report_rows(value, title)
        elif isinstance(value, list) and value and isinstance(value[0], list):
            rows += [(f"{title} {n}", _short(part)) for n, part in enumerate(value, start=1)]
        else:
            rows.append((title, _short(value)))
    return rows


def _short(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list):
        return ", ".join(map(_short, value))
    return str(value)
