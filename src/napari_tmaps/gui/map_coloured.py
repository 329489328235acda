"""Objects coloured by a value each: a layer over the picture of a site, a well or whole plates."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from napari_tmaps.gui.desk import ObjectColours
from napari_tmaps.gui.layers import AXES, LayerTuple, scale_and_units
from napari_tmaps.gui.map_colours import NumberedLabels, ObjectPlaces, ObjectValues, ValuePlanes
from napari_tmaps.gui.mosaic import Planes, levels_of
from napari_tmaps.gui.sources import Source
from napari_tmaps.model.words import counted
from napari_tmaps.store.plan import digest

RESULT_OPACITY = 0.5
_ENDS = (1.0, 99.0)  # percentiles at the ends of the scale


class Colouring:
    """`ObjectColours` as layers; what it worked out for one picture serves the next.

    Parameters
    ----------
    result
        Name of a result, of which several may lie over each other: filled, their colours added.
    before
        Other colours, perhaps of the same objects: then nothing is looked for twice.
    """

    def __init__(
        self, colours: ObjectColours, result: str = "", before: Colouring | None = None
    ) -> None:
        self.colours, self._result = colours, result
        self._scale = _scale(colours)
        self._known: dict[str, ObjectValues] = {}
        self._places: dict[str, tuple[Sequence[tuple[str, int]], ObjectPlaces]] = {}
        if before is not None and before.colours.values.index is colours.values.index:
            self._places = before._places

    def layers(
        self,
        source: Source,
        parts: Sequence[NumberedLabels],
        join: Callable[[Sequence[Planes | None]], Planes | None] = lambda each: each[0],
    ) -> list[LayerTuple]:
        """The layer, or nothing if no plate has such objects.

        Parameters
        ----------
        parts
            The plates of the picture.
        join
            Puts pyramids of all plates together.
        """
        joined = join([self._planes(part) for part in parts])
        if joined is None:
            return []
        levels = levels_of(joined)
        scale, units = scale_and_units(source)
        object_type = self.colours.object_type
        properties = {
            "scale": scale,
            "units": units,
            "axis_labels": AXES,
            "name": f"{object_type}: {self.colours.values.name}",
            "blending": "translucent_no_depth",
            "opacity": 1.0,
            "interpolation2d": "nearest",
            "translate": (0.0, 0.0, 0.0, 0.0),
            **self._scale,
            "multiscale": len(levels) > 1,
            "metadata": {"tmaps": {**source.facts, "values": object_type}},
        }
        if self._result:
            properties |= {
                "name": self._result,
                "blending": "additive",
                "opacity": RESULT_OPACITY,
                "metadata": {"tmaps": {**source.facts, "result": self._result}},
            }
        return [(levels if len(levels) > 1 else levels[0], properties, "image")]

    def _planes(self, part: NumberedLabels) -> Planes | None:
        if part.labels is None:
            return None
        if part.plate not in self._known:
            values = ObjectValues(self.colours.values, self._places_on(part))
            self._known[part.plate] = values
        return ValuePlanes(
            part.labels, self._known[part.plate], part.stride, filled=bool(self._result)
        )

    def _places_on(self, part: NumberedLabels) -> ObjectPlaces:
        sites, places = self._places.get(part.plate, ((), None))
        if places is None or list(sites) != list(part.sites):
            index = self.colours.values.index
            assert isinstance(index, pd.MultiIndex), "objects are known by place and label"
            places = ObjectPlaces(index, part.plate, part.sites)
            self._places[part.plate] = part.sites, places
        return places


def _scale(colours: ObjectColours) -> dict[str, Any]:
    """Colours of the values, and the values at their ends."""
    from napari.utils import Colormap
    from napari.utils.colormaps.colormap import ColormapInterpolationMode

    if colours.classes:
        number = len(colours.classes)
        # A map of a single colour cannot be drawn: it has it twice.
        steps = [color for _, color in colours.classes] * (2 if number == 1 else 1)
        return {
            "colormap": Colormap(
                steps,
                # napari knows each map by its name, and makes room for all of it.
                name=f"{counted(number, 'colour')} {digest(colours.classes)[:6]}",
                controls=[n / len(steps) for n in range(len(steps) + 1)],
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
