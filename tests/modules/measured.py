"""One call of each measuring module with all that it can measure, on one made scene."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import ndimage

from napari_tmaps import modules as m

PIXEL_UM = (2.0, 0.5, 0.5)


@dataclass(frozen=True)
class Scene:
    """Objects (y, x), two channels and the parents of the objects."""

    labels: np.ndarray
    image: np.ndarray
    other: np.ndarray
    parents: np.ndarray

    def each(self, change: Callable[[np.ndarray], np.ndarray]) -> Scene:
        parts = (self.labels, self.image, self.other, self.parents)
        return Scene(*(np.ascontiguousarray(change(part)) for part in parts))


def make_scene(seed: int = 3, dtype: type = np.uint16) -> Scene:
    """A dozen objects with gaps in their numbers, far from the rim of an even background."""
    random = np.random.default_rng(seed)
    inner = ndimage.gaussian_filter(random.random((84, 90)), 4)
    inside = np.pad(inner > np.median(inner) + 0.005, 24)
    labels = ndimage.label(inside)[0]
    sizes = np.bincount(labels.ravel())
    labels[sizes[labels] < 40] = 0
    light = ndimage.gaussian_filter(random.random(labels.shape), 1.5)
    other = ndimage.gaussian_filter(random.random(labels.shape), 1.5) + light
    scale = 200 if dtype is np.uint8 else 9000
    images = [
        np.where(labels > 0, scale * part / part.max() * random.uniform(0.8, 1, labels.shape), 20)
        for part in (light, other)
    ]
    # Parents hold about three objects each, and every object wholly.
    parents = np.where(labels > 0, labels % 4 + 1, 0)
    return Scene(
        (labels * 3).astype(np.int32),
        *(part.astype(dtype) for part in images),
        parents.astype(np.int32),
    )


Call = Callable[[Scene], pd.DataFrame]

CALLS: dict[str, Call] = {
    "measure_intensity": lambda s: m.measure_intensity(
        s.labels,
        s.labels,
        s.image,
        measure_quantiles=True,
        measure_edge=True,
        measure_location=True,
        background_distance=4,
    ),
    "measure_morphology": lambda s: m.measure_morphology(s.labels, s.labels, measure_zernike=True),
    "measure_texture": lambda s: m.measure_texture(
        s.labels,
        s.labels,
        s.image,
        frequencies=(1, 5),
        measure_TAS=True,
        measure_LBP=True,
        radii=(1, 2),
        measure_haralick=True,
        scales=(1, 2),
    ),
    "measure_radial_distribution": lambda s: m.measure_radial_distribution(
        s.labels, s.labels, s.image, measure_zernike=True
    ),
    "measure_granularity": lambda s: m.measure_granularity(
        s.labels, s.labels, s.image, sizes=5, step=1, background_step=1
    ),
    "measure_colocalisation": lambda s: m.measure_colocalisation(
        s.labels, s.labels, s.image, s.other
    ),
    "measure_neighbours": lambda s: m.measure_neighbours(
        s.labels, s.labels, neighbour_distance=6, touching_distance=6
    ),
    "measure_point_pattern": lambda s: m.measure_point_pattern(s.labels, s.labels, s.parents),
    "measure_volume_image": lambda s: m.measure_volume_image(s.labels, s.labels, s.image),
    "measure_geometry": lambda s: m.measure_geometry(s.labels, s.labels, pixel_size_um=PIXEL_UM),
    "measure_skeleton": lambda s: m.measure_skeleton(s.labels, s.labels, pixel_size_um=PIXEL_UM),
    "measure_density": lambda s: m.measure_density(
        s.labels, s.labels, radius=12, pixel_size_um=PIXEL_UM
    ),
    "measure_parents": lambda s: m.measure_parents(s.labels, s.labels, s.parents),
    "measure_site_quality": lambda s: m.measure_site_quality(
        *[m.whole_site(s.image)] * 2, s.image, s.labels
    ),
    "measure_morphology_3D": lambda s: m.measure_morphology_3D(
        *[np.stack([s.labels, s.labels])] * 2, pixel_size_um=PIXEL_UM
    ),
    "measure_intensity_3D": lambda s: m.measure_intensity_3D(
        *[np.stack([s.labels, s.labels])] * 2, np.stack([s.image, s.other])
    ),
}
