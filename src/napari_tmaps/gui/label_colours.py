"""The colours of objects and masks, as napari wants them.

Each is seen on a dark picture (contrast to black 5 : 1) and on a bright one (to white 2.2 : 1), and
told apart from the others by those who see no red or no green (distance in OKLab at least 0.12, in
the simulation of Machado and others, 2009).
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_tmaps.pipeline.compare import ONLY_HERE, ONLY_THERE

LABEL_COLOURS = ("#1ec3a5", "#e14b2d", "#c396ff", "#2d78ff", "#d2a500", "#e11eb4")
"""Of labels 1, 2, …; they begin again after the last."""
MASK_COLOUR = LABEL_COLOURS[0]
_DIFFERENCES = {ONLY_HERE: "#e69f00", ONLY_THERE: "#56b4e9"}
_GREY = "#999999"


def label_colormap() -> Any:
    """Colours of objects; a new map each, since napari keeps the chosen label in it."""
    return _cyclic("objects", LABEL_COLOURS)


def mask_colormap() -> Any:
    """The colour of a mask that is shown as labels of 1."""
    return _cyclic("mask", (MASK_COLOUR,))


def grey_colormap() -> Any:
    """Objects in grey, because others colour them."""
    return _cyclic("grey", (_GREY, _GREY))


def difference_colormap() -> Any:
    """Colours of a `Comparison`."""
    return _cyclic("difference", tuple(_DIFFERENCES[n] for n in sorted(_DIFFERENCES)))


def _cyclic(name: str, colours: tuple[str, ...]) -> Any:
    # A map of single labels would do for some; napari compiles code for its first use: a second.
    from napari.utils.colormaps import CyclicLabelColormap

    return CyclicLabelColormap(colors=_rgba(colours), name=name)


@cache
def _rgba(colours: tuple[str, ...]) -> npt.NDArray[np.float32]:
    """With the transparent background."""
    rgb = [[int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)] for colour in colours]
    return np.array([(0, 0, 0, 0), *((*each, 1) for each in rgb)], np.float32)
