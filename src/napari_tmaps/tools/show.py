"""Results that need no learning: a feature as colours, thresholds as classes."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from napari_tmaps.errors import InputError
from napari_tmaps.tools.expression import parse
from napari_tmaps.tools.gating import objects_in
from napari_tmaps.tools.values import ObjectTable, Result, ToolResult, categories, palette


def heatmap(
    data: ObjectTable,
    *,
    feature: str = "",
    lower: Annotated[float, Field(ge=0, le=100)] = 1.0,
    upper: Annotated[float, Field(ge=0, le=100)] = 99.0,
) -> Result:
    """Colour objects by a feature.

    Parameters
    ----------
    data
        The objects.
    feature
        Which.
    lower, upper
        Percentiles of the values where the colours begin and end.

    Notes
    -----
    The report has the limits of the colours.
    """
    if not feature:
        raise InputError(f"Say which feature to show: {', '.join(data.table.features[:8])} …")
    if lower >= upper:
        raise InputError(f"lower is {lower:g} and upper {upper:g}; lower must be the smaller.")
    values = data.table.numbers(feature).astype(np.float64)
    finite = values[np.isfinite(values)]
    if not finite.size:
        raise InputError(f"'{feature}' has no number in any object. Choose another feature.")
    low, high = np.percentile(finite, (lower, upper))
    without = values.size - finite.size
    return ToolResult(
        {feature: values},
        report={"limits": [float(low), float(high)], "without": without},
        notes=(f"{without} objects have no '{feature}' and no colour.",) if without else (),
    )


def classify_rules(
    data: ObjectTable,
    *,
    rules: tuple[str, ...] = (),
    otherwise: str = "",
) -> Result:
    """Give objects classes by rules on their features.

    Parameters
    ----------
    data
        The objects, with gates.
    rules
        Each "class: condition", e.g. "big: Area > 500", or "class: gate name of a gate". The first
        that fits gives the class.
    otherwise
        Class of all that no rule fits; none if it is empty.
    """
    if not rules:
        raise InputError("Give at least one rule, e.g. 'big: Area > 500'.")
    names: list[str] = []
    codes = np.full(len(data.table), -1, np.int64)
    for rule in rules:
        name, colon, condition = rule.partition(":")
        name, condition = name.strip(), condition.strip()
        if not (name and colon and condition):
            raise InputError(f"The rule '{rule}' should be a class, a colon and a condition.")
        if condition.startswith("gate "):
            gate = condition.removeprefix("gate ").strip()
            if gate not in data.gates:
                known = ", ".join(f"'{known}'" for known in data.gates) or "none"
                raise InputError(f"The rule '{rule}' names no saved gate. Gates: {known}.")
            fits = objects_in(data.gates[gate], data.table, data.gates)
        else:
            fits = parse(condition).evaluate(data.table)
        if name not in names:
            names.append(name)
        codes[(codes < 0) & fits] = names.index(name)
    if otherwise:
        if otherwise not in names:
            names.append(otherwise)
        codes[codes < 0] = names.index(otherwise)
    counts = np.bincount(codes[codes >= 0], minlength=len(names)).tolist()
    return ToolResult(
        {"class": categories(codes, names)},
        palette(names),
        report={"sizes": dict(zip(names, counts, strict=True))},
    )
