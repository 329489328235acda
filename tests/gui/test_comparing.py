"""Two pipelines compared on what is shown, without a window."""

from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_tmaps.errors import MissingError
from napari_tmaps.gui.comparing import corrected_objects, objects_of
from napari_tmaps.gui.kept_layers import KeptLayers
from napari_tmaps.gui.live_layers import difference_layers
from napari_tmaps.gui.live_source import LiveSource, Scene
from napari_tmaps.model.pipeline import PipelineDescription
from napari_tmaps.pipeline import Cache, edit
from napari_tmaps.pipeline.compare import ONLY_THERE, compare_objects


def blocks() -> PipelineDescription:
    pipeline = edit.set_channels(PipelineDescription(), [("DAPI", False)])
    pipeline, _ = edit.add_step(pipeline, "threshold_manual")
    pipeline, _ = edit.add_step(pipeline, "register_objects")
    return pipeline


def test_another_threshold_loses_an_object():
    viewer = ViewerModel()
    image = np.zeros((40, 50), np.uint16)
    image[5:15, 5:15] = 1000
    image[20:30, 30:40] = 400
    viewer.add_image(image, name="DAPI", scale=(0.5, 0.5), translate=(3, 4))
    scene, cache = LiveSource(viewer).scene(), Cache()
    strict = edit.set_setting(blocks(), "threshold_manual", "threshold", 500.0)
    here = objects_of(strict, scene, scene.images, cache)
    there = objects_of(blocks(), scene, scene.images, cache)
    (found,) = compare_objects(here, there)
    assert (found.here, found.there, found.f1) == (1, 2, pytest.approx(2 / 3))
    KeptLayers(viewer).try_out(difference_layers([found], scene))
    layer = viewer.layers["differs: Objects"]
    assert tuple(layer.translate) == (3, 4)
    assert (layer.data == ONLY_THERE).sum() == 100
    assert layer.data[25, 35] == ONLY_THERE


def test_what_cannot_be_compared_is_told():
    with pytest.raises(MissingError, match="cannot run"):
        objects_of(blocks(), Scene(), {}, Cache())
    with pytest.raises(MissingError, match="corrected yet"):
        corrected_objects(Scene())
