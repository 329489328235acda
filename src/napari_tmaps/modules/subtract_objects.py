"""What is left of objects without the objects in them."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from napari_tmaps.model.kinds import BOTH, LabelImage
from napari_tmaps.model.pixelsize import UNKNOWN, PixelSize
from napari_tmaps.modules.images import check_same_shape
from napari_tmaps.modules.stacks import labels_of, rows_of, unrow


def subtract_objects(
    outer: LabelImage,
    inner: LabelImage,
    *,
    shrink: Annotated[int, Field(ge=0, le=100)] = 0,
    keep_empty: bool = True,
    pixel_size_um: PixelSize = UNKNOWN,
) -> Annotated[LabelImage, "difference_label_image", BOTH]:
    """Make cytoplasm of cells and nuclei, also where their labels differ.

    Each inner object is taken out of the outer object that holds most of it, and of no other; so
    a nucleus that reaches into the neighbour's cell leaves no hole there. 'clip' takes all of a
    mask away.

    Parameters
    ----------
    outer
        Labels ([z,] y, x), e.g. cells.
    inner
        Labels of the same shape, e.g. nuclei.
    shrink
        Inner objects are made smaller by so many pixels first, so that the outline of a nucleus
        belongs to the cytoplasm.
    keep_empty
        Keep outer objects that hold no inner one, whole. Off: they are removed.
    pixel_size_um
        Micrometers along z, y, x: how far the planes of a stack are apart. Where they are not
        known, voxels are taken as cubes.

    Returns
    -------
    LabelImage
        What is left, with the labels of the outer objects. Outer objects that are covered
        entirely are gone.

    Raises
    ------
    InputError
        An image holds no labels, or they differ in shape.
    """
    cells, nuclei = labels_of("outer objects", outer), labels_of("inner objects", inner)
    check_same_shape(outer=cells, inner=nuclei)
    from napari_tmaps.measure.overlap import main_parents
    from napari_tmaps.measure.runs import draw, find_runs
    from napari_tmaps.modules.expand_or_shrink import expand_or_shrink

    below = rows_of("outer objects", cells)
    runs = find_runs(rows_of("inner objects", nuclei))
    owner = main_parents(runs, below).label
    taken = unrow(draw(runs, owner, below.shape), cells.shape)
    if shrink:
        taken[expand_or_shrink(nuclei, n=-shrink, pixel_size_um=pixel_size_um) == 0] = 0
    result = np.where(taken == cells, np.int32(0), cells)
    if not keep_empty:
        result[~np.isin(result, owner)] = 0
    return result
