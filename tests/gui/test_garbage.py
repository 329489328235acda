"""The search for garbage, which holds the window, is short; and what is removed is forgotten."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from napari_tmaps.gui import garbage
from napari_tmaps.gui.kept_layers import KeptLayers


@pytest.fixture(autouse=True)
def searches(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """How many objects each search goes through, as it does for a user."""
    monkeypatch.setattr(garbage, "gc", gc)
    found: list[int] = []

    def count(phase: str, info: dict[str, int]) -> None:
        if phase == "start" and info["generation"] == 2:
            found.append(len(gc.get_objects()))

    gc.unfreeze()
    gc.collect()
    gc.callbacks.append(count)
    yield found
    gc.callbacks.remove(count)
    gc.unfreeze()


def preview(name: str, shape: tuple[int, int] = (8, 8)) -> tuple[Any, dict[str, Any], str]:
    properties = {
        "name": name,
        "scale": (1.0, 1.0),
        "translate": (0.0, 0.0),
        "multiscale": False,
        "metadata": {"tmaps": {"preview": True, "stored": False}},
    }
    return np.zeros(shape, np.uint8), properties, "labels"


def test_previews_come_and_go_without_a_search_through_everything(
    make_viewer: Callable[..., Any], searches: list[int]
) -> None:
    viewer = make_viewer()
    layers = KeptLayers(viewer)
    layers.try_out([preview("a"), preview("b")])
    everything = gc.get_freeze_count()
    searches.clear()
    layers.try_out([preview("a")])
    layers.clear()
    gc.collect()  # as Python does now and then
    assert len(searches) >= 3
    assert max(searches) < everything / 4


def test_all_is_searched_where_somebody_removes_a_layer(
    make_viewer: Callable[..., Any], searches: list[int]
) -> None:
    viewer = make_viewer()
    viewer.add_image(np.zeros((8, 8)), name="large")
    layers = KeptLayers(viewer)
    layers.try_out([preview("a")])
    everything = gc.get_freeze_count()
    searches.clear()
    viewer.layers.remove("large")  # napari searches for what it held
    assert layers.layer("labels", "a") is not None
    assert max(searches) > everything / 2


def test_all_is_searched_again_when_nothing_more_is_shown(make_viewer: Callable[..., Any]) -> None:
    layers = KeptLayers(make_viewer())
    layers.try_out([preview("a")])
    assert gc.get_freeze_count()
    layers.clear()
    layers.close()
    assert not gc.get_freeze_count()


def test_layers_that_are_only_added_are_no_reason_to_search(
    make_viewer: Callable[..., Any], searches: list[int]
) -> None:
    layers = KeptLayers(make_viewer())
    layers.show([preview("a"), preview("b")])
    layers.clear()
    gc.unfreeze()
    searches.clear()
    layers.show([preview("a"), preview("b"), preview("c")])
    assert max(searches, default=0) < gc.get_freeze_count() / 4
