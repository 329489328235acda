"""Places of overlapping images from their distances in pairs: one well, one solution.

Each pair says where one image lies against the other. All that are believed are met as well as
they can be, by weighted least squares; the pair that fits worst is dropped until all fit. After
Preibisch et al., "Globally optimal stitching of tiled 3D microscopic image acquisitions",
Bioinformatics 25 (2009).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

SMALLEST_OVERLAP = 16
"""Pixels that neighbours share across their common border, at least."""
_TOLERANCE_PX = 1.5  # a pair that is off by less is never dropped
_OUTLIER = 5  # times the median of what is left
_MOST_PX = 4.0  # no pair in use is off by more; lenses bend images by less

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Stitched:
    """How images are moved so that they fit.

    Attributes
    ----------
    moves
        Shape (images, 2): pixels y, x to add to each place; 0 for images without a pair in use. The
        mean over images that hang together is 0, so that they stay where the stage was.
    used
        Shape (pairs,): True for the pairs in use.
    residuals
        Shape (pairs,): pixels by which each pair is missed; NaN for pairs that are not in use.
    """

    moves: Floats
    used: Flags
    residuals: Floats


def neighbours(corners: Floats, sizes: Floats) -> npt.NDArray[np.int64]:
    """Pairs of images that share a strip.

    A strip is at least `SMALLEST_OVERLAP` wide and a quarter of an image long: images that touch
    with a corner show too little in common.

    Parameters
    ----------
    corners, sizes
        Shape (images, 2): first pixel, and height and width; pixels.

    Returns
    -------
    ndarray
        Shape (pairs, 2), the lower number first; sorted.
    """
    ends = corners + sizes
    shared = np.minimum(ends[:, None], ends[None]) - np.maximum(corners[:, None], corners[None])
    part = (shared / np.minimum(sizes[:, None], sizes[None])).max(axis=2)
    return np.argwhere(np.triu((shared.min(axis=2) >= SMALLEST_OVERLAP) & (part >= 0.25), 1))


def stitch(
    places: Floats,
    pairs: npt.NDArray[np.int64],
    offsets: Floats,
    quality: Floats,
    *,
    min_quality: float,
    max_shift_px: float,
) -> Stitched:
    """Moves that make the images of one well fit.

    Parameters
    ----------
    places
        Shape (images, 2): where the stage says that images begin, pixels.
    pairs
        Shape (pairs, 2): numbers of two images.
    offsets
        Shape (pairs, 2): where the second begins, seen from the beginning of the first.
    quality
        Shape (pairs,): how well they fit there; the weight of the pair. 1 is perfect.
    min_quality, max_shift_px
        Pairs with less quality, or further from where the stage says, are not believed.
        max_shift_px 0: no limit.
    """
    asked = offsets - (places[pairs[:, 1]] - places[pairs[:, 0]])
    used = quality >= min_quality
    if max_shift_px > 0:
        used &= np.hypot(*asked.T) <= max_shift_px
    while True:
        moves = _solve(len(places), pairs[used], asked[used], quality[used])
        missed = np.hypot(*(asked - (moves[pairs[:, 1]] - moves[pairs[:, 0]])).T)
        missed[~used] = np.nan
        if not used.any():
            break
        worst = float(np.nanmax(missed))
        usual = _OUTLIER * float(np.nanmedian(missed))
        if worst <= min(max(_TOLERANCE_PX, usual), _MOST_PX):
            break
        # All pairs of a ring fit equally badly if one is wrong: then the stage is asked too.
        far = np.hypot(*(asked - np.median(asked[used], axis=0)).T)
        used[int(np.argmax(np.where(missed >= 0.9 * worst, far, -1)))] = False
    return Stitched(moves, used, missed)


def _solve(count: int, pairs: npt.NDArray[np.int64], asked: Floats, weights: Floats) -> Floats:
    """Moves (images, 2) whose differences come nearest to what the pairs ask for."""
    from scipy.sparse import coo_array, eye_array
    from scipy.sparse.linalg import splu

    if not len(pairs):
        return np.zeros((count, 2))
    rows = np.repeat(np.arange(len(pairs)), 2)
    signs = np.tile([-1.0, 1.0], len(pairs))
    difference = coo_array((signs, (rows, pairs.ravel())), (len(pairs), count)).tocsc()
    weighted = difference.T.multiply(weights[None]).tocsc()
    # The pairs leave free where all images together lie: a trace of the wish to stay decides.
    matrix = (weighted @ difference + 1e-7 * eye_array(count)).tocsc()
    return np.asarray(splu(matrix).solve(weighted @ asked), float)
