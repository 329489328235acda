"""Pictures of steps, trials on several sites and with several values."""

from __future__ import annotations

import numpy as np
import pytest

from napari_tmaps.errors import MissingError
from napari_tmaps.model.pipeline import PipelineDescription
from napari_tmaps.modules import MODULES
from napari_tmaps.modules.describe import describe
from napari_tmaps.pipeline import check, edit, run_site
from napari_tmaps.pipeline.figure import OUTLINE_RGB, grey, outlined, step_picture
from napari_tmaps.pipeline.trials import Trial, run_trials, sweep, sweep_values


def image(*sizes: int) -> np.ndarray:
    """One bright square for each size, side by side."""
    found = np.full((60, 200), 10, np.uint16)
    for n, size in enumerate(sizes):
        found[5 : 5 + size, 5 + 40 * n : 5 + 40 * n + size] = 500
    return found


def blocks(*modules) -> PipelineDescription:
    pipeline = edit.set_channels(PipelineDescription(), [("DAPI", False)])
    for module in ("threshold_manual", "register_objects", *modules):
        pipeline, _ = edit.add_step(pipeline, module)
    return pipeline


def trial(title, *sizes, pipeline=None):
    return Trial(title, check(pipeline or blocks()), lambda: ({"DAPI": image(*sizes)}, {}))


def test_outlines_lie_on_the_image():
    labels = np.zeros((6, 6), int)
    labels[2:4, 2:4] = 7
    picture = outlined(np.arange(36).reshape(6, 6), labels)
    edge = np.all(picture == OUTLINE_RGB, axis=2)
    assert edge.sum() == 7
    assert not edge[0].any()
    assert picture.dtype == np.uint8


def test_grey_uses_the_whole_range():
    picture = grey(np.arange(1000, dtype=np.uint16).reshape(20, 50) + 300)
    assert (picture.min(), picture.max()) == (0, 255)
    assert grey(np.full((4, 4), 9)).max() == 0


def test_pictures_of_steps():
    checked = check(blocks("measure_intensity"))
    images = {"DAPI": image(20)}
    items = {**images, **run_site(checked, images, keep=True).items}
    mask, objects, measured = (step_picture(checked, step, items) for step in checked.steps)
    assert mask.shape == (60, 200, 3)
    np.testing.assert_array_equal(objects, mask)
    np.testing.assert_array_equal(measured, objects)  # what was measured
    small = step_picture(checked, checked.steps[0], items, size_px=50)
    assert small.shape == (15, 50, 3)


def test_picture_of_a_stack_is_its_middle():
    pipeline = edit.set_channels(PipelineDescription(), [("DAPI", False)])
    pipeline, _ = edit.add_step(pipeline, "invert")
    checked = check(pipeline)
    made = {"invert.inverted_image": np.zeros((3, 20, 30), np.uint16)}
    assert step_picture(checked, checked.steps[0], made).shape == (20, 30, 3)


def test_trials_on_sites():
    def lost():
        raise MissingError("The image was never recorded.")

    found = list(run_trials([trial("a", 20, 10), Trial("b", check(blocks()), lost), trial("c", 5)]))
    assert [each.trial.title for each in found] == ["a", "b", "c"]
    assert [each.count for each in found] == [2, None, 1]
    assert found[0].table is not None
    assert sorted(found[0].table["area (px)"]) == [100, 400]
    assert "never recorded" in found[1].error
    assert found[1].picture is None


def test_trials_tell_a_feature():
    pipeline = blocks("measure_intensity")
    (found,) = run_trials([trial("a", 20, 10, pipeline=pipeline)])
    assert found.table is not None
    assert list(found.table["Intensity_mean_DAPI"]) == [500, 500]


def test_a_mask_is_not_counted():
    pipeline = edit.remove_step(blocks(), "register_objects")
    (found,) = run_trials([trial("a", 20, pipeline=pipeline)])
    assert found.count is None
    assert found.picture is not None


def setting(module, name):
    return next(each for each in describe(MODULES[module]).settings if each.name == name)


@pytest.mark.parametrize(
    ("module", "name", "value", "expected"),
    [
        pytest.param("label", "connectivity", 8, [4, 8], id="choices"),
        pytest.param("separate_clumps", "trimming", True, [False, True], id="switch"),
        pytest.param("smooth", "filter_size", 1, [1, 2], id="small"),
        pytest.param(
            "threshold_manual",
            "threshold",
            100.0,
            [50, 59.5, 70.7, 84.1, 100, 119, 141, 168, 200],
            id="float",
        ),
        pytest.param(
            "threshold_adaptive", "kernel_size", 11, [5, 7, 9, 11, 13, 15, 19, 21, 23], id="odd"
        ),
        pytest.param(
            "threshold_manual", "threshold", 65535.0, [32800, 39000, 46300, 55100, 65535], id="end"
        ),
    ],
)
def test_values_of_a_sweep(module, name, value, expected):
    found = sweep_values(setting(module, name), value)
    if name == "kernel_size":
        assert all(each % 2 for each in found)
        assert value in found
        assert found[0] >= 5
    else:
        assert found == expected


def test_sweep():
    trials = sweep(
        blocks(),
        "threshold_manual",
        "threshold",
        [100.0, -3.0, 600.0],
        lambda pipeline: (
            check(pipeline) if pipeline.pipeline[0].settings["threshold"] > 0 else None
        ),
        lambda: ({"DAPI": image(20)}, {}),
    )
    assert [(each.trial.title, each.count) for each in run_trials(trials)] == [
        ("100", 1),
        ("600", 0),
    ]
