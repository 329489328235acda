"""A layer of the objects of whole plates, coloured by a value each."""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_tmaps.gui.desk import ObjectColours
from napari_tmaps.gui.layers import AXES, LayerTuple, scale_and_units
from napari_tmaps.gui.map_colours import ObjectValues, ValuePlanes
from napari_tmaps.gui.map_picture import MapPicture
from napari_tmaps.gui.mosaic import Planes, levels_of

_ENDS = (1.0, 99.0)  # percentiles at the ends of the scale


def coloured_layer(picture: MapPicture, colours: ObjectColours) -> list[LayerTuple]:
    """The layer, or nothing if no plate has such objects."""
    object_type, values = colours.object_type, colours.values
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
                "blending": "translucent_no_depth",
                "opacity": 0.8,
                "interpolation2d": "nearest",
                "translate": (0.0, 0.0, 0.0, 0.0),
                **_scale(colours),
                "multiscale": len(levels) > 1,
                "metadata": {"tmaps": {**picture.source.facts, "values": object_type}},
            },
            "image",
        )
    ]


def _scale(colours: ObjectColours) -> dict[str, Any]:
    """Colours of the values, and the values at their ends."""
    from napari.utils import Colormap
    from napari.utils.colormaps.colormap import ColormapInterpolationMode

    if colours.classes:
        steps = [color for _, color in colours.classes]
        number = len(steps)
        return {
            "colormap": Colormap(
                steps,
                name="classes",
                controls=[n / number for n in range(number + 1)],
                interpolation=ColormapInterpolationMode.ZERO,
            ),
            "contrast_limits": (-0.5, number - 0.5),
        }
    known = colours.values.to_numpy(float)
    known = known[np.isfinite(known)]
    low, high = np.percentile(known, _ENDS) if len(known) else (0.0, 1.0)
    return {
        "colormap": "viridis",
        "contrast_limits": (float(low), float(high if high > low else low + 1)),
    }
