"""Wells as cultures, and the fields of view that a microscope sees of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil, sqrt

import numpy as np
import numpy.typing as npt

from napari_tmaps.model.wells import WellName
from napari_tmaps.sample import microscope
from napari_tmaps.sample.index import CHANNELS, PIXEL_UM, Picture
from napari_tmaps.sample.specimen import Floats, Labels, grow
from napari_tmaps.sample.truth import numbered

NUCLEI_PER_PX = 90 / 512**2  # of a control well
BACKGROUND = {"DAPI": 35.0, "Actin": 50.0}  # counts
BRIGHTEST = {"DAPI": (0.55, 0.42), "Actin": (0.43, 0.58)}  # of the lamp: share of height, width

_MARGIN_PX = 48  # of the culture around the fields, so that objects are cut at their border
_STAGE_ERROR_PX = 2  # at most


@dataclass(frozen=True, slots=True)
class Condition:
    """A treatment: number of cells and brightness of actin relative to the control."""

    name: str
    cells: float
    actin: float


# 1.65 times the stain gives cells 1.5 times as bright, since the medium shines as before
CONDITIONS = (Condition("control", 1.0, 1.0), Condition("treated", 0.6, 1.65))


def condition_of(well: WellName) -> Condition:
    """Control in rows B, D, …, treated in the others."""
    return CONDITIONS[(well.row_index + 1) % 2]


@dataclass(frozen=True)
class Field:
    """A field of view.

    Attributes
    ----------
    pictures
        How each channel's image is filed.
    images
        What the camera saw, by stain.
    light
        The same without noise, offset of the camera and uneven illumination.
    nuclei, cells
        Labels; a nucleus and its cell have the same number.
    """

    well: WellName
    site: int
    pictures: dict[str, Picture]
    images: dict[str, npt.NDArray[np.uint16]]
    light: dict[str, Floats]
    nuclei: Labels
    cells: Labels


def illumination(stain: str, size: int) -> Floats:
    """How bright the lamp is at each pixel, the same for all fields of a channel."""
    return microscope.illumination((size, size), BRIGHTEST[stain])


def fields(well: WellName, sites: int, size: int, seed: int) -> Iterator[Field]:
    """The fields of a well, row by row from its top.

    They lie side by side in one culture, so that a cell at a border goes on in the next field.
    """
    condition = condition_of(well)
    rng = np.random.default_rng([seed, well.row_index, well.column])
    columns = ceil(sqrt(sites))
    rows = ceil(sites / columns)
    shape = (rows * size + 2 * _MARGIN_PX, columns * size + 2 * _MARGIN_PX)
    count = NUCLEI_PER_PX * shape[0] * shape[1] * condition.cells * rng.normal(1, 0.04)
    culture = grow(rng, shape, round(count), actin=condition.actin)
    light = {
        "DAPI": microscope.blur(culture.dna, BACKGROUND["DAPI"]),
        "Actin": microscope.blur(culture.actin, BACKGROUND["Actin"]),
    }
    for site in range(1, sites + 1):
        error = rng.integers(-_STAGE_ERROR_PX, _STAGE_ERROR_PX, 2, endpoint=True)
        corner = np.array(divmod(site - 1, columns)) * size + _MARGIN_PX + error
        here = (slice(corner[0], corner[0] + size), slice(corner[1], corner[1] + size))
        y, x = (corner + size / 2 - np.array(shape) / 2) * PIXEL_UM
        nuclei, cells = numbered(culture.nuclei[here], culture.cells[here])
        yield Field(
            well,
            site,
            # the stage counts y upwards
            {light.stain: Picture(well, site, light, (-y, x)) for light in CHANNELS},
            {
                stain: microscope.expose(
                    np.random.default_rng([seed, well.row_index, well.column, site, number]),
                    light[stain][here] * illumination(stain, size),
                )
                for number, stain in enumerate(light)
            },
            {stain: pixels[here] for stain, pixels in light.items()},
            nuclei,
            cells,
        )
