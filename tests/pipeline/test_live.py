"""Previews while a pipeline is tuned: parts agree with the whole, the newest request wins."""

from __future__ import annotations

from dataclasses import replace
from threading import Event

import numpy as np
import pytest

from napari_tmaps.measure.agreement import object_f1
from napari_tmaps.model.pipeline import PipelineDescription
from napari_tmaps.model.wells import WellName
from napari_tmaps.pipeline import Cache, check, ready_pipelines, run_site
from napari_tmaps.pipeline.live import LivePipeline, Preview, Request
from napari_tmaps.pipeline.reach import REACHES, margin, used_threshold
from napari_tmaps.pipeline.region import iter_region
from napari_tmaps.sample.field import fields

VIEW = (slice(150, 350), slice(100, 360))


@pytest.fixture(scope="module")
def images():
    """A site of the sample plate, larger than the view with its margin."""
    (site,) = fields(WellName.parse("B02"), 1, 640, 0)
    found = {name: image.copy() for name, image in site.images.items()}
    for image in found.values():
        image.flags.writeable = False
    return found


@pytest.fixture(scope="module")
def ready():
    return ready_pipelines()["nuclei_and_cells"]


def with_setting(pipeline: PipelineDescription, name: str, **settings) -> PipelineDescription:
    calls = tuple(
        call.model_copy(update={"settings": {**call.settings, **settings}})
        if call.name == name
        else call
        for call in pipeline.pipeline
    )
    return pipeline.model_copy(update={"pipeline": calls})


def run_part(checked, images, upto, cache, view=VIEW):
    steps = iter_region(checked, images, {}, view, upto=upto, cache=cache)
    ran = []
    while True:
        try:
            ran.append(next(steps))
        except StopIteration as end:
            return ran, end.value


SAME = [  # steps whose pixels do not depend on how objects are numbered
    "smooth_nuclei",
    "threshold_nuclei",
    "fill_nuclei",
    "smooth_cells",
]


@pytest.mark.parametrize("upto", SAME)
def test_part_equals_the_whole(images, ready, upto):
    checked = check(ready)
    whole = run_site(checked, images, keep=True).items
    _, part = run_part(checked, images, upto, Cache())
    for item, values in part.values.items():
        np.testing.assert_array_equal(values, whole[item][VIEW])


@pytest.mark.parametrize("upto", ["register_nuclei", "segment_cells", "register_cytoplasm"])
def test_objects_of_a_part_are_those_of_the_whole(images, ready, upto):
    checked = check(ready)
    whole = run_site(checked, images, keep=True).items
    _, part = run_part(checked, images, upto, Cache())
    for item, values in part.values.items():
        # the same objects, maybe under other numbers
        assert object_f1(whole[item][VIEW], values, iou=0.95).f1 == 1


def test_a_number_of_a_large_site_is_estimated_from_strips_of_it(ready):
    (site,) = fields(WellName.parse("B02"), 1, 1100, 0)
    images = {name: image.copy() for name, image in site.images.items()}
    checked = check(ready)
    view = (slice(500, 700), slice(400, 700))
    ran, part = run_part(checked, images, "segment_cells", Cache(), view)
    assert "smooth_nuclei" in ran
    (cells,) = part.values.values()
    whole = run_site(checked, images, keep=True).items["segment_cells.secondary_label_image"]
    assert object_f1(whole[view], cells, iou=0.75).f1 > 0.97
    # the smoothed site was not made, so a later run does not find it
    cache = Cache()
    run_part(checked, images, "fill_nuclei", cache, view)
    assert cache.nbytes < 1000  # but the number


def test_what_is_known_is_not_computed_again(images, ready):
    cache = Cache()
    run_site(check(ready), images, cache=cache)
    changed = check(with_setting(ready, "threshold_nuclei", correction_factor=1.2))
    ran, part = run_part(changed, images, "fill_nuclei", cache)
    assert ran == ["threshold_nuclei", "fill_nuclei"]
    np.testing.assert_array_equal(
        part.values["fill_nuclei.filled_mask"],
        run_site(changed, images, keep=True).items["fill_nuclei.filled_mask"][VIEW],
    )
    ran, part = run_part(check(ready), images, "fill_nuclei", cache)
    assert (ran, part) == ([], None)  # nothing to gain: the whole site is known


def test_a_step_that_sees_everything_runs_on_the_whole_site(images, ready):
    calls = list(ready.pipeline)
    at = next(n for n, call in enumerate(calls) if call.name == "threshold_nuclei")
    calls[at] = calls[at].model_copy(update={"module": "threshold_adaptive", "settings": {}})
    checked = check(ready.model_copy(update={"pipeline": tuple(calls)}))
    cache = Cache()
    assert "threshold_adaptive" not in REACHES
    ran, part = run_part(checked, images, "fill_nuclei", cache)
    assert ran == ["smooth_nuclei", "threshold_nuclei", "fill_nuclei"]
    whole = run_site(checked, images, keep=True).items
    np.testing.assert_array_equal(
        part.values["fill_nuclei.filled_mask"], whole["fill_nuclei.filled_mask"][VIEW]
    )
    _, part = run_part(checked, images, "threshold_nuclei", Cache())
    assert part is None


