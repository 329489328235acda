"""Whether an image is in focus and within the range of the camera."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt


class Quality(NamedTuple):
    """One value an image; see `image_quality`."""

    power_slope: float
    laplacian_variance: float
    focus_score: float
    saturated_percent: float
    brightest_percent: float
    darkest_percent: float


def image_quality(image: npt.NDArray[Any]) -> Quality:
    """Quality of an image (y, x) of uint8 or uint16."""
    low, high = int(image.min()), int(image.max())
    mean = float(image.mean())
    limit = np.iinfo(image.dtype).max
    return Quality(
        power_slope=power_slope(image),
        laplacian_variance=laplacian_variance(image),
        focus_score=float(image.var()) / mean if mean > 0 else np.nan,
        saturated_percent=100 * float((image == limit).mean()),
        brightest_percent=100 * float((image == high).mean()),
        darkest_percent=100 * float((image == low).mean()),
    )


def power_slope(image: npt.NDArray[Any]) -> float:
    """Slope of the power of the image over its frequency, both as logarithms.

    Like CellProfiler's PowerLogLogSlope: the power is summed over rings of whole frequencies, from
    2 to an eighth of the shorter side. After Bray et al., "Workflow and metrics for image quality
    control in large-scale high-content screens" (2012). NaN for an image without contrast, or of
    less than 40 pixels along a side.
    """
    height, width = image.shape
    rings = np.arange(2, min(height, width) // 8)
    if rings.size < 3 or image.min() == image.max():
        return np.nan
    values = image - image.mean()
    # Low frequencies alone are needed: the full transform along x, then few columns along y.
    reach = rings[-1] + 1
    columns = np.fft.rfft(values, axis=1)[:, :reach]
    power = np.abs(np.fft.fft(columns, axis=0)) ** 2
    # Frequencies below 0 mirror those above; along x they are not in the half transform.
    power[:, 1:] *= 2
    y = np.minimum(np.arange(height), height - np.arange(height))
    radius = np.hypot(y[:, None], np.arange(reach)).astype(np.int64) + 1
    sums = np.bincount(radius.reshape(-1), power.reshape(-1), minlength=reach + 1)[rings]
    if not (sums > 0).all():
        return np.nan
    return float(np.polyfit(np.log(rings), np.log(sums), 1)[0])


def laplacian_variance(image: npt.NDArray[Any]) -> float:
    """Variance of the sum of the 4 neighbours less 4 times the pixel; rim pixels left out.

    After Pech-Pacheco et al., "Diatom autofocusing in brightfield microscopy" (2000). NaN for an
    image without inner pixels.
    """
    if min(image.shape) < 3:
        return np.nan
    values = image.astype(np.int32)
    around = values[:-2, 1:-1] + values[2:, 1:-1] + values[1:-1, :-2] + values[1:-1, 2:]
    around -= 4 * values[1:-1, 1:-1]
    return float(around.var(dtype=np.float64))
