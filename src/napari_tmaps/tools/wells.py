"""From objects to wells: aggregates, controls, hits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd
from pydantic import Field

from napari_tmaps.errors import InputError
from napari_tmaps.store.feature_table import Categories, FeatureTable
from napari_tmaps.tools import statistics
from napari_tmaps.tools.expression import parse
from napari_tmaps.tools.values import ObjectTable, Result, ToolData, ToolResult

Aggregate = Literal["mean", "median", "std", "count", "sum"]
TimePoint = Annotated[int, Field(ge=-1, le=1_000_000)]
_MAPPED = ("treatment", "dose", "replicate", "control")


def aggregate_wells(
    table: FeatureTable,
    feature: str,
    aggregate: Aggregate = "median",
    where: str = "",
    t: int | None = None,
) -> pd.DataFrame:
    """One value for each well, with what the plate map says of it.

    Parameters
    ----------
    where
        Only objects for which this filter holds.
    t
        Only objects of this time point. None takes all time points together; a count is then the
        mean number of a time point.

    Returns
    -------
    Columns plate, well, objects (number of them), value, and those of the plate map that are there.
    A well without objects has count 0 and else NaN.
    """
    values = table.numbers(feature).astype(np.float64)
    kept = np.isfinite(values)
    if where:
        kept &= parse(where).evaluate(table)
    number = 1  # of time points
    if t is not None:
        kept &= table.numbers("t") == t
    elif aggregate == "count" and table.times > 1:
        number = len(np.unique(table.numbers("t")))
    functions: dict[str, Callable[[np.ndarray], Any]] = {
        "mean": np.mean,
        "median": np.median,
        "std": lambda part: np.std(part, ddof=1) if part.size > 1 else np.nan,
        "sum": np.sum,
    }
    rows = []
    for plate, well, place in table.wells:
        part = values[place][kept[place]]
        value = part.size / number
        if aggregate != "count":
            value = float(functions[aggregate](part)) if part.size else np.nan
        row: dict[str, object] = {
            "plate": plate, "well": well, "objects": part.size, "value": value,
        }  # fmt: skip
        for name in _MAPPED:
            if name in table.columns and place.stop > place.start:
                column = table.column(name)
                if isinstance(column, Categories):
                    code = int(column.codes[place.start])
                    row[name] = column.names[code] if code >= 0 else None
                else:
                    row[name] = float(column[place.start])
        rows.append(row)
    return pd.DataFrame(rows)


def assay(
    data: ObjectTable,
    *,
    feature: str = "",
    aggregate: Aggregate = "median",
    where: str = "",
    time_point: TimePoint = -1,
    robust: bool = False,
) -> Result:
    """Judge an assay by its controls, plate by plate, and rank its hits.

    Parameters
    ----------
    data
        The objects, with a plate map that says which wells are controls.
    feature
        What is judged.
    aggregate
        How the objects of a well become one value.
    where
        Only objects for which this filter holds; all if it is empty.
    time_point
        Only objects of this time point; -1: of all together.
    robust
        Medians instead of means for Z′ and SSMD.

    Notes
    -----
    Wells: value, percent of control, and robust z against the negative controls of the same plate
    (against all its wells where it has fewer than two); ranked, the largest |z| among wells that
    are no controls first. The report has Z′, SSMD and CVs of each plate.
    """
    wells = _wells(data, feature, aggregate, where, time_point)
    control = wells["control"] if "control" in wells else pd.Series("", index=wells.index)
    plates, parts = {}, []
    for plate, part in wells.groupby("plate", sort=False):
        values = part["value"].to_numpy(np.float64)
        kinds = control[part.index].fillna("").to_numpy()
        negative, positive = values[kinds == "negative"], values[kinds == "positive"]
        plates[str(plate)] = {
            name: value if np.isfinite(value) else None
            for name, value in {
                "z_prime": statistics.z_prime(negative, positive, robust=robust),
                "ssmd": statistics.ssmd(negative, positive, robust=robust),
                "cv_negative": statistics.coefficient_of_variation(negative),
                "cv_positive": statistics.coefficient_of_variation(positive),
            }.items()
        } | {"negative": int(negative.size), "positive": int(positive.size)}
        enough = np.count_nonzero(np.isfinite(negative)) >= 2
        parts.append(
            part.assign(
                percent_of_control=statistics.percent_of_control(
                    values, negative, positive if positive.size else None
                ),
                robust_z=statistics.robust_z(values, negative if enough else None),
            )
        )
    found = pd.concat(parts)
    score = found["robust_z"].abs().where(control.reindex(found.index).fillna("") == "")
    found["rank"] = score.rank(ascending=False, method="min").astype("Int64")
    found = found.sort_values("rank", kind="stable", na_position="last", ignore_index=True)
    lost = [name for name, facts in plates.items() if not facts["negative"]]
    notes = (
        f"Plates without negative controls, compared with all their wells: {', '.join(lost)}.",
    )
    return ToolResult(wells=found, report={"plates": plates}, notes=notes if lost else ())


def dose_response(
    data: ObjectTable,
    *,
    feature: str = "",
    aggregate: Aggregate = "median",
    where: str = "",
    time_point: TimePoint = -1,
) -> Result:
    """Fit a dose-response curve of four parameters for each treatment.

    Parameters
    ----------
    data
        The objects, with a plate map that has treatment and dose.
    feature
        The response.
    aggregate
        How the objects of a well become one value.
    where
        Only objects for which this filter holds; all if it is empty.
    time_point
        Only objects of this time point; -1: of all together.

    Notes
    -----
    Treatments that cannot be fitted are told with the reason, and do not stop the others.
    """
    wells = _wells(data, feature, aggregate, where, time_point)
    for name in ("treatment", "dose"):
        if name not in wells:
            raise InputError(
                f"The plate map has no column '{name}', which a dose-response curve needs. Edit "
                "the plate map (✎ in the Experiment widget), or give it with: tmaps plate-map "
                "EXPERIMENT FILE.csv."
            )
    rows, notes = [], []
    for treatment, part in wells.groupby("treatment", sort=True):
        try:
            fit = statistics.fit_dose_response(
                part["dose"].to_numpy(np.float64), part["value"].to_numpy(np.float64)
            )
        except InputError as error:
            notes.append(f"{treatment}: {error}")
            continue
        rows.append({"treatment": treatment, "wells": len(part), **fit._asdict()})
    columns = ["treatment", "wells", *statistics.DoseResponse._fields]
    return ToolResult(wells=pd.DataFrame(rows, columns=columns), notes=tuple(notes))


def normalise(
    data: ObjectTable,
    *,
    feature: str = "",
    by: Literal["plate", "all"] = "plate",
    reference: Literal["negative_controls", "all_objects"] = "all_objects",
    robust: bool = True,
    fewest: Annotated[int, Field(ge=2, le=100_000)] = 10,
) -> Result:
    """Free a feature from differences between plates.

    Parameters
    ----------
    data
        The objects; with a plate map for negative controls.
    feature
        Which.
    by
        plate: each plate by itself. all: all plates together.
    reference
        Objects that become 0 on average: those of negative controls, or all.
    robust
        (value - median) / (1.4826 × median absolute deviation); else mean and standard deviation.
    fewest
        Least number of reference objects; a plate with fewer gets no values, and this is told.
    """
    table = data.table
    values = _feature(data, feature).astype(np.float64)
    used = np.isfinite(values)
    if reference == "negative_controls":
        control = table.column("control") if "control" in table.columns else None
        if not isinstance(control, Categories) or "negative" not in control.names:
            raise InputError(
                "The plate map names no negative controls. Give one with: tmaps plate-map "
                "EXPERIMENT FILE.csv, or choose all_objects as reference."
            )
        used &= control.codes == control.names.index("negative")
    found = np.full(len(table), np.nan, np.float64)
    codes = np.zeros(len(table), np.int32)
    names: tuple[str, ...] = ("all plates",)
    if by == "plate":
        plates = table.column("plate")
        if isinstance(plates, Categories):
            codes, names = plates.codes, plates.names
    notes = []
    for code, name in enumerate(names):
        here = codes == code
        part = values[here & used]
        if part.size < fewest:
            notes.append(f"{name}: {part.size} reference objects, fewer than {fewest}; no values.")
            continue
        middle = np.median(part) if robust else part.mean()
        wide = 1.4826 * np.median(np.abs(part - middle)) if robust else part.std(ddof=1)
        if not wide > 0:
            notes.append(f"{name}: the reference objects do not differ; no values.")
            continue
        found[here] = (values[here] - middle) / wide
    return ToolResult({f"{feature} normalised": found}, notes=tuple(notes))


def _feature(data: ToolData, feature: str) -> np.ndarray:
    if not feature:
        raise InputError(f"Say which feature: {', '.join(data.table.features[:8])} …")
    return data.table.numbers(feature)


def _wells(
    data: ToolData, feature: str, aggregate: Aggregate, where: str, time_point: int
) -> pd.DataFrame:
    _feature(data, feature)
    t = None if time_point < 0 else time_point
    if t is not None and t not in (there := np.unique(data.table.numbers("t")).tolist()):
        raise InputError(
            f"There are no objects at time point {t}. Time points that have any: "
            f"{', '.join(map(str, there[:20])) or 'none'}."
        )
    return aggregate_wells(data.table, feature, aggregate, where, t)
