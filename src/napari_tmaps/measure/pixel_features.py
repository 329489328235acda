"""What a pixel and its surroundings look like, at several scales: the features of a classifier.

At each scale sigma the image is smoothed with a Gaussian; from the smoothed image come, by central
differences, the length of the gradient, the Laplacian and the eigenvalues of the Hessian matrix,
and from the gradient, smoothed once more with sigma, the eigenvalues of the structure tensor. The
choice of features follows Sommer et al., "ilastik: Interactive learning and segmentation toolkit"
(2011).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_tmaps.measure.compile import kernel
from napari_tmaps.measure.filters import gaussian

KINDS = (
    "gaussian",
    "gradient",
    "laplacian",
    "hessian_large",
    "hessian_small",
    "structure_large",
    "structure_small",
)
"""Features of a scale, in order."""

Planes = npt.NDArray[np.float32]


def reach(sigmas: Sequence[float]) -> int:
    """How far around a pixel its features look, in pixels: two Gaussians and two differences."""
    return 2 * int(4 * max(sigmas) + 0.5) + 2


def pixel_features(image: npt.NDArray[Any], sigmas: Sequence[float]) -> Planes:
    """Features of each pixel of a plane.

    Parameters
    ----------
    image
        Intensities (y, x); mirrored at its rim.
    sigmas
        Scales, in pixels.

    Returns
    -------
    Array of shape (len(sigmas) * len(KINDS), y, x), scale by scale in the order of `KINDS`.
    """
    found = np.empty((len(sigmas) * len(KINDS), *image.shape), np.float32)
    tensor = np.empty((3, *image.shape), np.float32)
    for number, sigma in enumerate(sigmas):
        part = found[number * len(KINDS) : (number + 1) * len(KINDS)]
        part[0] = gaussian(image, sigma)
        _derivatives(part, tensor)
        yy, yx, xx = (gaussian(plane, sigma) for plane in tensor)
        _eigenvalues(yy, yx, xx, part[5], part[6])
    return found


@kernel
def _derivatives(part: Planes, tensor: Planes) -> None:
    """Fill the features of one scale from its Gaussian, and the products of the gradient."""
    smooth = part[0]
    height, width = smooth.shape
    for y in range(height):
        above, here, below = smooth[max(y - 1, 0)], smooth[y], smooth[min(y + 1, height - 1)]
        for x in range(width):
            left, right = max(x - 1, 0), min(x + 1, width - 1)
            gy = (below[x] - above[x]) * np.float32(0.5)
            gx = (here[right] - here[left]) * np.float32(0.5)
            yy = (below[x] - here[x]) + (above[x] - here[x])
            xx = (here[right] - here[x]) + (here[left] - here[x])
            yx = ((below[right] - below[left]) - (above[right] - above[left])) * np.float32(0.25)
            half = (yy - xx) * np.float32(0.5)
            root = np.sqrt(half * half + yx * yx)
            middle = (yy + xx) * np.float32(0.5)
            part[1, y, x] = np.sqrt(gy * gy + gx * gx)
            part[2, y, x] = yy + xx
            part[3, y, x] = middle + root
            part[4, y, x] = middle - root
            tensor[0, y, x] = gy * gy
            tensor[1, y, x] = gy * gx
            tensor[2, y, x] = gx * gx


@kernel
def _eigenvalues(yy: Planes, yx: Planes, xx: Planes, large: Planes, small: Planes) -> None:
    """Eigenvalues of the symmetric matrix ((yy, yx), (yx, xx)) of each pixel."""
    height, width = yy.shape
    for y in range(height):
        for x in range(width):
            half = (yy[y, x] - xx[y, x]) * np.float32(0.5)
            root = np.sqrt(half * half + yx[y, x] * yx[y, x])
            middle = (yy[y, x] + xx[y, x]) * np.float32(0.5)
            large[y, x] = middle + root
            small[y, x] = middle - root
