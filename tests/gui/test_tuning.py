"""What the pipeline widget shows, without a window: scenes, states, previews as layers."""

from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_tmaps.errors import FormatError, MissingError
from napari_tmaps.gui.live_layers import (
    LiveLayers,
    numbers_of,
    object_layers,
    outlines_of,
    preview_layers,
)
from napari_tmaps.gui.live_source import LiveSource, Scene
from napari_tmaps.gui.tuning import next_name, reads, summarise, threshold_setting, tune, upto
from napari_tmaps.model.pipeline import PipelineDescription
from napari_tmaps.pipeline import edit, ready_pipelines
from napari_tmaps.pipeline.live import LivePipeline, Request


@pytest.fixture
def viewer():
    viewer = ViewerModel()
    image = np.zeros((2, 3, 60, 80), np.uint16)
    image[..., 10:20, 10:20] = 1000
    image += np.arange(6, dtype=np.uint16).reshape(2, 3, 1, 1)
    viewer.add_image(image, name="DAPI", scale=(1, 2, 0.5, 0.5), translate=(0, 0, 7, 9))
    viewer.add_image(image * 2, name="Actin", scale=(1, 2, 0.5, 0.5), translate=(0, 0, 7, 9))
    return viewer


def blocks() -> PipelineDescription:
    pipeline = edit.set_channels(PipelineDescription(), [("DAPI", False), ("Actin", False)])
    pipeline, _ = edit.add_step(pipeline, "threshold_manual")
    pipeline = edit.set_wire(pipeline, "threshold_manual", "image", "DAPI")
    pipeline, _ = edit.add_step(pipeline, "register_objects")
    pipeline, _ = edit.add_step(pipeline, "measure_intensity")
    return pipeline


# --- scenes ---


def test_the_planes_that_are_shown(viewer):
    source = LiveSource(viewer)
    viewer.dims.set_current_step(0, 1)
    viewer.dims.set_current_step(1, 2)
    scene = source.scene()
    assert list(scene.images) == ["DAPI", "Actin"]
    assert scene.images["DAPI"].shape == (60, 80)
    assert scene.images["DAPI"][0, 0] == 5  # t 1, z 2
    assert (scene.scale, scene.translate, scene.t) == ((0.5, 0.5), (7, 9), 1)
    viewer.dims.set_current_step(1, 0)
    assert source.scene().images["DAPI"][0, 0] == 3


def test_planes_that_stay_are_the_same_arrays(viewer):
    source = LiveSource(viewer)
    before, after = source.scene(), source.scene()
    assert before.images["DAPI"] is after.images["DAPI"]
    assert not before.images["DAPI"].flags.writeable
    viewer.layers["DAPI"].data = viewer.layers["DAPI"].data.copy()
    assert source.scene().images["DAPI"] is not before.images["DAPI"]


def test_sites_of_an_experiment_are_whole_stacks_as_on_the_plate(viewer):
    where = {"experiment": "e", "plate": "p", "well": "A01", "site": 1}
    viewer.layers["DAPI"].metadata["tmaps"] = where
    viewer.layers.selection = {viewer.layers["DAPI"]}
    scene = LiveSource(viewer).scene()
    assert scene.images["DAPI"].shape == (3, 60, 80)
    assert (scene.shape, scene.z_scale) == ((60, 80), 2)
    pipeline = edit.set_channels(PipelineDescription(), [("DAPI", False)])
    pipeline, _ = edit.add_step(pipeline, "project")
    shown = []
    live = LivePipeline(shown.append)
    live.show(Request(upto(pipeline, scene, "project"), scene.images, "project", finish=False))
    assert live.wait()
    live.close()
    ((pixels, properties, _),) = preview_layers(shown[0], scene)
    np.testing.assert_array_equal(pixels, scene.images["DAPI"].max(axis=0))
    assert properties["scale"] == (0.5, 0.5)


