"""A made-up culture of cells: outlines that are known, and the light that it would send out.

Nuclei are ellipses with irregular outline; some lie in touching clumps. Each has a cell body that
ends where its neighbour's begins. All outlines are star-shaped around the centre of the nucleus
and then bent by a smooth random field, so that no two look alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Labels = npt.NDArray[np.uint16]

CLUMPED = 0.2  # share of nuclei that are put into clumps
_GAP_PX = 4.0  # between nuclei that do not touch
_WAVES = np.arange(2, 7)  # bumps round an outline
_DIRECTIONS = 1024  # in which an outline is known


@dataclass(frozen=True)
class Specimen:
    """A culture as it is, before any microscope.

    Attributes
    ----------
    nuclei, cells
        Labels (y, x); a nucleus and its cell have the same number, 0 is background.
    dna, actin
        Light (y, x) that the stains send out, in counts of a camera.
    """

    nuclei: Labels
    cells: Labels
    dna: Floats
    actin: Floats


@dataclass(frozen=True)
class _Outlines:
    """Star-shaped outlines, one row each."""

    center: Floats  # (n, 2): y, x
    radius: Floats  # (n,)
    stretch: Floats  # (n,): long axis / radius = radius / short axis
    angle: Floats  # (n,): of the long axis
    bumps: Floats  # (n, waves)
    phase: Floats  # (n, waves)

    def reach(self, which: Any, theta: Any) -> Any:
        """Distance from the centre to the outline in the direction theta."""
        turned = theta - self.angle[which]
        long, short = self.stretch[which], 1 / self.stretch[which]
        ellipse = 1 / np.hypot(np.cos(turned) / long, np.sin(turned) / short)
        wave = np.ones_like(ellipse)
        for number, k in enumerate(_WAVES):
            wave += self.bumps[which, number] * np.cos(k * theta + self.phase[which, number])
        return self.radius[which] * ellipse * wave


def grow(
    rng: np.random.Generator,
    shape: tuple[int, int],
    count: int,
    *,
    nucleus_px: float = 25.0,
    actin: float = 1.0,
) -> Specimen:
    """Make up a culture.

    Parameters
    ----------
    shape
        Height and width in pixels; objects at the edge are cut by it.
    count
        Nuclei to place; there are fewer if they do not find room.
    nucleus_px
        Typical diameter of a nucleus.
    actin
        Brightness of the actin stain, relative to an untreated culture.
    """
    dna_content = _dna_content(rng, count)
    nuclei_outlines = _place(rng, shape, dna_content, nucleus_px)
    count = len(nuclei_outlines.radius)
    cell_outlines = _cell_outlines(rng, nuclei_outlines)
    bend = _smooth_noise(rng, shape, 8.0), _smooth_noise(rng, shape, 8.0)
    nuclei, depth = _fill(nuclei_outlines, shape, [0.7 * part for part in bend])
    cells, _ = _fill(cell_outlines, shape, [4.0 * part for part in bend])
    centers = np.zeros(shape, bool)
    y, x = np.clip(nuclei_outlines.center.astype(int), 0, np.array(shape) - 1).T
    centers[y, x] = True
    nuclei = _attached(nuclei, centers)
    cells = _attached(np.where(nuclei > 0, nuclei, cells), nuclei > 0)
    return Specimen(
        nuclei,
        cells,
        _dna_light(rng, nuclei, depth, dna_content[:count], nucleus_px),
        _actin_light(rng, nuclei, cells, cell_outlines, actin, nucleus_px),
    )


def _dna_content(rng: np.random.Generator, count: int) -> Floats:
    """1 before the doubling of the DNA, 2 after, between while it goes on."""
    phase = rng.choice(3, count, p=(0.65, 0.2, 0.15))
    content = np.choose(phase, (np.ones(count), rng.uniform(1, 2, count), np.full(count, 2.0)))
    return content.astype(np.float32)


def _place(
    rng: np.random.Generator, shape: tuple[int, int], dna_content: Floats, nucleus_px: float
) -> _Outlines:
    """Outlines of nuclei: clumps first, then single ones, denser here and there."""
    count = len(dna_content)
    size = dna_content ** (1 / 3) * np.exp(rng.normal(0, 0.06, count)) / 1.07
    wanted = _Outlines(
        center=np.zeros((count, 2), np.float32),
        radius=(nucleus_px / 2 * np.clip(size, 0.8, 1.2)).astype(np.float32),
        stretch=np.sqrt(rng.uniform(1.0, 1.5, count)).astype(np.float32),
        angle=rng.uniform(0, np.pi, count).astype(np.float32),
        bumps=(rng.normal(0, 0.1, (count, len(_WAVES))) / _WAVES**1.3).astype(np.float32),
        phase=rng.uniform(0, 2 * np.pi, (count, len(_WAVES))).astype(np.float32),
    )
    crowd = _smooth_noise(rng, shape, 3.0 * nucleus_px)
    outer = wanted.radius * wanted.stretch * 1.1
    placed = np.zeros((0, 2), np.float32)
    for group in _groups(rng, count):
        offsets = _clump(rng, wanted, group)
        for _attempt in range(300):
            start = rng.uniform((0, 0), shape)
            if rng.random() > 1 / (1 + np.exp(-1.5 * crowd[int(start[0]), int(start[1])])):
                continue
            spot = start + offsets
            apart = np.hypot(*(spot[:, None] - placed[None]).transpose(2, 0, 1))
            if np.all(apart > outer[group][:, None] + outer[None, : len(placed)] + _GAP_PX):
                placed = np.concatenate([placed, spot.astype(np.float32)])
                break
        else:
            break  # the dish is full
    n = len(placed)
    return _Outlines(
        placed,
        wanted.radius[:n],
        wanted.stretch[:n],
        wanted.angle[:n],
        wanted.bumps[:n],
        wanted.phase[:n],
    )


def _groups(rng: np.random.Generator, count: int) -> list[npt.NDArray[np.int64]]:
    """Nuclei 0 … count-1 in groups that touch: clumps of three and two, then single ones."""
    clumped, groups, start = int(CLUMPED * count), [], 0
    while start < clumped - 1:
        size = min(int(rng.choice((2, 3), p=(0.7, 0.3))), count - start)
        groups.append(np.arange(start, start + size))
        start += size
    return groups + [np.array([single]) for single in range(start, count)]


def _clump(rng: np.random.Generator, outlines: _Outlines, group: npt.NDArray[np.int64]) -> Floats:
    """Centres of the nuclei of a clump, relative to the first, which all others touch."""
    offsets = np.zeros((len(group), 2), np.float32)
    theta = rng.uniform(0, 2 * np.pi)
    for number, other in enumerate(group[1:], start=1):
        reach = outlines.reach(group[0], theta) + outlines.reach(other, theta + np.pi)
        offsets[number] = 0.86 * reach * np.array([np.sin(theta), np.cos(theta)])
        theta += rng.choice((-1, 1)) * rng.uniform(1.4, 3.1)
    return offsets


def _cell_outlines(rng: np.random.Generator, nuclei: _Outlines) -> _Outlines:
    """Outlines of the bodies around the nuclei, before they meet."""
    count = len(nuclei.radius)
    return _Outlines(
        nuclei.center,
        (nuclei.radius * rng.uniform(2.0, 2.9, count)).astype(np.float32),
        np.sqrt(rng.uniform(1.1, 2.2, count)).astype(np.float32),
        (nuclei.angle + rng.normal(0, 0.3, count)).astype(np.float32),
        (rng.normal(0, 0.32, (count, len(_WAVES))) / _WAVES**1.3).astype(np.float32),
        rng.uniform(0, 2 * np.pi, (count, len(_WAVES))).astype(np.float32),
    )


def _fill(outlines: _Outlines, shape: tuple[int, int], bend: list[Floats]) -> tuple[Labels, Floats]:
    """Labels, and how deep each pixel lies: 0 at the centre of its object, 1 at the outline.

    Where outlines overlap, a pixel goes to the object in which it lies deeper.
    """
    half = int(np.ceil((outlines.radius * outlines.stretch).max(initial=1) * 1.5)) + 8
    labels, depth = np.zeros(shape, np.uint16), np.ones(shape, np.float32)
    directions = np.linspace(-np.pi, np.pi, _DIRECTIONS + 1)
    for which, (cy, cx) in enumerate(outlines.center):
        reach = outlines.reach(which, directions).astype(np.float32)
        rows = max(int(cy) - half, 0), min(int(cy) + half, shape[0])
        columns = max(int(cx) - half, 0), min(int(cx) + half, shape[1])
        here = slice(*rows), slice(*columns)
        dy = np.arange(*rows, dtype=np.float32)[:, None] - cy + bend[0][here]
        dx = np.arange(*columns, dtype=np.float32)[None, :] - cx + bend[1][here]
        turn = (np.arctan2(dy, dx) + np.pi) * (_DIRECTIONS / (2 * np.pi))
        own = np.hypot(dy, dx) / reach[turn.astype(np.int16)]
        deeper = own < depth[here]
        depth[here][deeper] = own[deeper]
        labels[here][deeper] = which + 1
    return labels, depth


def _attached(labels: Labels, seeds: npt.NDArray[np.bool_]) -> Labels:
    """Only those pieces of objects that hold a seed; bending may have torn others off."""
    from skimage.measure import label

    pieces = label(labels, connectivity=1)  # type: ignore[no-untyped-call]
    kept = np.zeros(int(pieces.max()) + 1, bool)
    kept[pieces[seeds]] = True
    return np.where(kept[pieces], labels, 0).astype(np.uint16)


def _dna_light(
    rng: np.random.Generator,
    nuclei: Labels,
    depth: Floats,
    dna_content: Floats,
    nucleus_px: float,
) -> Floats:
    """Chromatin: brighter after doubling, grainy, with dark nucleoli."""
    scale = nucleus_px / 25
    bright = 900 * dna_content ** (1 / 3) * np.exp(rng.normal(0, 0.18, len(dna_content)))
    grains = 0.16 * _smooth_noise(rng, nuclei.shape, 1.1 * scale)
    clouds = 0.16 * _smooth_noise(rng, nuclei.shape, 2.6 * scale)
    spots = _smooth_noise(rng, nuclei.shape, 2.2 * scale)
    nucleoli = 0.4 / (1 + np.exp(-6 * (spots - 1.6))) * np.clip(1.6 * (1 - depth), 0, 1)
    dome = 1 - 0.3 * depth**3
    light = np.concatenate([[0], bright])[nuclei] * dome * (1 + grains + clouds - nucleoli)
    return np.asarray(np.clip(light, 0, None), np.float32)


def _actin_light(
    rng: np.random.Generator,
    nuclei: Labels,
    cells: Labels,
    outlines: _Outlines,
    actin: float,
    nucleus_px: float,
) -> Floats:
    """Actin: fibres along the cell, a bright rim, thicker around the nucleus."""
    from scipy.ndimage import distance_transform_edt

    scale, count = nucleus_px / 25, len(outlines.radius)
    y, x = np.nonzero(cells)
    own = cells[y, x].astype(np.int64) - 1
    dy, dx = y - outlines.center[own, 0], x - outlines.center[own, 1]
    bent = 2.5 * _smooth_noise(rng, cells.shape, 14 * scale)[y, x]
    across = dx * np.sin(outlines.angle[own]) - dy * np.cos(outlines.angle[own]) + bent
    profile = _smooth_noise(rng, (count, 1024), (0, 3.2))
    bundle = profile[own, np.clip(across / scale * 4 + 512, 0, 1023).astype(np.int64)]
    streaks = np.clip(0.5 + 0.8 * _smooth_noise(rng, cells.shape, 8 * scale)[y, x], 0, 1.6)
    fibres = 0.35 * np.clip(bundle, -0.8, 3) * streaks
    thick = np.exp(-((np.hypot(dy, dx) / outlines.radius[own] / 0.65) ** 2))
    padded = np.pad(cells, 1, mode="edge")
    same = np.ones(cells.shape, bool)
    for beside in (padded[:-2, 1:-1], padded[2:, 1:-1], padded[1:-1, :-2], padded[1:-1, 2:]):
        same &= beside == cells
    inside = distance_transform_edt(same)[y, x] / scale
    ruffles = np.clip(0.45 + 0.45 * _smooth_noise(rng, cells.shape, 6 * scale)[y, x], 0.05, 1.5)
    rim = ruffles * np.exp(-((inside / 1.8) ** 2))
    grain = 1 + 0.14 * _smooth_noise(rng, cells.shape, 1.1 * scale)[y, x]
    bright = 360 * actin * np.exp(rng.normal(0, 0.25, count))
    sheet = (0.35 + 0.3 * (1 - np.exp(-inside / 6)) + 0.6 * thick) * (1 + fibres)
    light = np.zeros(cells.shape, np.float32)
    light[y, x] = bright[own] * (sheet + rim) * grain * np.where(nuclei[y, x] > 0, 0.85, 1.0)
    return np.clip(light, 0, None)


def _smooth_noise(
    rng: np.random.Generator, shape: tuple[int, ...], sigma: float | tuple[float, ...]
) -> Floats:
    """Gaussian noise blurred by sigma pixels, of mean 0 and standard deviation 1.

    Blurred as a product in Fourier space, whose cost does not grow with sigma; so it is periodic.
    """
    from scipy import fft, ndimage

    spectrum = fft.rfftn(rng.standard_normal(shape, np.float32))
    spectrum = ndimage.fourier_gaussian(spectrum, sigma, n=shape[-1])
    noise = fft.irfftn(spectrum, shape)
    return np.asarray((noise - noise.mean()) / noise.std(), np.float32)
