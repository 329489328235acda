"""A change recomputes what is downstream of it, and nothing else."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest

from napari_tmaps.pipeline import Cache, check, iter_site, run_site
from napari_tmaps.pipeline.cache import array_key


@pytest.fixture
def run(modules, images, calls):
    """Run a pipeline with one cache; says how often each module was called."""
    cache = Cache()

    def run(description, **changed):
        calls.clear()
        result = run_site(check(description, modules=modules), {**images, **changed}, cache=cache)
        return result, dict(calls)

    return run


ALL = {"add": 1, "above": 1, "split": 1, "columns": 2, "register": 2, "measure": 3}


def test_nothing_changed_nothing_runs(run, description):
    first, called = run(description)
    assert called == ALL
    second, called = run(description)
    assert called == {}
    pd.testing.assert_frame_equal(first.tables["Cells"], second.tables["Cells"])
    np.testing.assert_array_equal(first.objects["Cells"], second.objects["Cells"])


CHANGES = [
    pytest.param(("- name: area\n", "- name: area\n  settings: {only_first: true}\n"),
                 {"measure": 1}, id="setting-of-the-last"),
    pytest.param(("- name: label_left\n", "- name: label_left\n  settings: {factor: 2}\n"),
                 {"columns": 1, "register": 1, "measure": 1}, id="setting-in-the-middle"),
    pytest.param(("- name: brighter\n", "- name: brighter\n  settings: {offset: 2}\n"),
                 ALL, id="setting-of-the-first"),
    pytest.param(("- name: brighter\n", "- name: brighter\n  settings: {offset: 1}\n"),
                 {}, id="default-stated"),
    pytest.param(("brighter", "lighter"), {}, id="step-renamed"),
    pytest.param(("- name: left_dapi\n", "- active: false\n  name: left_dapi\n"), {}, id="off"),
    pytest.param(("intensity_image: Alexa 488/GFP", "intensity_image: DAPI"),
                 {"measure": 1}, id="other-wire"),
]  # fmt: skip


@pytest.mark.parametrize(("edit", "called"), CHANGES)
def test_a_change_runs_only_what_is_downstream(run, description, edited, edit, called):
    run(description)
    changed = edited(edit)
    _result, calls = run(changed)
    assert calls == called
    assert run(description)[1] == {}  # going back finds the old results


def test_the_result_with_a_cache_is_the_result_without(run, modules, images, description, edited):
    run(description)
    changed = edited(("- name: brighter\n", "- name: brighter\n  settings: {offset: 30}\n"))
    with_cache, _ = run(changed)
    without = run_site(check(changed, modules=modules), images)
    pd.testing.assert_frame_equal(with_cache.tables["Cells"], without.tables["Cells"])


def test_a_changed_pixel_is_noticed(run, description, images):
    run(description)
    green = images["Alexa 488/GFP"].copy()
    green[1, 3] += 1
    assert run(description, **{"Alexa 488/GFP": green})[1] == {"measure": 1}


def test_an_image_changed_in_place_is_noticed(run, description, images):
    run(description)
    images["Alexa 488/GFP"][0, 0] = 100
    result, called = run(description)
    assert called == {"measure": 1}
    assert result.tables["Cells"].loc[1, "Intensity_sum_Alexa 488/GFP"] == 105


def test_steps_say_whether_they_were_cached(description, modules, images):
    cache = Cache()
    checked = check(description, modules=modules)
    run_site(checked, images, cache=cache, upto="halves")
    cached = [step.cached for step in iter_site(checked, images, cache=cache)]
    assert cached == [True] * 3 + [False] * 7


def test_a_table_that_is_changed_by_its_user_does_not_spoil_the_cache(run, description):
    first, _ = run(description)
    first.tables["Cells"]["Morphology_Area"] = 0.0
    first.tables["Cells"].iloc[0, 2] = 0.0
    second, called = run(description)
    assert called == {}
    assert second.tables["Cells"]["Morphology_Area"].tolist() == [2, 2, 1]


def test_the_key_of_an_array_is_its_content():
    array = np.arange(6, dtype=np.uint16).reshape(2, 3)
    assert array_key(array) == array_key(array.copy())
    assert array_key(array) == array_key(np.asfortranarray(array))
    others = [array.reshape(3, 2), array.astype(np.int16), array + 1, array[:, ::-1]]
    assert len({array_key(other) for other in [array, *others]}) == 5


def test_a_read_only_image_is_hashed_once(monkeypatch):
    hashed = []
    monkeypatch.setattr(
        "napari_tmaps.pipeline.cache.array_key", lambda array: hashed.append(array.shape) or "key"
    )
    cache = Cache()
    image = np.zeros((2, 3))
    cache.image_key(image)
    cache.image_key(image)
    assert len(hashed) == 2
    image.flags.writeable = False
    cache.image_key(image)
    cache.image_key(image)
    assert len(hashed) == 3
    view = np.zeros((2, 3))[:]  # somebody else may change it through its base
    view.flags.writeable = False
    cache.image_key(view)
    cache.image_key(view)
    assert len(hashed) == 5


def test_what_was_not_used_for_longest_goes_first():
    cache = Cache(max_bytes=300)
    values = {name: (np.zeros(100, np.uint8),) for name in "abcd"}
    for name in "abc":
        cache.put(name, values[name])
    assert cache.get("a") is values["a"]
    cache.put("d", values["d"])
    assert cache.get("b") is None
    assert [cache.get(name) is values[name] for name in "acd"] == [True, True, True]
    assert (len(cache), cache.nbytes) == (3, 300)
    cache.put("huge", (np.zeros(301, np.uint8),))
    assert cache.get("huge") is None
    assert len(cache) == 3
    cache.put("a", (np.zeros(1),))  # kept already
    assert cache.nbytes == 300
    cache.clear()
    assert (len(cache), cache.nbytes) == (0, 0)


def test_many_threads_share_one_cache():
    cache = Cache(max_bytes=5_000)

    def work(seed: int) -> None:
        for number in np.random.default_rng(seed).integers(0, 100, 300):
            found = cache.get(str(number))
            assert found is None or found[0][0] == number
            cache.put(str(number), (np.full(200, number, np.uint8),))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    assert cache.nbytes == 200 * len(cache) <= 5_000