@pytest.mark.parametrize(
    ("units", "pixel_size_um"),
    [
        (("second", "micrometer", "micrometer", "micrometer"), (2, 0.5, 0.5)),
        (("second", "pixel", "micrometer", "micrometer"), (None, 0.5, 0.5)),
        (("pixel",) * 4, (None, None, None)),
    ],
)
def test_previews_of_stacks_are_in_the_units_of_the_layers(viewer, units, pixel_size_um):
    where = {"experiment": "e", "plate": "p", "well": "A01", "site": 1}
    for layer in viewer.layers:
        layer.metadata["tmaps"], layer.units = where, units
    viewer.layers.selection = {viewer.layers["DAPI"]}
    scene = LiveSource(viewer).scene()
    assert scene.pixel_size_um == pixel_size_um
    shown = []
    live = LivePipeline(shown.append)
    pipeline = edit.set_channels(PipelineDescription(), [("DAPI", False)])
    pipeline, _ = edit.add_step(pipeline, "threshold_manual")
    checked = upto(pipeline, scene, "threshold_manual")
    live.show(Request(checked, scene.images, "threshold_manual", finish=False))
    assert live.wait()
    live.close()
    ((pixels, properties, _),) = preview_layers(shown[0], scene)
    assert pixels.shape == (3, 60, 80)
    assert properties["units"] == units[1:]
    viewer.add_labels(pixels, scale=properties["scale"], units=properties["units"])
    assert viewer.layers.extent.units is not None, "else napari warns"


def test_wells_and_plates_are_refused_and_not_read(viewer):
    class Unread(np.ndarray):
        def __getitem__(self, key):
            raise AssertionError("a whole well is read")

    layer = viewer.layers["DAPI"]
    layer.metadata["tmaps"] = {"experiment": "e", "plate": "p", "well": "A01"}
    layer._data = layer.data.view(Unread)
    viewer.layers.selection = {layer}
    with pytest.raises(FormatError, match="Show one site: pipelines run on single sites"):
        LiveSource(viewer).scene()


def test_layers_of_another_grid_are_left_out(viewer):
    viewer.add_image(np.zeros((60, 80), np.uint16), name="elsewhere", translate=(100, 0))
    viewer.add_image(np.zeros((60, 80, 3), np.uint8), name="photo", rgb=True)
    viewer.add_labels(
        np.zeros((60, 80), np.uint8), name="Drawn", scale=(0.5, 0.5), translate=(7, 9)
    )
    viewer.layers["Actin"].visible = False  # hidden is not gone
    viewer.layers.selection = {viewer.layers["DAPI"]}
    scene = LiveSource(viewer).scene()
    assert (list(scene.images), list(scene.objects)) == (["DAPI", "Actin"], ["Drawn"])
    assert scene.objects["Drawn"].dtype == np.int32
    viewer.layers.selection = {viewer.layers["elsewhere"]}
    assert list(LiveSource(viewer).scene().images) == ["elsewhere"]


def test_a_multiscale_layer_is_read_at_full_resolution():
    viewer = ViewerModel()
    fine = np.arange(64 * 64, dtype=np.uint16).reshape(64, 64)
    viewer.add_image([fine, fine[::2, ::2]], name="A", multiscale=True)
    assert LiveSource(viewer).scene().images["A"].shape == (64, 64)


def test_nothing_to_work_on():
    with pytest.raises(MissingError, match="no image"):
        LiveSource(ViewerModel()).scene()


def test_a_whole_plate_is_no_site():
    viewer = ViewerModel()
    viewer.add_image(
        np.broadcast_to(np.uint8(0), (9000, 9000)), name="plate", contrast_limits=(0, 1)
    )
    with pytest.raises(FormatError, match=r"81 million pixels.*show one site"):
        LiveSource(viewer).scene()


def test_title():
    assert Scene().title == "nothing"
    assert Scene({"A": np.zeros((3, 5))}).title == "the layers of the window, 5 × 3 px"
    scene = Scene(experiment="screen.tmaps", plate="p1", well="B02", site=3)
    assert scene.title == "B02 site 3 of p1"


