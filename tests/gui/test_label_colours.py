"""Colours of objects: seen on any picture, told apart by everybody."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from napari_tmaps.gui.label_colours import (
    LABEL_COLOURS,
    MASK_COLOUR,
    difference_colormap,
    label_colormap,
    mask_colormap,
)

# Machado, Oliveira and Fernandes 2009, severity 1; of light, not of encoded values.
SIGHTS = {
    "all": np.eye(3),
    "no red": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "no green": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
}


def light(colour: str) -> np.ndarray:
    """Amounts of red, green and blue light of a colour (sRGB, IEC 61966-2-1)."""
    encoded = np.array([int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)])
    return np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)


def oklab(rgb: np.ndarray) -> np.ndarray:
    """Ottosson 2020."""
    to_lms = [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
    to_lab = [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
    return np.array(to_lab) @ np.cbrt(np.array(to_lms) @ np.clip(rgb, 0, 1))


@pytest.mark.parametrize("colour", sorted({*LABEL_COLOURS, MASK_COLOUR}))
def test_seen_on_dark_and_bright(colour):
    luminance = light(colour) @ [0.2126, 0.7152, 0.0722]
    assert (luminance + 0.05) / 0.05 >= 5  # as WCAG 2 counts contrast
    assert 1.05 / (luminance + 0.05) >= 2.2


@pytest.mark.parametrize("sight", SIGHTS)
def test_told_apart(sight):
    seen = [oklab(SIGHTS[sight] @ light(colour)) for colour in LABEL_COLOURS]
    assert min(np.linalg.norm(a - b) for a, b in combinations(seen, 2)) > 0.12


def test_maps_of_napari():
    shown = label_colormap().map(np.arange(len(LABEL_COLOURS) + 2, dtype=np.int32))
    assert shown[0, 3] == 0
    wanted = ["#" + "".join(f"{round(255 * part):02x}" for part in each[:3]) for each in shown[1:]]
    assert wanted == [*LABEL_COLOURS, LABEL_COLOURS[0]]
    assert mask_colormap().map(np.uint8(1)).tolist() == shown[1].tolist()
    assert difference_colormap().map(np.array([0, 1, 2], np.uint8))[:, 3].tolist() == [0, 1, 1]
    assert label_colormap() is not label_colormap()  # napari changes them
