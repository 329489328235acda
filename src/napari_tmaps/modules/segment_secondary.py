"""Cells around their nuclei."""

from __future__ import annotations

import math
from typing import Annotated

import numpy as np

from napari_tmaps.model.kinds import BOTH, IntensityImage, LabelImage
from napari_tmaps.modules.images import Intensity, Mask, brighter, check_same_shape
from napari_tmaps.modules.stacks import check_pixels, labels_of, rows_of
from napari_tmaps.modules.threshold_otsu import check_limits

# Radius in pixels of the disc in which the contrast of a neighbourhood is taken.
NEIGHBOURHOOD = 5


def segment_secondary(
    primary_label_image: LabelImage,
    intensity_image: IntensityImage,
    *,
    contrast_threshold: Intensity = 65535,
    min_threshold: Intensity = 0,
    max_threshold: Intensity = 65535,
) -> Annotated[LabelImage, "secondary_label_image", BOTH]:
    """Find the cells around nuclei in a stain of the cell body.

    Foreground are the pixels above a threshold, which is found for each image and kept between
    `min_threshold` and `max_threshold`. Each nucleus then grows over the foreground that is
    connected to it, bright pixels first, until it meets background or another cell.

    Parameters
    ----------
    primary_label_image
        Labels ([z,] y, x) of the nuclei.
    intensity_image
        Stain of the cells of the same shape, uint8 or uint16; smooth it first.
    contrast_threshold
        In intensities of the image. Where the brightest and the darkest pixel within 5 pixels
        differ by at least this, a pixel must be brighter than the middle of the two to be
        foreground, whatever the threshold of the image: bright cells then lose their halo. Choose
        it well above the noise; the default 65535 switches it off.
    min_threshold
        In intensities of the image: darker pixels are always background. Set it a little above
        the background of the camera to keep empty images empty; 0 has no effect.
    max_threshold
        In intensities of the image: brighter pixels are never background; 65535 has no effect.
        Equal to `min_threshold` it is the threshold.

    Returns
    -------
    LabelImage
        Cells with the labels of their nuclei, each enclosing its nucleus. Cells that would touch
        are separated by a line of background one pixel wide, except inside nuclei. Holes within a
        cell are closed, gaps between cells stay. In a stack cells grow along z too; holes and
        lines are those of each plane. A nucleus in the dark is its own cell. Without
        nuclei there are no cells; where nuclei leave no background they are returned unchanged.

    Raises
    ------
    InputError
        The images do not fit, or the smallest threshold exceeds the largest.

    Notes
    -----
    The threshold of the image minimises the cross entropy (Li and Tam, 1998), which suits dim and
    extended cells. The local rule is Bernsen's, "Dynamic thresholding of gray-level images"
    (1986). It works on the intensities as they are, 8 or 16 bit, without constants of its own.
    """
    nuclei = labels_of("primary label image", primary_label_image)
    check_pixels("intensity image", intensity_image)
    check_same_shape(primary_label_image=nuclei, intensity_image=intensity_image)
    check_limits(min_threshold, max_threshold)
    from napari_tmaps.measure.cells import enclosed, grow_cells
    from napari_tmaps.measure.runs import count_pixels, find_runs

    runs = find_runs(rows_of("primary label image", nuclei))
    if count_pixels(runs).sum() in (0, nuclei.size):
        return nuclei
    foreground = _foreground(intensity_image, contrast_threshold, min_threshold, max_threshold)
    if nuclei.ndim == 2:
        return grow_cells(intensity_image, runs, foreground)
    from napari_tmaps.measure import stack

    flooded = stack.flood(~intensity_image, nuclei, foreground | (nuclei > 0))
    planes = zip(flooded, nuclei, strict=True)
    return np.stack([enclosed(plane, find_runs(seeds)) for plane, seeds in planes])


def _foreground(image: IntensityImage, contrast: float, low: float, high: float) -> Mask:
    from napari_tmaps.measure.filters import disc_range
    from napari_tmaps.measure.histogram import histogram, minimum_cross_entropy

    threshold = low
    if low < high:
        threshold = min(max(minimum_cross_entropy(histogram(image)), low), high)
    foreground = brighter(image, threshold)
    if contrast < np.iinfo(image.dtype).max:
        planes = image if image.ndim == 3 else image[np.newaxis]
        ranges = np.stack([np.stack(disc_range(plane, NEIGHBOURHOOD)) for plane in planes])
        darkest, brightest = (ranges[:, i].reshape(image.shape) for i in (0, 1))
        middle = darkest + (brightest - darkest) / 2
        foreground = np.where(brightest - darkest >= contrast, image > middle, middle > threshold)
        foreground &= image >= math.ceil(low)
        foreground |= brighter(image, high)
    return foreground
