"""Children that lie wholly in their parents."""

from __future__ import annotations

from typing import Annotated

from napari_tmaps.model.kinds import BOTH, LabelImage
from napari_tmaps.modules.images import check_same_shape
from napari_tmaps.modules.stacks import rows_of_labels


def relate_objects(
    children: LabelImage,
    parents: LabelImage,
) -> Annotated[LabelImage, "related", BOTH]:
    """Cut objects, e.g. spots, to the objects that they belong to, e.g. cells.

    Their features can then be given to the parents: register the result and measure it with
    `aggregate` for the number, mean, standard deviation and sum over the children of each parent.

    Parameters
    ----------
    children
        Labels ([z,] y, x); each belongs to the parent with which it shares most pixels.
    parents
        Labels of the same shape.

    Returns
    -------
    LabelImage
        The children under their labels, without the pixels outside their parent. Children that
        touch no parent are left out.

    Raises
    ------
    InputError
        The images do not fit.
    """
    check_same_shape(children=children, parents=parents)
    from napari_tmaps.measure.overlap import keep_inside, main_parents
    from napari_tmaps.measure.runs import find_runs

    below = rows_of_labels("parents", parents)
    runs = find_runs(rows_of_labels("children", children))
    related = keep_inside(runs, below, main_parents(runs, below).label)
    return related.reshape(children.shape)
