"""The fastest mix of maintained libraries that we know: OpenCV where it can, numpy, scikit-image.

Whole planes stay uint16 or float32; features of intensity come from sorting pixels by object once.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import ndimage
from skimage import filters, segmentation
from skimage import measure as skmeasure

from peers import MORPHOLOGY, PROPERTIES, Features, Images, Objects, add_ratios, textures

NAME = "fastest mix of OpenCV, numpy, scikit-image, mahotas, cp_measure"
cv2.setNumThreads(1)


def segment(images: Images) -> Objects:
    """Nuclei, cells around them, and cytoplasm."""
    nuclei = _nuclei(images["DAPI"])
    smooth = _blur(images["Actin"], 3)
    mask = (smooth > filters.threshold_li(smooth[::4, ::4])) | (nuclei > 0)
    cells = segmentation.watershed(np.uint16(65535) - smooth, nuclei, mask=mask).astype(np.int32)
    line = np.zeros(cells.shape, bool)
    for here, before, mark in (
        (cells[1:], cells[:-1], line[1:]),
        (cells[:, 1:], cells[:, :-1], line[:, 1:]),
    ):
        mark |= (here != before) & (here > 0) & (before > 0)
    cells[line & (nuclei == 0)] = 0
    return {"Nuclei": nuclei, "Cells": cells, "Cytoplasm": np.where(nuclei > 0, 0, cells)}


def _blur(image: npt.NDArray[np.uint16], sigma: float) -> npt.NDArray[np.uint16]:
    width = 2 * int(4 * sigma + 0.5) + 1
    return cv2.GaussianBlur(image, (width, width), sigma, borderType=cv2.BORDER_REFLECT)


def _nuclei(dapi: npt.NDArray[np.uint16]) -> npt.NDArray[np.int32]:
    smooth = _blur(dapi, 2)
    _, mask = cv2.threshold(smooth, 0, 1, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    outside = np.pad(mask.astype(np.uint8), 1)
    cv2.floodFill(outside, None, (0, 0), 2)
    filled = (outside[1:-1, 1:-1] != 2).astype(np.uint8)
    distance = cv2.distanceTransform(filled, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    distance = cv2.GaussianBlur(distance, (17, 17), 2)
    highest = cv2.dilate(distance, np.ones((19, 19), np.uint8))
    peaks = ((distance == highest) & (filled > 0)).astype(np.uint8)
    _, markers = cv2.connectedComponents(peaks, ltype=cv2.CV_32S)
    nuclei = segmentation.watershed(-distance, markers, mask=filled > 0)
    areas = np.bincount(nuclei.ravel())
    kept = areas > 140
    kept[0] = False
    return np.where(kept, np.cumsum(kept), 0).astype(np.int32)[nuclei]


def measure(objects: Objects, images: Images) -> Features:
    """Features of each object type."""
    return {name: _measure(labels, images) for name, labels in objects.items()}


def _measure(labels: npt.NDArray[np.int32], images: Images) -> pd.DataFrame:
    tables = [morphology(labels)]
    for channel, image in images.items():
        tables.append(intensities(labels, image).add_suffix(f"_{channel}"))
    return pd.concat(tables, axis=1)


def morphology(labels: npt.NDArray[np.int32]) -> pd.DataFrame:
    """Size and shape of each object."""
    table = pd.DataFrame(skmeasure.regionprops_table(labels, properties=PROPERTIES))
    table = add_ratios(table.set_index("label").rename(columns=MORPHOLOGY))
    return _add_distances(table, labels)


def intensities(labels: npt.NDArray[np.int32], image: npt.NDArray[np.uint16]) -> pd.DataFrame:
    """Intensities of each object, from pixels sorted by object."""
    pixels = np.flatnonzero(labels)
    owners = labels.ravel()[pixels]
    order = np.argsort(owners, kind="stable")
    pixels, owners = pixels[order], owners[order]
    starts = np.flatnonzero(np.diff(owners, prepend=0))
    counts = np.diff(np.append(starts, len(owners)))
    values = image.ravel()[pixels]
    total = np.add.reduceat(values, starts, dtype=np.float64)
    mean = total / counts
    spread = np.add.reduceat((values - np.repeat(mean, counts)) ** 2, starts)
    return pd.DataFrame(
        {
            "Intensity_max": np.maximum.reduceat(values, starts),
            "Intensity_mean": mean,
            "Intensity_min": np.minimum.reduceat(values, starts),
            "Intensity_sum": total,
            "Intensity_std": np.sqrt(spread / counts),
        },
        index=owners[starts],
    )


def _add_distances(table: pd.DataFrame, labels: npt.NDArray[np.int32]) -> pd.DataFrame:
    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    rows = []
    for label, box in enumerate(ndimage.find_objects(labels), start=1):
        if box is None:
            continue
        mask = np.pad(labels[box] == label, 1).astype(np.uint8)
        outline = cv2.countNonZero(mask) - cv2.countNonZero(cv2.erode(mask, cross))
        distance = cv2.distanceTransform(mask, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
        rows.append((outline, distance.max(), distance.sum(dtype=float) / mask.sum()))
    outline, largest, mean = np.array(rows).T
    return table.assign(
        Morphology_Roundness=outline**2 / (4 * np.pi * table["Morphology_Area"]),
        Morphology_Maximum_Radius=largest,
        Morphology_Mean_Radius=mean,
    )


def measure_all(objects: Objects, images: Images) -> Features:
    """Every feature of each object type: the above, Zernike moments, and textures.

    Haralick's statistics are those of cp_measure, which are fast, but on other levels than ours:
    they are computed, and left out of what is compared.
    """
    from cp_measure.core.measureobjectsizeshape import get_zernike
    from cp_measure.core.numba.measuretexture import get_texture

    found = {}
    for name, labels in objects.items():
        present = np.unique(labels[labels > 0])
        labels = segmentation.relabel_sequential(labels)[0].astype(np.int32)
        table = _measure(labels, images)
        parts = [table.set_axis(present, axis=0)]
        zernike = get_zernike(labels, None, 12)
        parts.append(named("Morphology_", zernike_names(zernike), zernike.values(), present))
        for channel, image in images.items():
            get_texture(labels, image / np.float64(65535), scale=1)
            parts.append(texture_table(labels, image, present).add_suffix(f"_{channel}"))
        found[name] = pd.concat(parts, axis=1)
    return found


def zernike_names(of: dict[str, npt.NDArray[np.float64]]) -> list[str]:
    """Zernike_2_0 is called Zernike-2-0 here."""
    return [name.replace("_", "-") for name in of]


def texture_table(
    labels: npt.NDArray[np.int32], image: npt.NDArray[np.uint16], present: npt.NDArray[np.int32]
) -> pd.DataFrame:
    """Gabor, Hu, threshold adjacency and binary patterns, named as ours are."""
    gabor = [f"Gabor-frequency-{wave}" for wave in textures.WAVELENGTHS]
    patterns = [f"LBP-radius-{radius}-{n}" for radius in textures.RADII for n in range(36)]
    kinds = ("center", "mu-margin", "mu", "n-center", "n-mu-margin", "n-mu")
    adjacency = [f"TAS-{kind}-{n}" for kind in kinds for n in range(9)]
    return pd.concat(
        [
            named("Texture_", gabor, textures.gabor_at_once(labels, image).T, present),
            named(
                "Texture_",
                [f"Hu-{n}" for n in range(7)],
                textures.hu_opencv(labels, image).T,
                present,
            ),
            named("Texture_", adjacency, textures.adjacency(labels, image).T, present),
            named("Texture_", patterns, textures.patterns(labels, image).T, present),
        ],
        axis=1,
    )


def named(
    prefix: str, names: list[str], columns: Any, present: npt.NDArray[np.int32]
) -> pd.DataFrame:
    """A table of columns."""
    content = dict(zip((prefix + name for name in names), columns, strict=True))
    return pd.DataFrame(content, index=present)
