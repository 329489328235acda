"""The site as an object."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from napari_tmaps.model.kinds import BOTH, IntensityImage, SegmentedObjects


def whole_site(image: IntensityImage) -> Annotated[SegmentedObjects, "objects", BOTH]:
    """Make one object of the whole site, to measure what belongs to it: quality, totals, counts.

    Name the object e.g. Site. Whatever measures objects measures it too: intensities give those of
    the image, and other objects that are measured for it with `aggregate` their number and means.

    Parameters
    ----------
    image
        Any channel ([z,] y, x).

    Returns
    -------
    SegmentedObjects
        Label 1 everywhere, so that the table of this type has one row a site.
    """
    return np.ones(image.shape, np.int32)
