"""Colours of the wells of a plate, or of the sites of a slide: values, no Qt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from colorsys import hls_to_rgb
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_tmaps.model.scale import SCALE

# Okabe and Ito: colours that everybody tells apart.
_CLASSES = ("#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7", "#999999")


@dataclass(frozen=True)
class WellColours:
    """How the wells of a plate, or the sites of a slide, are coloured.

    Attributes
    ----------
    values
        A number a well (its name) or site; those that are not among them have no colour.
    title
        What the numbers are; "" if wells are coloured by how far they are.
    classes
        (name, "#rrggbb") of the values 0, 1, 2 …; empty if the values are numbers on a scale.
    ends
        Of the scale, e.g. for several plates; None for the least and the greatest number.
    notes
        What else is told of a place.
    """

    values: Mapping[Any, float] = field(default_factory=dict)
    title: str = ""
    classes: tuple[tuple[str, str], ...] = ()
    ends: tuple[float, float] | None = None
    notes: Mapping[Any, str] = field(default_factory=dict)

    def in_words(self, place: Any) -> str:
        """What is told of a well or site, after a comma; "" if nothing is."""
        if place not in self.values:
            return ""
        value = self.values[place]
        words = self.classes[int(value)][0] if self.classes else f"{value:.5g}"
        note = f" ({self.notes[place]})" if place in self.notes else ""
        return f", {self.title} {words}{note}"


def class_colours(names: Sequence[str]) -> list[str]:
    """A colour a name: of Okabe and Ito as far as they reach, then around the circle of hues."""
    if len(names) <= len(_CLASSES):
        return list(_CLASSES[: len(names)])
    shades = [(n / len(names), 0.85 if n % 2 else 0.55) for n in range(len(names))]
    parts = (hls_to_rgb(hue, 0.55, saturation) for hue, saturation in shades)
    return ["#" + "".join(f"{round(255 * part):02x}" for part in rgb) for rgb in parts]


def limits(values: Mapping[Any, float]) -> tuple[float, float]:
    """Ends of the colour scale: the least and the greatest number; always an interval."""
    numbers = [value for value in values.values() if np.isfinite(value)]
    low, high = min(numbers, default=0.0), max(numbers, default=1.0)
    return low, high if high > low else low + 1.0


def colours(values: npt.NDArray[np.float64]) -> npt.NDArray[np.uint8]:
    """Colours (n, 3) of numbers from 0 to 1; those beyond have the colour of the end."""
    at = np.clip(values, 0, 1) * (len(SCALE) - 1)
    places = np.arange(len(SCALE))
    return np.stack([np.interp(at, places, part) for part in SCALE.T], axis=1).astype(np.uint8)
