"""What a microscope makes of the light of a specimen: blur, uneven illumination, noise."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from napari_tmaps.sample.specimen import Floats

OFFSET = 100  # counts of the camera without light
_READ_NOISE = 3.0  # counts
_LARGEST = 4095  # of a 12-bit camera


def blur(light: Floats, background: float) -> Floats:
    """The image in focus, a haze from above and below, and light from the medium.

    The point spread is a Gaussian of 1.2 px, the haze one of 14 px and an eighth of the light.
    """
    from scipy.ndimage import gaussian_filter

    sharp = gaussian_filter(light, 1.2, truncate=4, mode="reflect")
    haze = gaussian_filter(light, 14.0, truncate=3, mode="reflect")
    return np.asarray(sharp + 0.125 * haze + background, np.float32)


def illumination(shape: tuple[int, int], brightest: tuple[float, float]) -> Floats:
    """How bright the lamp is at each pixel (y, x), 1 at its brightest, falling off to the corners.

    `brightest` is the place of the maximum as a share of height and width.
    """
    y, x = ((np.arange(length) + 0.5) / length for length in shape)
    distance = (y[:, None] - brightest[0]) ** 2 + (x[None, :] - brightest[1]) ** 2
    return (1 / (1 + 0.9 * distance)).astype(np.float32)


def expose(rng: np.random.Generator, light: Floats) -> npt.NDArray[np.uint16]:
    """The picture that the camera takes of the light (y, x) that falls on it, one count a photon.

    Photon (Poisson) noise, read noise, offset; never more than 12 bits hold.
    """
    counts = rng.poisson(light) + rng.normal(OFFSET, _READ_NOISE, light.shape)
    return np.clip(np.rint(counts), 0, _LARGEST).astype(np.uint16)