def test_view_at_the_corner(images, ready):
    checked = check(ready)
    corner = (slice(440, 640), slice(0, 130))
    _, part = run_part(checked, images, "fill_nuclei", Cache(), corner)
    whole = run_site(checked, images, keep=True).items["fill_nuclei.filled_mask"]
    np.testing.assert_array_equal(part.values["fill_nuclei.filled_mask"], whole[corner])


def test_margin(ready):
    sized = with_setting(ready, "smooth_nuclei", filter_size=2)
    steps = {
        step.name: step for step in check(with_setting(sized, "smooth_cells", filter_size=1)).steps
    }
    smooth, beside = steps["smooth_nuclei"], steps["smooth_cells"]
    assert margin([]) == 0
    assert margin([smooth, steps["threshold_nuclei"]]) == 4 * 2 + 1
    assert margin([smooth, steps["threshold_nuclei"], steps["fill_nuclei"]]) == 9 + 64
    assert margin([smooth, beside, steps["segment_cells"]]) == 9 + 64  # neither follows the other
    again = replace(beside, inputs={"image": next(iter(smooth.outputs.values()))})
    assert margin([smooth, again]) == 9 + 5


def test_every_listed_module_exists():
    from napari_tmaps.modules import MODULES

    assert set(REACHES) <= set(MODULES)


def test_used_threshold():
    image = np.array([[10, 10, 200, 200]], np.uint16)
    limits = {"min_threshold": 0, "max_threshold": 65535}
    assert used_threshold("threshold_manual", {"threshold": 7}, image) == 7
    found = used_threshold("threshold_otsu", {"correction_factor": 1.0, **limits}, image)
    assert 10 <= found < 200
    high = {"correction_factor": 100.0, "min_threshold": 0, "max_threshold": 150}
    assert used_threshold("threshold_otsu", high, image) == 150
    assert used_threshold("label", {}, image) is None
    contrast = {**limits, "contrast_threshold": 50}
    assert used_threshold("segment_secondary", contrast, image) is None


class Shown(list):
    def __call__(self, preview: Preview) -> None:
        self.append(preview)


@pytest.fixture
def live():
    shown = Shown()
    pipeline = LivePipeline(shown)
    yield pipeline, shown
    pipeline.close()


def test_part_then_whole_then_the_rest(live, images, ready):
    pipeline, shown = live
    number = pipeline.show(Request(check(ready), images, "threshold_nuclei", view=VIEW))
    assert pipeline.wait()
    part, whole, end = shown
    assert {preview.number for preview in shown} == {number}
    assert part.view == VIEW
    assert whole.view is None
    item = "threshold_nuclei.mask"
    np.testing.assert_array_equal(part.values[item], whole.values[item][VIEW])
    smooth = run_site(check(ready), images, keep=True).items["smooth_nuclei.smoothed_image"]
    np.testing.assert_array_equal(whole.values[item], smooth > whole.threshold)
    assert list(end.result.tables) == ["Nuclei", "Cells", "Cytoplasm"]
    assert len(end.result.tables["Nuclei"]) > 50


def test_only_the_step_when_that_is_all_that_is_wanted(live, images, ready):
    pipeline, shown = live
    pipeline.show(Request(check(ready), images, "fill_nuclei", finish=False))
    assert pipeline.wait()
    (preview,) = shown  # and no result, which a reader would take for one without objects
    assert list(preview.values) == ["fill_nuclei.filled_mask"]
    assert preview.result is None


def test_ten_fast_changes_compute_the_first_and_the_last(images, ready):
    begun, go_on = Event(), Event()
    shown = Shown()

    def hold(preview: Preview) -> None:
        shown(preview)
        begun.set()
        go_on.wait(60)

    pipeline = LivePipeline(hold)
    try:
        for n in range(10):
            changed = check(with_setting(ready, "threshold_nuclei", correction_factor=1 + n / 10))
            last = pipeline.show(Request(changed, images, "threshold_nuclei", finish=False))
            assert begun.wait(60)  # the first is being shown while the others come
        go_on.set()
        assert pipeline.wait()
    finally:
        go_on.set()
        pipeline.close()
    numbers = [preview.number for preview in shown]
    assert sorted(set(numbers)) == [1, last]


def test_an_error_names_its_step(live, images, ready):
    pipeline, shown = live
    broken = check(with_setting(ready, "threshold_nuclei", min_threshold=900, max_threshold=100))
    pipeline.show(Request(broken, images, "register_nuclei", view=VIEW))
    assert pipeline.wait()
    (failed,) = shown
    assert failed.step.name == "threshold_nuclei"
    assert "'min_threshold' is 900.0" in failed.error
    pipeline.show(Request(check(ready), images, "smooth_nuclei", finish=False))
    assert pipeline.wait()
    assert not shown[-1].error  # it goes on after an error


def test_a_channel_that_is_missing(live, images, ready):
    pipeline, shown = live
    pipeline.show(Request(check(ready), {"DAPI": images["DAPI"]}, "smooth_nuclei"))
    assert pipeline.wait()
    assert "'Actin'" in shown[0].error


def test_cancel_and_close(images, ready):
    shown = Shown()
    pipeline = LivePipeline(shown, max_bytes=2**20)
    pipeline.show(Request(check(ready), images, "register_nuclei"))
    pipeline.cancel()
    assert pipeline.wait()
    assert all(preview.result is None for preview in shown)
    assert pipeline.cache.nbytes <= 2**20
    pipeline.close()
    pipeline.close()
