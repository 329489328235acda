"""All measuring modules on objects at the rim, on a single pixel, and in other physical units.

`CALLS` holds every measuring module (test_dictionary.py asks for it), so that none is forgotten.
"""

from __future__ import annotations

import numpy as np
import pytest

from napari_tmaps.model.features import find

from . import measured
from .measured import CALLS, Scene, make_scene

# Columns that what lies around the objects changes, and why; a * stands for the rest of a name.
LOOK_AROUND = {
    "Granularity_*": "the background is found in the whole site",
    "Density_share_in_site": "the share of the disc around an object that lies in the site",
    "Quality_*": "of the site, not of objects",
}

# Columns that a single pixel does not have, and why.
UNDEFINED = {
    "Morphology_Circularity": "no perimeter",
    "Morphology_Elongation": "no axes",
    "Morphology_Zernike-*": "no radius",
    "RadialDistribution_Zernike*": "no radius",
    "RadialDistribution_variation-*": "rings without a pixel",
    "Texture_Haralick-*": "no pair of pixels",
    "Colocalisation_pearson": "no variance",
    "Colocalisation_slope": "no variance",
    "Geometry_Orientation": "no axes",
    "Neighbours_Second_Closest_Distance": "only two objects",
    "Density_distance_5": "only two objects",
}

# How a column grows with the size of a pixel.
POWERS = {"µm": 1, "µm²": 2, "µm³": 3, "pL": 3, "1/mm²": -2}

# Columns that know no pixel size of the site, and why.
OWN_SIZE = {"Morphology3D_*": "the size of a voxel is a setting of the module"}


def listed(name, columns):
    return any(name == each or (each[-1] == "*" and name.startswith(each[:-1])) for each in columns)


def is_position(name):
    return find(name).feature.unit in ("px of the site", "planes") or "Centroid" in name


def cut_to_objects(scene):
    y, x = np.nonzero(scene.labels)
    box = (slice(y.min(), y.max() + 1), slice(x.min(), x.max() + 1))
    return scene.each(lambda part: part[box])


def with_rim(scene, width):
    labels, parents = (np.pad(part, width) for part in (scene.labels, scene.parents))
    image, other = (np.pad(part, width, constant_values=20) for part in (scene.image, scene.other))
    return Scene(labels, image, other, parents)


@pytest.mark.parametrize("module", CALLS)
def test_objects_at_the_rim_have_the_values_of_objects_inside(module):
    at_rim = cut_to_objects(make_scene())
    for edge in (at_rim.labels[0], at_rim.labels[-1], at_rim.labels[:, 0], at_rim.labels[:, -1]):
        assert edge.any()
    table, inside = CALLS[module](at_rim), CALLS[module](with_rim(at_rim, 9))
    for name in table:
        if not listed(name, LOOK_AROUND) and not is_position(name):
            scale = np.nanmax(np.abs(table[name].to_numpy()), initial=0)
            np.testing.assert_allclose(
                table[name], inside[name], rtol=1e-9, atol=1e-9 * scale + 1e-12, err_msg=name
            )


@pytest.mark.parametrize("module", CALLS)
def test_a_single_pixel_has_all_that_is_defined_of_it(module):
    random = np.random.default_rng(0)
    labels = np.zeros((40, 50), np.int32)
    labels[20, 25] = 7
    labels[5:12, 5:12] = 70_001
    image = random.integers(20, 4000, labels.shape, np.uint16)
    other = (image // 2 + random.integers(0, 99, labels.shape)).astype(np.uint16)
    table = CALLS[module](Scene(labels, image, other, (labels > 0).astype(np.int32)))
    assert not np.isinf(table.to_numpy()).any()
    missing = [name for name in table if np.isnan(table[name].iloc[0])]
    assert [name for name in missing if not listed(name, UNDEFINED)] == []


@pytest.mark.parametrize("module", CALLS)
def test_physical_values_follow_the_pixel_size(module, monkeypatch):
    scene = make_scene()
    table = CALLS[module](scene)
    monkeypatch.setattr(measured, "PIXEL_UM", tuple(3 * size for size in measured.PIXEL_UM))
    larger = CALLS[module](scene)
    assert list(larger) == list(table)
    for name in table:
        unit = "" if listed(name, OWN_SIZE) else find(name).feature.unit
        factor = 3.0 ** POWERS.get(unit, 0)
        np.testing.assert_allclose(larger[name], factor * table[name], rtol=1e-9, err_msg=name)
