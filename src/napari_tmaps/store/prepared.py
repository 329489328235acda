"""Pixels as they are analysed and shown: corrected, and moved into place. Nothing is stored."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_tmaps.store.illumination import IlluminationStore
from napari_tmaps.store.images import SiteImage
from napari_tmaps.store.shifts import Window
from napari_tmaps.store.sites import Site


def read_prepared(
    image: SiteImage,
    channel: str,
    t: int,
    *,
    site: Site,
    cycle: int,
    z: int | None = None,
    correct: Path | None = None,
    window: Window | None = None,
) -> npt.NDArray[Any]:
    """One channel of a site at one time point: (z, y, x), original pixel type.

    Parameters
    ----------
    z
        Read this plane alone; None reads all that the channel has.
    correct
        Folder of the illumination fields; None leaves pixels as they are.
    window
        Cut to what all cycles of the site have in common.

    Raises
    ------
    NotFoundError
        There is no such channel, or no such plane of it.
    MissingError
        A plane was never recorded, or there is no illumination field for it.
    FormatError
        The field has another size, or the pixels are neither uint8 nor uint16.
    """
    pixels = image.read_channel(channel, t, z=z)
    if correct is not None:
        field = IlluminationStore(correct).field(channel, *site, cycle, t)
        pixels = np.stack([field.correct(plane) for plane in pixels])
    return pixels if window is None else window.cut(pixels, cycle)


def plane_or_stack(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """(z, y, x) as modules see it: (y, x) where there is one plane."""
    return np.ascontiguousarray(array[0] if array.shape[0] == 1 else array)
