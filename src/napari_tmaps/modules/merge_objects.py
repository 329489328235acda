"""Objects that belong together become one."""

from __future__ import annotations

from typing import Annotated

import numpy as np
import numpy.typing as npt
from pydantic import Field

from napari_tmaps.model.kinds import PLANES, LabelImage
from napari_tmaps.modules.images import Labels, as_labels, check_same_shape


def merge_objects(
    labels: LabelImage,
    parents: LabelImage | None = None,
    *,
    max_distance: Annotated[int, Field(ge=0, le=200)] = 1,
) -> Annotated[LabelImage, "merged_label_image", PLANES]:
    """Make one object of those that lie close together, e.g. the fragments of a nucleus.

    Parameters
    ----------
    labels
        Labels (y, x).
    parents
        Labels (y, x), e.g. cells. Where given, all objects of the same parent become one, however
        far apart they are, and `max_distance` does not count. An object belongs to the parent
        that holds most of it.
    max_distance
        Objects become one where at most so many pixels of background are between them; with 0
        where they touch by an edge or a corner.

    Returns
    -------
    LabelImage
        Merged objects have the smallest of their labels, others keep theirs. The background
        between them stays. Objects without a parent stay as they are.

    Raises
    ------
    InputError
        An image holds no labels, or they differ in shape.
    """
    objects = as_labels("labels", labels)
    from napari_tmaps.measure.overlap import main_parents
    from napari_tmaps.measure.runs import draw, find_runs

    runs = find_runs(objects)
    if not runs.labels.size:
        return objects
    if parents is None:
        group = _neighbours(objects, runs.labels, max_distance)
    else:
        check_same_shape(labels=objects, parents=parents)
        owner = main_parents(runs, as_labels("parents", parents)).label
        # Objects without a parent are a group each.
        group = np.where(owner > 0, owner, -np.arange(1, owner.size + 1))
    smallest: dict[int, int] = {}
    for label, number in zip(runs.labels, group, strict=True):
        smallest.setdefault(number, label)
    merged = np.array([smallest[number] for number in group], np.int64)
    return draw(runs, merged, objects.shape)


def _neighbours(
    objects: Labels, labels: npt.NDArray[np.int64], max_distance: int
) -> npt.NDArray[np.int64]:
    """Number of the group of each object: those that are connected by short gaps."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    reach = max_distance + 1
    height, width = objects.shape
    places = np.searchsorted(labels, objects)
    first, second = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for dy in range(reach + 1):
        for dx in range(-reach, reach + 1):
            # Gaps are measured along the longer axis for touching, in a straight line else.
            away = max(dy, abs(dx)) if max_distance == 0 else np.hypot(dy, dx)
            if away > reach or (dy == 0 and dx <= 0):
                continue
            rows = (slice(0, height - dy), slice(dy, height))
            columns = (
                slice(max(0, -dx), width - max(0, dx)),
                slice(max(0, dx), width + min(0, dx)),
            )
            a, b = (objects[rows[i], columns[i]] for i in (0, 1))
            touch = (a != b) & (a > 0) & (b > 0)
            first.append(places[rows[0], columns[0]][touch])
            second.append(places[rows[1], columns[1]][touch])
    ends = (np.concatenate(first), np.concatenate(second))
    graph = coo_array((np.ones(ends[0].size, np.int8), ends), shape=(labels.size, labels.size))
    group: npt.NDArray[np.int64] = connected_components(graph, directed=False)[1].astype(np.int64)
    return group
