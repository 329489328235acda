"""A layer of the objects of whole plates, coloured by a value each."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from napari_tmaps.gui.layers import AXES, LayerTuple, scale_and_units
from napari_tmaps.gui.map_colours import ObjectValues, ValuePlanes
from napari_tmaps.gui.map_picture import MapPicture
from napari_tmaps.gui.mosaic import Planes, levels_of

_ENDS = (1.0, 99.0)  # percentiles at the ends of the scale


def coloured_layer(
    picture: MapPicture, object_type: str, values: pd.Series[Any]
) -> list[LayerTuple]:
    """The layer, or nothing if no plate has such objects.

    Parameters
    ----------
    values
        With the index plate, well, site, label; its name is that of the layer.
    """
    each: list[Planes | None] = []
    plates = values.index.get_level_values("plate")
    for part in picture.parts:
        labels = picture.labels_of(part, object_type)
        own = values[plates == part.plate].droplevel("plate")
        if labels is None or own.empty:
            each.append(None)
            continue
        sites = [(site.well, site.site) for site in part.plan.sites]
        each.append(ValuePlanes(labels, ObjectValues(own, sites), part.plan.stride))
    joined = picture.join(each)
    if joined is None:
        return []
    known = values.to_numpy(float)
    known = known[np.isfinite(known)]
    low, high = np.percentile(known, _ENDS) if len(known) else (0.0, 1.0)
    levels = levels_of(joined)
    scale, units = scale_and_units(picture.source)
    return [
        (
            levels if len(levels) > 1 else levels[0],
            {
                "scale": scale,
                "units": units,
                "axis_labels": AXES,
                "name": f"{object_type}: {values.name}",
                "colormap": "viridis",
                "blending": "translucent_no_depth",
                "opacity": 0.8,
                "interpolation2d": "nearest",
                "translate": (0.0, 0.0, 0.0, 0.0),
                "contrast_limits": (float(low), float(high if high > low else low + 1)),
                "multiscale": len(levels) > 1,
                "metadata": {"tmaps": {**picture.source.facts, "values": object_type}},
            },
            "image",
        )
    ]
