"""The table of an object type: one row an object, from what several steps measured."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_tmaps.errors import PipelineError
from napari_tmaps.pipeline.checked import Step

BORDER = "is_border"


def make_table(
    object_type: str, labels: npt.NDArray[np.int32], measured: Sequence[tuple[Step, pd.DataFrame]]
) -> pd.DataFrame:
    """All features of the objects of one type.

    Parameters
    ----------
    labels
        The objects, of shape ([Z,] Y, X).
    measured
        What steps measured for these objects, under the final names, with the steps.

    Returns
    -------
    pd.DataFrame
        Index `label` (int32, ascending), a row for every object; `is_border` (bool): the object
        touches the edge of the image in y or x; then the features (float64), NaN for an object
        that a step could not measure.

    Raises
    ------
    PipelineError
        A step measured an object that does not exist, or two steps made the same column.
    """
    index = pd.Index(object_labels(labels), name="label")
    border = pd.DataFrame({BORDER: index.isin(border_labels(labels))}, index=index)
    parts = [border]
    maker: dict[str, Step] = {}
    for step, table in measured:
        for column in table.columns:
            if column in maker:
                raise PipelineError(
                    f"{step} makes the feature '{column}' of '{object_type}', which "
                    f"{maker[column]} makes too. Switch one of them off."
                )
            maker[column] = step
        foreign = table.index.difference(index)
        if len(foreign):
            raise PipelineError(
                f"{step} measured label {foreign[0]}, but '{object_type}' has no such "
                "object. This is a mistake in the module, not in your pipeline."
            )
        parts.append(table.reindex(index).astype(np.float64))
    return pd.concat(parts, axis=1)


def object_labels(labels: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    """Labels that occur, ascending, without the background."""
    if labels.ndim == 2 and labels.dtype == np.int32:
        from napari_tmaps.measure.runs import find_runs

        # Measuring steps have found them already, or will share what is found here.
        return find_runs(labels).labels.astype(np.int32)
    highest = int(labels.max(initial=0))
    if highest <= labels.size:
        # Counting is many times faster than sorting, unless labels are huge.
        seen = np.zeros(highest + 1, dtype=bool)
        seen[labels.ravel()] = True
        seen[0] = False
        return np.flatnonzero(seen).astype(np.int32)
    found = np.unique(labels)
    return found[found > 0]


def border_labels(labels: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    """Labels of objects that touch the first or last row or column, on any plane."""
    edges = (labels[..., 0, :], labels[..., -1, :], labels[..., :, 0], labels[..., :, -1])
    found = np.unique(np.concatenate([edge.ravel() for edge in edges]))
    return found[found > 0]
