"""Features that mean the same as in CellProfiler, on its own objects and beside its own tables."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import tifffile

from napari_tmaps.modules import measure_morphology

SHAPE = {
    "Area": "Area",
    "Eccentricity": "Eccentricity",
    "Extent": "Extent",
    "Convexity": "Solidity",
    "Circularity": "FormFactor",
    "Perimeter": "Perimeter",
    "Equivalent_Diameter": "EquivalentDiameter",
    "Local_Centroid_x": "Center_X",
    "Local_Centroid_y": "Center_Y",
    "Major_Axis_Length": "MajorAxisLength",
    "Minor_Axis_Length": "MinorAxisLength",
    "Maximum_Radius": "MaximumRadius",
    "Mean_Radius": "MeanRadius",
    "Maximum_Feret_Diameter": "MaxFeretDiameter",
    "Minimum_Feret_Diameter": "MinFeretDiameter",
} | {f"Zernike-{n}-{m}": f"Zernike_{n}_{m}" for n in range(10) for m in range(n % 2, n + 1, 2)}


@pytest.fixture(scope="module")
def human(shared_data):
    return shared_data / "cp_reference" / "ExampleHuman"


def read(human, objects):
    (path,) = human.glob(f"*_LBL_{objects}.tiff")
    table = pd.read_csv(human / f"{objects}.csv").set_index("ObjectNumber")
    return tifffile.imread(path).astype(np.int32), table


def differences(ours, theirs, names):
    """Median relative difference of each feature."""
    return {
        name: float((abs(ours[name] - theirs[other]) / theirs[other].abs().clip(1e-9)).median())
        for name, other in names.items()
    }


@pytest.mark.parametrize("objects", ["Nuclei", "Cells"])
def test_shapes(human, objects):
    labels, theirs = read(human, objects)
    ours = measure_morphology(labels, labels, measure_zernike=True)
    assert ours.index.tolist() == theirs.index.tolist()
    names = {f"Morphology_{a}": f"AreaShape_{b}" for a, b in SHAPE.items()}
    for name, difference in differences(ours, theirs, names).items():
        assert difference < 1e-3, name
