"""What people write for features that no library measures of many objects at once.

Each function measures the objects of a label image one after the other with scipy, scikit-image and
numpy, and returns a table of the columns that it has, index `label`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import ndimage
from skimage import measure, morphology

Labels = npt.NDArray[np.int32]
Image = npt.NDArray[Any]


def granularity(labels: Labels, image: Image, sizes: int) -> pd.DataFrame:
    """CellProfiler's steps with its factors: every 4th pixel, background in 10 of every 16th."""
    full = np.array(image.shape)
    small = full // 4
    stain = image[::4, ::4][: small[0], : small[1]].astype(float)
    back_shape = small * 0.25
    disc = morphology.disk(10)
    back = morphology.dilation(morphology.erosion(stain[::4, ::4], disc), disc)
    stain = np.maximum(stain - _at(back, small, (back_shape - 1) / (small - 1)), 0)
    names = np.unique(labels[labels > 0])
    start = before = ndimage.mean(image, labels, names)
    eroded, cross, columns = stain, morphology.disk(1), {}
    for size in range(1, sizes + 1):
        eroded = morphology.erosion(eroded, cross)
        rebuilt = morphology.reconstruction(eroded, stain, footprint=cross)
        mean = ndimage.mean(_at(rebuilt, full, (small - 1) / (full - 1)), labels, names)
        columns[f"Granularity_{size}"] = (before - mean) * 100 / start
        before = mean
    return pd.DataFrame(columns, index=pd.Index(names, name="label"))


def _at(image: Image, shape: npt.NDArray[Any], scale: npt.NDArray[Any]) -> npt.NDArray[Any]:
    places = np.mgrid[: shape[0], : shape[1]].astype(float) * np.reshape(scale, (2, 1, 1))
    found: npt.NDArray[Any] = ndimage.map_coordinates(image, places, order=1)
    return found


def colocalisation(labels: Labels, first: Image, second: Image, percent: float) -> pd.DataFrame:
    """Correlation, overlap, Manders and ranks of each object."""
    rows = {}
    for region in measure.regionprops(labels):
        a = first[region.slice][region.image].astype(float)
        b = second[region.slice][region.image].astype(float)
        seen_a, seen_b = a >= percent / 100 * a.max(), b >= percent / 100 * b.max()
        both = seen_a & seen_b
        u, v = a[both], b[both]
        rank_a, rank_b = (np.unique(part, return_inverse=True)[1] for part in (a, b))
        ranks = max(rank_a.max(), rank_b.max()) + 1
        weight = ((ranks - abs(rank_a - rank_b)) / ranks)[both]
        rows[region.label] = {
            "pearson": np.corrcoef(a, b)[0, 1],
            "slope": np.polyfit(a, b, 1)[0],
            "overlap": (u * v).sum() / np.sqrt((u**2).sum() * (v**2).sum()),
            "k_1": (u * v).sum() / (u**2).sum(),
            "k_2": (u * v).sum() / (v**2).sum(),
            "manders_1": u.sum() / a[seen_a].sum(),
            "manders_2": v.sum() / b[seen_b].sum(),
            "rank_weighted_1": (u * weight).sum() / a[seen_a].sum(),
            "rank_weighted_2": (v * weight).sum() / b[seen_b].sum(),
        }
    return pd.DataFrame.from_dict(rows, orient="index").add_prefix("Colocalisation_")


def skeleton(labels: Labels) -> pd.DataFrame:
    """Ends and branches of each object's thinned mask; a crossing of several pixels counts once."""
    rows = {}
    around = np.ones((3, 3))
    for region in measure.regionprops(labels):
        lines = morphology.thin(np.pad(region.image, 1))
        neighbours = ndimage.convolve(lines.astype(int), around, mode="constant") - 1
        rows[region.label] = {"Skeleton_end_points": (lines & (neighbours <= 1)).sum()}
    return pd.DataFrame.from_dict(rows, orient="index")


def geometry(labels: Labels) -> pd.DataFrame:
    """Direction, hull, holes and bounding box."""
    names = ("label", "orientation", "area_convex", "euler_number", "bbox")
    table = pd.DataFrame(measure.regionprops_table(labels, properties=names)).set_index("label")
    table.columns = pd.Index(
        f"Geometry_{name}"
        for name in ("Orientation", "Convex_Area", "Euler_Number", "Top", "Left", "Bottom", "Right")
    )
    table["Geometry_Orientation"] = np.degrees(table["Geometry_Orientation"])
    return table


def solids(labels: Labels, size: tuple[float, float, float]) -> pd.DataFrame:
    """Volume, position and surface of the objects of a stack."""
    rows = {}
    for region in measure.regionprops(labels):
        box = np.pad(region.image, 1).astype(np.float32)
        surface = measure.mesh_surface_area(*measure.marching_cubes(box, 0.5, spacing=size)[:2])
        z, y, x = region.centroid
        rows[region.label] = {
            "Solid_Voxels": region.area,
            "Solid_Centroid_z": z,
            "Solid_Centroid_y": y,
            "Solid_Centroid_x": x,
            "Solid_Surface_um2": surface,
        }
    return pd.DataFrame.from_dict(rows, orient="index")
