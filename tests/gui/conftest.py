"""Fixtures of the window's tests."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from napari.components import ViewerModel
from tests.gui.plate import HAS_SCREEN, PIPELINE, make_experiment

from napari_tmaps.gui import blocks, garbage
from napari_tmaps.gui.experiment_widget import ExperimentWidget
from napari_tmaps.store.experiment import Experiment

_PATIENCE_MS = 120_000


@pytest.fixture(scope="session")
def experiment_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A converted experiment, only to be read."""
    return make_experiment(tmp_path_factory.mktemp("plate"))


@pytest.fixture
def experiment(experiment_path: Path) -> Iterator[Experiment]:
    """The experiment, open."""
    with Experiment.open(experiment_path) as opened:
        yield opened


@pytest.fixture(scope="module", autouse=True)
def short_collections() -> Iterator[None]:
    """Garbage is not looked for in all libraries, which took half a second for each experiment."""
    gc.collect()
    gc.freeze()
    ours = SimpleNamespace(collect=gc.collect, freeze=lambda: None, unfreeze=lambda: None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(garbage, "gc", ours)
        yield


@pytest.fixture(autouse=True)
def own_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test begins with an empty list of experiments."""
    monkeypatch.setenv("TMAPS_CONFIG", str(tmp_path / "settings"))


@pytest.fixture(autouse=True)
def patient_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    """Frames wait for their pixels, however busy the machine is; test_blocks has them go on."""
    monkeypatch.setattr(blocks, "_PATIENCE_S", 60.0)


@pytest.fixture
def qtbot(qtbot: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Widgets are there until they are closed: garbage is taken apart in any order, which ends Qt.

    pytest-qt itself keeps them no longer than the test does. Waiting takes its time, too, however
    busy the machine is.
    """
    kept: list[Any] = []
    add = qtbot.addWidget

    def keep(widget: Any, **options: Any) -> None:
        kept.append(widget)
        add(widget, **options)

    monkeypatch.setattr(qtbot, "addWidget", keep)
    for wait in ("waitUntil", "waitSignal"):
        monkeypatch.setattr(qtbot, wait, partial(getattr(qtbot, wait), timeout=_PATIENCE_MS))
    return qtbot


@pytest.fixture
def widget(qtbot: Any) -> Iterator[ExperimentWidget]:
    """The Experiment widget with nothing open; tests of other widgets have their own."""
    viewer = ViewerModel()
    widget = ExperimentWidget(viewer)
    widget.viewer = viewer
    qtbot.addWidget(widget)
    widget.show()
    yield widget
    qtbot.waitUntil(lambda: not widget.is_busy)
    widget.close_experiment()


@pytest.fixture
def make_viewer(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """Makes napari viewers with a window."""
    if not HAS_SCREEN:
        pytest.skip("needs a screen: run the tests with xvfb-run -a")
    factory: Callable[..., Any] = request.getfixturevalue("make_napari_viewer")
    return factory


@pytest.fixture
def own_experiment(tmp_path: Path) -> Path:
    """A converted experiment of its own, with a pipeline that finds one object a site."""
    path = make_experiment(tmp_path, lost=(("B02", 2, "Actin"),))
    (path / "pipelines").mkdir(exist_ok=True)
    (path / "pipelines" / "blocks.yaml").write_text(PIPELINE)
    return path
