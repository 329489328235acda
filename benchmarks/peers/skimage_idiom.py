"""What most people write: scikit-image and scipy on the whole image, one call after the other."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import ndimage
from skimage import feature, filters, morphology, segmentation
from skimage import measure as skmeasure

from peers import MORPHOLOGY, PROPERTIES, Features, Images, Objects, add_ratios, textures

NAME = "scikit-image, as most people write it"


def segment_nuclei(dapi: npt.NDArray[np.uint16]) -> npt.NDArray[np.int32]:
    """Threshold, fill, cut clumps by the watershed of the distance, remove crumbs."""
    smooth = filters.gaussian(dapi, 2, preserve_range=True)
    mask = ndimage.binary_fill_holes(smooth > filters.threshold_otsu(smooth))
    distance = filters.gaussian(ndimage.distance_transform_edt(mask), 2)
    peaks = feature.peak_local_max(
        distance, min_distance=9, labels=skmeasure.label(mask), exclude_border=False
    )
    markers = np.zeros(mask.shape, np.int32)
    markers[tuple(peaks.T)] = np.arange(1, len(peaks) + 1)
    nuclei = segmentation.watershed(-distance, markers, mask=mask)
    nuclei = morphology.remove_small_objects(nuclei, max_size=140)
    return segmentation.relabel_sequential(nuclei)[0].astype(np.int32)


def segment(images: Images) -> Objects:
    """Nuclei, cells around them, and cytoplasm."""
    nuclei = segment_nuclei(images["DAPI"])
    smooth = filters.gaussian(images["Actin"], 3, preserve_range=True)
    mask = (smooth > filters.threshold_li(smooth)) | (nuclei > 0)
    cells = segmentation.watershed(-smooth, nuclei, mask=mask, watershed_line=True)
    for region in skmeasure.regionprops(cells):
        view = cells[region.slice]
        view[region.image_filled & (view == 0)] = region.label
    cells = np.where(nuclei > 0, nuclei, cells).astype(np.int32)
    return {"Nuclei": nuclei, "Cells": cells, "Cytoplasm": np.where(nuclei > 0, 0, cells)}


def measure(objects: Objects, images: Images) -> Features:
    """Everything from regionprops_table, what it lacks as extra properties."""
    return {name: _measure(labels, images) for name, labels in objects.items()}


def _measure(labels: npt.NDArray[np.int32], images: Images) -> pd.DataFrame:
    parts = []
    for channel, image in images.items():
        table = pd.DataFrame(
            skmeasure.regionprops_table(
                labels,
                image,
                properties=(
                    "label",
                    "intensity_max",
                    "intensity_mean",
                    "intensity_min",
                    "intensity_std",
                ),
                extra_properties=(intensity_sum,),
            )
        ).set_index("label")
        parts.append(table.rename(columns=lambda n, c=channel: f"{n.capitalize()}_{c}"))
    table = pd.DataFrame(
        skmeasure.regionprops_table(
            labels, properties=PROPERTIES, extra_properties=(roundness, radii)
        )
    ).set_index("label")
    names = {
        **MORPHOLOGY,
        "roundness": "Morphology_Roundness",
        "radii-0": "Morphology_Maximum_Radius",
        "radii-1": "Morphology_Mean_Radius",
    }
    return pd.concat([*parts, add_ratios(table.rename(columns=names))], axis=1)


def intensity_sum(mask: npt.NDArray[np.bool_], image: npt.NDArray[np.uint16]) -> float:
    """Sum of the pixels of an object."""
    return float(image[mask].sum(dtype=float))


def roundness(mask: npt.NDArray[np.bool_]) -> float:
    """Squared number of pixels of the outline, relative to the area."""
    outline = mask & ~ndimage.binary_erosion(mask)
    return float(outline.sum() ** 2 / (4 * np.pi * mask.sum()))


def radii(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    """Largest and mean distance to the outside."""
    distance = ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
    return np.array([distance[mask].max(), distance[mask].mean()])


def measure_all(objects: Objects, images: Images) -> Features:
    """Every feature of each object type: the above, Zernike moments and textures.

    mahotas where scikit-image has nothing. Zernike moments, Gabor filters and Haralick's statistics
    have other definitions than ours there; they are computed, and left out of what is compared.
    """
    found = {}
    # Filters run over each image once, not over each object.
    filtered = {channel: textures.gabor_filtered(image) for channel, image in images.items()}
    for name, labels in objects.items():
        table = _measure(labels, images)
        textures.zernike(labels)
        for channel, image in images.items():
            textures.strongest(labels, filtered[channel])
            textures.cooccurrence(labels, image)
            textures.adjacency(labels, image)
            textures.patterns(labels, image)
            moments = textures.hu(labels, image)
            for n in range(7):
                table[f"Texture_Hu-{n}_{channel}"] = moments[:, n]
        found[name] = table
    return found