# --- states ---


def test_a_wire_that_leads_nowhere_is_marked(viewer):
    scene = LiveSource(viewer).scene()
    pipeline = edit.set_wire(blocks(), "register_objects", "mask", "lost.mask")
    tuning = tune(pipeline, scene, "register_objects")
    assert list(tuning.marks) == ["register_objects"]
    assert "lost.mask" in tuning.own_problems[0].message
    assert tuning.fitting["mask"] == ("threshold_manual.mask",)


def test_a_dropped_channel_is_marked_at_the_input(viewer):
    viewer.layers.remove("DAPI")
    scene = LiveSource(viewer).scene()
    problems = tune(blocks(), scene, "").own_problems
    assert "no channel 'DAPI'" in problems[0].message
    assert upto(blocks(), scene, "threshold_manual") is None


def test_a_channel_on_the_screen_can_be_chosen(viewer):
    viewer.add_image(
        viewer.layers["DAPI"].data, name="GFP", scale=(1, 2, 0.5, 0.5), translate=(0, 0, 7, 9)
    )
    scene = LiveSource(viewer).scene()
    assert "GFP" in tune(blocks(), scene, "threshold_manual").fitting["image"]
    pipeline = reads(blocks(), "GFP", scene)
    assert [channel.name for channel in pipeline.input.channels] == ["DAPI", "Actin", "GFP"]
    assert reads(pipeline, "GFP", scene) == pipeline
    assert reads(pipeline, "threshold_manual.mask", scene) == pipeline


def test_what_comes_later_may_be_wrong(viewer):
    scene = LiveSource(viewer).scene()
    pipeline = edit.set_wire(blocks(), "measure_intensity", "extract_objects", None)
    checked = upto(pipeline, scene, "register_objects")
    assert [step.name for step in checked.steps] == ["threshold_manual", "register_objects"]
    assert checked.channels == ("DAPI",)  # the other is not needed so far
    assert upto(pipeline, scene, "measure_intensity") is None
    off = edit.set_active(pipeline, "threshold_manual", False)
    assert upto(off, scene, "threshold_manual") is None


@pytest.mark.parametrize(
    ("module", "settings", "value", "expected"),
    [
        pytest.param("threshold_manual", {}, 222.4, ("threshold", 222.0), id="manual"),
        pytest.param("threshold_otsu", {}, 150, ("correction_factor", 1.5), id="otsu"),
        pytest.param(
            "threshold_otsu",
            {"correction_factor": 2.0},
            50,
            ("correction_factor", 1.0),
            id="factor",
        ),
        pytest.param("threshold_manual", {}, -5, ("threshold", 0.0), id="below"),
        pytest.param("label", {}, 5, None, id="no threshold"),
    ],
)
def test_the_threshold_line_writes_the_setting(module, settings, value, expected):
    pipeline, name = edit.add_step(PipelineDescription(), module)
    for setting, given in settings.items():
        pipeline = edit.set_setting(pipeline, name, setting, given)
    assert threshold_setting(pipeline.pipeline[0], value, used=100) == expected


def test_next_name():
    names = ["a", "b", "c"]
    assert [next_name(names, "b", step) for step in (-1, 1)] == ["a", "c"]
    assert (next_name(names, "c", 1), next_name(names, "x", 1), next_name([], "x", 1)) == (
        "c",
        "a",
        "",
    )


# --- previews ---


@pytest.fixture
def computed(viewer):
    """Previews of the register step, of a view of it, and of the whole pipeline."""

    def run(upto_step, view=None):
        shown = []
        live = LivePipeline(shown.append)
        scene = LiveSource(viewer).scene()
        live.show(
            Request(upto(blocks(), scene, "measure_intensity"), scene.images, upto_step, view=view)
        )
        assert live.wait()
        live.close()
        return scene, shown

    return run


