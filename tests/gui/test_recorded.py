"""Sites whose channels differ in z planes or time points, as shown and as pipelines see them."""

from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Layer
from tests.workflow.screen import plane
from tests.workflow.test_analyse import discs
from tests.workflow.test_recorded_planes import IN_PLACE, make
from tests.workflow.test_recorded_times import frame
from tests.workflow.test_recorded_times import make as make_times

from napari_tmaps.gui.layers import row_of, site_layers
from napari_tmaps.gui.live_source import LiveSource
from napari_tmaps.gui.tuning import message, tune
from napari_tmaps.gui.vendor_source import in_place_source
from napari_tmaps.gui.zarr_source import experiment_source


@pytest.mark.parametrize("in_place", IN_PLACE)
def test_the_only_plane_is_shown_at_every_z(tmp_path, in_place):
    with make(tmp_path, in_place=in_place) as made:
        source = in_place_source(made, "p", "C03") if in_place else experiment_source(made, "p")
        row = row_of(source.places, "C03", 2)
        layers = site_layers(source, row, features=lambda _: None, on_problem=pytest.fail)
    for data, properties, _ in layers:
        name = properties["name"]
        shown = (1, 1, 1) if name == "GFP" else (0, 1, 2)
        assert properties["metadata"]["tmaps"].get("z") == ([1] if name == "GFP" else None)
        for z, of in enumerate(shown):
            np.testing.assert_array_equal(np.asarray(data)[0, z], plane("C03", 2, name, of))


def test_pipelines_see_each_plane_once(tmp_path):
    with make(tmp_path) as made:
        source = experiment_source(made, "p")
        row = row_of(source.places, "C03", 2)
        viewer = ViewerModel()
        for layer in site_layers(source, row, features=lambda _: None, on_problem=pytest.fail):
            viewer.add_layer(Layer.create(*layer))
        images = LiveSource(viewer).scene().images
    assert {name: image.shape for name, image in images.items()} == {
        "DAPI": (3, 64, 80),
        "GFP": (64, 80),
    }
    np.testing.assert_array_equal(images["GFP"], plane("C03", 2, "GFP", 1))


@pytest.mark.parametrize("in_place", IN_PLACE)
def test_channels_that_were_not_recorded_at_a_time_are_no_black_images(tmp_path, in_place):
    with make_times(tmp_path, in_place=in_place) as made:
        source = in_place_source(made, "p", "C03") if in_place else experiment_source(made, "p")
        row = row_of(source.places, "C03", 2)
        viewer = ViewerModel()
        for layer in site_layers(source, row, features=lambda _: None, on_problem=pytest.fail):
            viewer.add_layer(Layer.create(*layer))
    live = LiveSource(viewer)
    for t, channels in ((0, {"DAPI", "GFP"}), (1, {"DAPI"}), (2, {"DAPI", "GFP"})):
        viewer.dims.set_point(0, t)
        scene = live.scene()
        assert set(scene.images) == channels
        for name in channels:
            np.testing.assert_array_equal(scene.images[name], frame("C03", 2, name, t))
        told = message(tune(discs(), scene, ""), scene, "")
        absent = "" if t != 1 else "'GFP' was not recorded at t = 1. Move the slider of time to 0, "
        assert told.startswith(absent)
        assert bool(told) == bool(absent)
        assert message(tune(discs(channels=("DAPI",)), scene, ""), scene, "") == ""
