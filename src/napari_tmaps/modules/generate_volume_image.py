"""How high cells are, from beads on their surface."""

from __future__ import annotations

from typing import Annotated

import numpy as np
import numpy.typing as npt
from pydantic import Field

from napari_tmaps.errors import InputError
from napari_tmaps.model.kinds import Depth, IntensityImage, LabelImage
from napari_tmaps.modules.detect_blobs import detect_blobs
from napari_tmaps.modules.images import Intensity, as_labels, check_same_shape, check_stack


def generate_volume_image(
    image: IntensityImage,
    mask: LabelImage,
    *,
    threshold: Intensity = 150,
    bead_size: Annotated[int, Field(ge=2, le=101)] = 2,
    superpixel_size: Annotated[int, Field(ge=1, le=101)] = 4,
    close_surface: bool = False,
    close_disc_size: Annotated[int, Field(ge=1, le=200)] = 8,
) -> Annotated[IntensityImage, "volume_image", Depth(planes=False, flat=True)]:
    """Draw the height of cells from fluorescent beads that sit on them and beside them.

    The beads on the cells give the surface, those beside them the plane of the slide; the height
    is the difference.

    Parameters
    ----------
    image
        Stack (z, y, x) of the beads, uint8 or uint16; the first plane is nearest to the slide.
    mask
        Labels (y, x) of the cells.
    threshold
        Beads are what `detect_blobs` finds with this threshold in the brightest intensities
        along z.
    bead_size
        Size of that filter: side of its window in pixels, about the diameter of a bead.
    superpixel_size
        The plane of a bead is the brightest one of the mean over a square with this side, in
        pixels.
    close_surface
        Close pits in the surface that are narrower than a disc.
    close_disc_size
        Radius of this disc in pixels.

    Returns
    -------
    IntensityImage
        Plane (y, x), uint16: height in planes of the stack, rounded, and 0 outside the cells.

    Raises
    ------
    InputError
        The images do not fit, or there are cells but no beads on them.

    Notes
    -----
    Between beads the surface is interpolated linearly; beyond the outermost ones it has the height
    of the nearest. The slide is the plane that fits the beads beside the cells best (least
    squares); with less than three of them it is level, at their mean, and without any it is the
    first plane of the stack. Surfaces below the slide have the height 0.
    """
    check_stack("image", image)
    cells = as_labels("mask", mask)
    brightest = image.max(axis=0)
    check_same_shape(image=brightest, mask=cells)
    if not cells.any():
        return np.zeros(cells.shape, np.uint16)
    everywhere = np.ones(cells.shape, bool)
    beads = detect_blobs(
        brightest, everywhere, threshold=threshold, min_area=1, mean_area=bead_size
    ).centroids
    y, x = np.nonzero(beads)
    z = _planes(image, y, x, superpixel_size)
    on_cells = cells[y, x] > 0
    if not on_cells.any():
        raise InputError(
            f"There are cells, but no bead on them: nothing is brighter than 'threshold' "
            f"{threshold:g} in the filtered image. Lower it, check 'bead_size', or choose the "
            "channel of the beads."
        )
    surface = _interpolate(y[on_cells], x[on_cells], z[on_cells], cells.shape)
    if close_surface:
        surface = _close(surface, close_disc_size)
    slide = _slide(y[~on_cells], x[~on_cells], z[~on_cells], cells.shape)
    height = np.where(cells > 0, np.maximum(surface - slide, 0), 0)
    return np.rint(height).astype(np.uint16)


def _planes(
    image: npt.NDArray[np.unsignedinteger],
    y: npt.NDArray[np.intp],
    x: npt.NDArray[np.intp],
    size: int,
) -> npt.NDArray[np.intp]:
    """Brightest plane in the square around each point; a tie goes to the lower one."""
    before, after = size // 2, (size + 1) // 2
    found = np.empty(y.size, np.intp)
    for i in range(y.size):
        top, left = max(0, y[i] - before), max(0, x[i] - before)
        square = image[:, top : y[i] + after, left : x[i] + after]
        found[i] = square.sum(axis=(1, 2), dtype=np.int64).argmax()
    return found


def _interpolate(
    y: npt.NDArray[np.intp],
    x: npt.NDArray[np.intp],
    z: npt.NDArray[np.intp],
    shape: tuple[int, ...],
) -> npt.NDArray[np.float64]:
    from scipy.interpolate import LinearNDInterpolator, NearestNDInterpolator
    from scipy.spatial import QhullError

    points = np.column_stack([y, x])
    rows, columns = np.indices(shape)
    nearest: npt.NDArray[np.float64] = NearestNDInterpolator(points, z)(rows, columns).astype(float)
    try:
        linear = LinearNDInterpolator(points, z)(rows, columns)
    except QhullError:
        # Less than three beads, or all in line: nothing lies between them.
        return nearest
    return np.where(np.isnan(linear), nearest, linear)


def _close(surface: npt.NDArray[np.float64], radius: int) -> npt.NDArray[np.float64]:
    from scipy import ndimage

    y, x = np.indices((2 * radius + 1, 2 * radius + 1)) - radius
    disc = y**2 + x**2 <= radius**2
    closed: npt.NDArray[np.float64] = ndimage.grey_closing(surface, footprint=disc, mode="nearest")
    return closed


def _slide(
    y: npt.NDArray[np.intp],
    x: npt.NDArray[np.intp],
    z: npt.NDArray[np.intp],
    shape: tuple[int, ...],
) -> npt.NDArray[np.float64]:
    if y.size < 3:
        return np.full(shape, z.mean() if y.size else 0.0)
    terms = np.column_stack([np.ones(y.size), y, x])
    level, slope_y, slope_x = np.linalg.lstsq(terms, z, rcond=None)[0]
    rows, columns = np.indices(shape)
    plane: npt.NDArray[np.float64] = level + slope_y * rows + slope_x * columns
    return plane