def test_layers_lie_on_the_images(viewer, computed):
    scene, (part, whole, end) = computed("register_objects", (slice(5, 40), slice(8, 50)))
    ((pixels, properties, kind),) = preview_layers(part, scene)
    assert (pixels.shape, kind) == ((35, 42), "labels")
    assert properties["translate"] == (7 + 5 * 0.5, 9 + 8 * 0.5)
    (drawn,) = outlines_of(part).values.values()
    assert (drawn > 0).sum() == 4 * 10 - 4  # the rim of 10 × 10 pixels
    (drawn,) = outlines_of(part, 2).values.values()
    assert (drawn > 0).sum() == 10 * 10 - 6 * 6
    ((pixels, properties, _),) = preview_layers(whole, scene)
    assert (pixels.shape, properties["translate"]) == ((60, 80), (7, 9))
    ((pixels, properties, kind),) = object_layers(end, scene)
    assert properties["name"] == "Objects (live)"
    assert list(properties["features"]["label"]) == [1]
    assert properties["features"]["Intensity_mean_DAPI"][0] == 1001


def test_numbers(computed):
    _, (whole, _) = computed("register_objects")
    assert numbers_of(whole).sentence() == "1 object of 100 px (median), 2 % of the picture"
    _, (whole, _) = computed("threshold_manual")
    assert numbers_of(whole).sentence() == "2 % of the picture"
    shown = summarise(whole, whole.inputs["DAPI"])
    assert whole.threshold == 128
    assert shown.counts.sum() == 30 * 40
    assert shown.edges[0] == 1
    assert shown.edges[-1] >= 1000
    assert not len(summarise(whole, None).counts)


def test_layers_are_replaced_in_place_and_the_selection_stays(viewer, computed):
    layers = LiveLayers(viewer)
    viewer.layers.selection = {viewer.layers["DAPI"]}
    scene, (part, whole, end) = computed("register_objects", (slice(5, 40), slice(8, 50)))
    layers.show(part, scene)
    (first,) = [layer for layer in viewer.layers if layer.name.startswith("preview")]
    first.contour = 3
    layers.show(whole, scene)
    assert [len(viewer.layers) for _ in layers.show_objects(end, scene)] == [4]  # one at a time
    assert [layer.name for layer in viewer.layers] == [
        "DAPI",
        "Actin",
        "preview: Objects",
        "Objects (live)",
    ]
    assert viewer.layers["preview: Objects"] is first
    assert first.contour == 3
    assert viewer.layers.selection.active is viewer.layers["DAPI"]
    # previews are no images to work on
    assert list(LiveSource(viewer).scene().objects) == []
    layers.clear()
    assert len(viewer.layers) == 2


def test_stored_outlines_make_room_for_the_preview(viewer, computed):
    facts = {"experiment": "e", "objects": "Nuclei"}
    stored = viewer.add_labels(np.ones((60, 80), int), metadata={"tmaps": facts})
    layers = LiveLayers(viewer)
    scene, (whole, _) = computed("register_objects")
    layers.show(whole, scene)
    assert not stored.visible
    layers.clear()
    assert stored.visible  # as it was before
    layers.show(whole, scene)
    assert not stored.visible
    stored.visible = True  # who wants to see both may
    layers.show(whole, scene)
    assert stored.visible


def test_stored_outlines_that_were_hidden_before_stay_so(viewer, computed):
    facts = {"experiment": "e", "objects": "Nuclei"}
    stored = viewer.add_labels(np.ones((60, 80), int), metadata={"tmaps": facts}, visible=False)
    layers = LiveLayers(viewer)
    scene, (whole, _) = computed("register_objects")
    layers.show(whole, scene)
    layers.clear()
    assert not stored.visible


def test_ready_pipelines_fit_the_sample(viewer):
    scene = LiveSource(viewer).scene()
    pipeline = ready_pipelines()["nuclei_and_cells"]
    assert tune(pipeline, scene, "").problems == ()
