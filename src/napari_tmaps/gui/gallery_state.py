"""What the gallery shows: which objects in which order, and crops as pictures; no Qt."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_tmaps.model.progress import Progress
from napari_tmaps.store.crops import OUTSIDE, Crop, CropReader
from napari_tmaps.store.feature_table import FeatureTable
from napari_tmaps.tools.population import ALL, Population, members
from napari_tmaps.tools.values import ToolData

RANDOM = "at random"
SIZES = (24, 32, 48, 64, 96, 128, 192, 256)
"""Sides of a crop that are offered, in pixels of the site."""
_AROUND = 1.6  # of the diameter of a typical object
_NEIGHBOUR, _GROUND = 0.35, 0.6  # how bright they are beside the object
_TOLD_EVERY = 16  # crops

Colour = tuple[float, float, float]


@dataclass(frozen=True)
class GalleryChoice:
    """What the user asked for.

    Attributes
    ----------
    sort
        A column of numbers, or `RANDOM`.
    number
        How many crops at most.
    size_px
        Side of a crop; 0 for what fits the objects.
    """

    population: Population = ALL
    sort: str = RANDOM
    descending: bool = False
    number: int = 200
    size_px: int = 0


@dataclass(frozen=True)
class Look:
    """How a channel is shown: as its layer is.

    Attributes
    ----------
    color
        Red, green and blue of full intensity, 0 … 1.
    low, high
        Intensities that are black and of full colour.
    """

    channel: str
    color: Colour
    low: float
    high: float
    gamma: float = 1.0


@dataclass(frozen=True, eq=False)
class Chosen:
    """The objects of a gallery.

    Attributes
    ----------
    rows
        Of the table, in the order of the gallery.
    among
        How many objects there are to choose from.
    size_px
        Side of a crop.
    """

    rows: npt.NDArray[np.int64]
    among: int
    size_px: int


NOTHING = Chosen(np.empty(0, np.int64), 0, 64)


def choose(data: ToolData, choice: GalleryChoice) -> Chosen:
    """The objects that are shown; the same ones each time, also at random.

    Raises
    ------
    TmapsError
        The population or the column does not fit.
    """
    rows = np.flatnonzero(members(choice.population, data))
    size = choice.size_px or fitting_size(data.table)
    if choice.sort == RANDOM:
        order = np.random.default_rng(0).permutation(len(rows))
    else:
        values = data.table.numbers(choice.sort)[rows].astype(np.float64)
        # Missing values are last, whichever way.
        order = np.argsort(-values if choice.descending else values, kind="stable")
    return Chosen(rows[order[: choice.number]], len(rows), size)


def fitting_size(table: FeatureTable) -> int:
    """A side of a crop that typical objects fit into."""
    name = next((name for name in table.features if name.endswith("Morphology_Area")), "")
    if not name or not len(table):
        return 64
    areas = table.numbers(name)[:: max(len(table) // 10_000, 1)]
    areas = areas[np.isfinite(areas)]
    if not areas.size:
        return 64
    wanted = _AROUND * 2 * float(np.sqrt(np.percentile(areas, 75) / np.pi))
    return next((size for size in SIZES if size >= wanted), SIZES[-1])


def read(
    reader: CropReader,
    data: ToolData,
    chosen: Chosen,
    channels: Sequence[str],
    found: deque[Crop],
) -> Generator[Progress, None, int]:
    """Read crops into `found`, from which another thread takes them; how many there were.

    Raises
    ------
    TmapsError
        Something cannot be read.
    """
    objects = data.table.index(chosen.rows)
    events = reader.crops(
        data.table.object_type, objects, size_px=chosen.size_px, channels=channels
    )
    count = 0
    for crop in events:
        found.append(crop)
        count += 1
        if count % _TOLD_EVERY == 0:
            yield Progress("crops", count, len(chosen.rows))
    return count


def render(
    crop: Crop, looks: Sequence[Look], outline: Colour | None = (1, 1, 1)
) -> npt.NDArray[np.uint8]:
    """A crop in colours, (y, x, 3): neighbours dimmed, an outline around the object.

    Parameters
    ----------
    looks
        One for each channel of the crop.
    """
    own = crop.mask
    light = np.full(own.shape, _GROUND, np.float32)
    light[crop.labels > 0] = _NEIGHBOUR
    light[own] = 1
    picture = np.zeros((*own.shape, 3), np.float32)
    for pixels, look in zip(crop.pixels, looks, strict=True):
        span = max(look.high - look.low, 1e-9)
        value = np.clip((pixels.astype(np.float32) - look.low) / span, 0, 1)
        if look.gamma != 1:
            value **= look.gamma
        picture += value[..., np.newaxis] * np.array(look.color, np.float32)
    picture = np.clip(picture, 0, 1) * light[..., np.newaxis]
    picture[crop.labels == OUTSIDE] = 0
    if outline is not None:
        picture[_edge(own)] = outline
    shown: npt.NDArray[np.uint8] = (picture * 255).astype(np.uint8)
    return shown


def _edge(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Pixels just outside an object."""
    wide = mask.copy()
    wide[1:] |= mask[:-1]
    wide[:-1] |= mask[1:]
    wide[:, 1:] |= mask[:, :-1]
    wide[:, :-1] |= mask[:, 1:]
    edge: npt.NDArray[np.bool_] = wide & ~mask
    return edge


def found_looks(
    crops: Sequence[Crop], colors: Sequence[str], channels: Sequence[str]
) -> list[Look]:
    """Looks of channels that no layer shows, from the crops themselves."""
    looks = []
    for n, (channel, color) in enumerate(zip(channels, colors, strict=True)):
        values = np.concatenate(
            [crop.pixels[n][crop.labels >= 0] for crop in crops] or [np.zeros(1)]
        )
        low, high = np.percentile(values, (1, 99.8)) if values.size else (0.0, 1.0)
        looks.append(Look(channel, rgb(color), float(low), float(max(high, low + 1))))
    return looks


def rgb(color: str) -> Colour:
    """ "#rrggbb" as red, green and blue, 0 … 1."""
    red, green, blue = (int(color[n : n + 2], 16) / 255 for n in (1, 3, 5))
    return red, green, blue
