"""Layers that go on as others."""

from __future__ import annotations

import numpy as np
from napari.components import ViewerModel

from napari_tmaps.gui.kept_layers import KeptLayers
from napari_tmaps.gui.layers import LayerTuple


def objects(name: str) -> LayerTuple:
    """Objects that were tried out."""
    properties = {
        "name": name,
        "scale": (1.0,) * 4,
        "translate": (0.0,) * 4,
        "multiscale": False,
        "metadata": {"tmaps": {"objects": name, "stored": False}},
    }
    return np.ones((1, 1, 8, 8), np.int32), properties, "labels"


def test_objects_of_another_type_are_not_left_in_grey() -> None:
    viewer = ViewerModel()
    kept = KeptLayers(viewer)
    kept.try_out([objects("Nuclei")])
    colours = viewer.layers["Nuclei"].colormap
    kept.grey(True)
    kept.try_out([objects("Cells")])
    kept.grey(True)
    assert viewer.layers["Cells"].colormap != colours
    kept.grey(False)
    assert viewer.layers["Cells"].colormap == colours
    kept.close()
