"""Textures and Zernike moments with other libraries, object by object or all at once.

Each function takes the labels of a site (y, x) and, where it needs one, an image, and returns an
array (objects, features) in the order of ours.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import cv2
import mahotas
import numpy as np
import numpy.typing as npt
from scipy import ndimage
from skimage import feature, filters
from skimage import measure as skmeasure

Labels = npt.NDArray[np.int32]
Image = npt.NDArray[np.uint16]
Floats = npt.NDArray[np.float64]

WAVELENGTHS = (1, 5, 10)
RADII = (1, 5, 10)


def crops(labels: Labels, image: Image, frame: int) -> Iterator[tuple[Any, Any]]:
    """Intensities of each object alone in its box, and its pixels."""
    for label, box in enumerate(ndimage.find_objects(labels), start=1):
        if box is not None:
            own = labels[box] == label
            yield np.pad(np.where(own, image[box], 0), frame), np.pad(own, frame)


def hu(labels: Labels, image: Image) -> Floats:
    """Weighted Hu moments of scikit-image."""
    table = skmeasure.regionprops_table(labels, image, properties=("moments_weighted_hu",))
    return np.transpose([table[f"moments_weighted_hu-{n}"] for n in range(7)])


def hu_opencv(labels: Labels, image: Image) -> Floats:
    """Hu moments of OpenCV, object by object; the seventh has the other sign there."""
    found = []
    for label, box in enumerate(ndimage.find_objects(labels), start=1):
        if box is not None:
            own = np.where(labels[box] == label, image[box], 0)
            found.append(cv2.HuMoments(cv2.moments(own))[:, 0])
    return np.reshape(found, (-1, 7)) * np.array([1, 1, 1, 1, 1, 1, -1])


def adjacency(labels: Labels, image: Image) -> Floats:
    """Threshold adjacency statistics of mahotas."""
    threshold = filters.threshold_otsu(image)
    return np.array(
        [mahotas.features.pftas(own, threshold) for own, _ in crops(labels, image, 1)]
    ).reshape(-1, 54)


def patterns(labels: Labels, image: Image) -> Floats:
    """Local binary patterns of scikit-image, upside down: its points turn the other way round."""
    codes = np.arange(256)
    turned = [(codes >> n) | ((codes << (8 - n)) & 255) for n in range(8)]
    bins = np.unique(np.min(turned, axis=0))
    shares = []
    for own, mask in crops(labels[::-1], image[::-1], max(RADII) + 1):
        for radius in RADII:
            found = feature.local_binary_pattern(own, 8, radius, method="ror")[mask]
            shares.append(np.bincount(found.astype(int), minlength=256)[bins] / len(found))
    return np.reshape(shares, (-1, len(RADII) * len(bins)))


def gabor_of_centrosome(labels: Labels, image: Image) -> Floats:
    """CellProfiler's Gabor responses by its own library, all objects at once.

    The filter centrosome.filter.gabor gives an image for each wave and direction; summed up by
    object with numpy, which is faster than scipy.ndimage.sum in CellProfiler.
    """
    from centrosome.filter import gabor

    values, owner = image.astype(float), labels.ravel()
    responses = []
    for wavelength in WAVELENGTHS:
        best = np.zeros(owner.max())
        for angle in np.deg2rad([0, 45, 90, 135]):
            filtered = gabor(values, labels, wavelength, angle).ravel()
            real, imaginary = (
                np.bincount(owner, part)[1:] for part in (filtered.real, filtered.imag)
            )
            best = np.maximum(best, np.hypot(real, imaginary))
        responses.append(best)
    return np.transpose(responses)


def gabor_at_once(labels: Labels, image: Image) -> Floats:
    """CellProfiler's Gabor responses over the pixels of all objects at once, with numpy."""
    owner = labels[labels > 0]
    y, x = (positions.astype(float) for positions in np.nonzero(labels))
    values = image[labels > 0].astype(float)
    order = np.argsort(owner, kind="stable")
    owner, y, x, values = owner[order], y[order], x[order], values[order]
    starts = np.flatnonzero(np.diff(owner, prepend=0))
    area = np.diff(np.append(starts, len(owner)))

    def centred(of: Any) -> Any:
        return of - np.repeat(np.add.reduceat(of, starts) / area, area)

    y, x, values = centred(y), centred(x), centred(values)
    variance = area / np.pi / 9
    envelope = np.exp(-(y**2 + x**2) / (2 * np.repeat(variance, area)))
    responses = []
    for wavelength in WAVELENGTHS:
        best = np.zeros(len(area))
        for angle in np.deg2rad([0, 45, 90, 135]):
            phase = 2 * np.pi / wavelength * (y * np.cos(angle) + x * np.sin(angle))
            weighted = values * envelope
            real = np.add.reduceat(weighted * np.cos(phase), starts)
            imaginary = np.add.reduceat(weighted * np.sin(phase), starts)
            best = np.maximum(best, np.hypot(real, imaginary))
        responses.append(1000 / (2 * np.pi * variance) * best)
    return np.transpose(responses)


def gabor_filtered(image: Image) -> list[Floats]:
    """The filter of scikit-image over an image, the largest of four directions, for each wave."""
    angles = np.deg2rad([0, 45, 90, 135])
    pixels = image.astype(np.float32)
    return [
        np.max([np.hypot(*filters.gabor(pixels, 1 / max(2, wave), t)) for t in angles], axis=0)
        for wave in WAVELENGTHS
    ]


def strongest(labels: Labels, filtered: list[Floats]) -> Floats:
    """The largest response of each object; its own definition, so no values to compare."""
    present = np.unique(labels[labels > 0])
    return np.transpose([ndimage.maximum(response, labels, present) for response in filtered])


def haralick(labels: Labels, image: Image) -> Floats:
    """Mean of the four directions, of mahotas, on the levels that ours has."""
    high = np.percentile(image, 99.999, method="inverted_cdf")
    found = []
    for own, _ in crops(labels, image, 0):
        own = np.minimum(own, high).astype(np.int64)
        levels = (255 * own // own.max()).astype(np.uint8)
        found.append(mahotas.features.haralick(levels, ignore_zeros=True, return_mean=True))
    return np.array(found)


def cooccurrence(labels: Labels, image: Image) -> Floats:
    """What scikit-image has of Haralick's statistics; less than ours, so no values to compare."""
    found = []
    for own, _ in crops(labels, image, 0):
        levels = (own.astype(np.int64) * 255 // max(1, own.max())).astype(np.uint8)
        pairs = feature.graycomatrix(levels, [1], np.deg2rad([0, 45, 90, 135]), 256, True, False)
        pairs = pairs.astype(float)
        pairs[0], pairs[:, 0] = 0, 0
        names = ("contrast", "dissimilarity", "homogeneity", "energy", "correlation", "ASM")
        found.append([feature.graycoprops(pairs, name).mean() for name in names])
    return np.array(found)


def zernike(labels: Labels) -> Floats:
    """Zernike moments of mahotas, to degree 12, in the circle around the centroid."""
    found = []
    for _, mask in crops(labels, labels, 0):
        radius = max(mask.shape) / 2
        found.append(mahotas.features.zernike_moments(mask.astype(np.uint8), radius, 12))
    return np.array(found)
