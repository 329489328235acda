"""What can be shown: sites in their places, with channels and object types to read from.

A source knows geometry and names; nothing is read until a layer asks for pixels. There is one for
OME-Zarr (zarr_source.py) and one for microscope files (vendor_source.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_tmaps.gui.mosaic import Stack
from napari_tmaps.model.channels import Channel


class Source(Protocol):
    """Sites of one plate, or a single image.

    Attributes
    ----------
    name
        For titles.
    places
        Table with the columns of arrange.PLACES, one row a site, index 0, 1, 2 …
    channels
        In order.
    object_types
        Names of labels that there are.
    size_t, size_z
        The most time points and z planes of any image.
    pixel_size_um
        (z, y, x); None where unknown.
    time_step_s
        None where unknown.
    corner_um
        (y, x) of the first pixel of a single image; (0, 0) for sites in their places.
    facts
        Where the pixels come from; goes into the metadata of layers.
    """

    name: str
    places: pd.DataFrame
    channels: tuple[Channel, ...]
    object_types: tuple[str, ...]
    size_t: int
    size_z: int
    pixel_size_um: tuple[float | None, float | None, float | None]
    time_step_s: float | None
    corner_um: tuple[float, float]
    facts: Mapping[str, Any]

    def image(self, channel: int) -> Stack:
        """Pixels of a channel."""

    def labels(self, object_type: str) -> Stack:
        """Labels of an object type."""

    def z_of(self, channel: int) -> list[int]:
        """z of the planes that a channel has; its only plane is shown at every z."""

    def t_of(self, channel: int) -> list[int]:
        """Time points at which a channel was recorded; at others nothing is shown."""

    def contrast(self, channel: int) -> tuple[float, float]:
        """Intensities to show as black and as full colour, from the pixels."""


def contrast_of(pixels: list[npt.NDArray[Any]]) -> tuple[float, float]:
    """Percentiles 0.1 and 99.9 of the pixels; always an interval."""
    values = np.concatenate([np.ravel(part) for part in pixels]) if pixels else np.zeros(0)
    values = values[np.isfinite(values)]
    if not values.size:
        return 0.0, 1.0
    low, high = (float(value) for value in np.percentile(values, (0.1, 99.9)))
    return low, high if high > low else low + 1


def spread(number: int, most: int) -> list[int]:
    """At most `most` of the numbers 0 … number - 1, evenly spread, the first among them."""
    return sorted({int(value) for value in np.linspace(0, number - 1, min(number, most))})
