"""Which objects receive the values of which: one to one, or many children to a parent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_tmaps.errors import InputError
from napari_tmaps.measure.compile import kernel
from napari_tmaps.measure.runs import Floats, Ints, Runs, count_pixels, find_runs, known_runs

NO_PARENT = -1


def make_table(
    features: Mapping[str, npt.NDArray[Any]],
    runs: Runs,
    assign: npt.NDArray[np.int32],
    *,
    aggregate: bool,
) -> pd.DataFrame:
    """Features of measured objects as the table of the objects that receive them.

    Parameters
    ----------
    features
        One value for each object of `runs`.
    runs
        The objects that were measured.
    assign
        Labels (y, x) of the objects that receive the values; all of them get a row.
    aggregate
        False: each measured object lies in an object of its own, whose row takes its values; NaN
        where an object holds none. True: `Count` and, for each feature, mean, population standard
        deviation and sum over the measured objects inside; values that are NaN do not count.

    Returns
    -------
    pandas.DataFrame
        float64 columns; index `label`, int32, ascending.

    Raises
    ------
    InputError
        A measured object does not lie inside one receiving object, or shares it without
        `aggregate`.
    """
    # Runs are shared: objects that receive their own values are known without a look at pixels.
    same = known_runs(assign) is runs
    parents = runs.labels if same else find_parents(runs, assign)
    stray = np.flatnonzero(parents == NO_PARENT)
    if stray.size:
        raise InputError(
            f"Object {runs.labels[stray[0]]} does not lie inside a single object of those that "
            f"receive its values ({stray.size} such objects of {runs.labels.size}). Each measured "
            "object must lie wholly inside one of 'assign_objects'; assign its values to the "
            "objects themselves or to objects that enclose them."
        )
    # Objects that receive their own values are known already: every pixel is that of its parent.
    own = same or (
        np.array_equal(parents, runs.labels)
        and np.count_nonzero(assign) == count_pixels(runs).sum()
    )
    receivers = runs.labels if own else find_runs(assign).labels
    place = np.searchsorted(receivers, parents)
    index = pd.Index(receivers.astype(np.int32), name="label")
    if aggregate:
        return pd.DataFrame(_aggregate(features, place, receivers.size), index=index)
    number = np.bincount(place, minlength=receivers.size)
    if number.max(initial=0) > 1:
        shared = int(np.argmax(number > 1))
        raise InputError(
            f"Object {receivers[shared]} holds {number[shared]} measured objects, but can take "
            "the values of one only. Turn on 'aggregate' to get their number, mean, standard "
            "deviation and sum."
        )
    # One array for all columns: a table of hundreds of arrays costs more than measuring them.
    columns = np.full((len(features), receivers.size), np.nan)
    for column, values in zip(columns, features.values(), strict=True):
        column[place] = values
    return pd.DataFrame(columns.T, index=index, columns=pd.Index(list(features)))


def _aggregate(
    features: Mapping[str, npt.NDArray[Any]], place: Ints, size: int
) -> dict[str, Floats]:
    columns = {"Count": np.bincount(place, minlength=size).astype(np.float64)}
    for name, all_values in features.items():
        known = ~np.isnan(all_values)
        values, where = all_values[known].astype(np.float64), place[known]
        number = np.bincount(where, minlength=size)
        number = np.where(number > 0, number, np.nan)  # nothing inside: no mean, no sum
        total = np.bincount(where, values, minlength=size)
        mean = total / number
        squares = np.bincount(where, (values - mean[where]) ** 2, minlength=size)
        columns[f"Mean_{name}"] = mean
        columns[f"Std_{name}"] = np.sqrt(squares / number)
        columns[f"Sum_{name}"] = np.where(np.isnan(number), np.nan, total)
    return columns


@kernel
def find_parents(runs: Runs, assign: npt.NDArray[np.int32]) -> Ints:
    """Label of the object in which each object lies with all its pixels, else `NO_PARENT`."""
    parents = np.empty(runs.labels.size, np.int64)
    for k in range(parents.size):
        parent = np.int64(assign[runs.row[runs.first[k]], runs.start[runs.first[k]]])
        inside = parent > 0
        for i in range(runs.first[k], runs.first[k + 1]):
            for label in assign[runs.row[i], runs.start[i] : runs.stop[i]]:
                inside &= label == parent
        parents[k] = parent if inside else -1
    return parents
