"""A viewer with two bright blocks, and the pipeline widget in its window."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from qtpy.QtCore import QStandardPaths
from tests.gui.pipeline.tuned import blocks

from napari_tmaps.gui.pipeline_widget import PipelineWidget


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where pipelines without an experiment are kept."""
    monkeypatch.setattr(QStandardPaths, "writableLocation", lambda place: str(tmp_path / "home"))
    return tmp_path / "home" / "napari-tmaps" / "pipelines"


@pytest.fixture
def viewer(make_viewer):
    viewer = make_viewer(show=False)
    viewer.add_image(blocks(), name="DAPI")
    return viewer


@pytest.fixture
def make_widget(viewer, qtbot) -> Callable[[], PipelineWidget]:
    def make() -> PipelineWidget:
        widget = PipelineWidget(viewer)
        viewer.window.add_dock_widget(widget, name="Pipeline")
        return widget

    return make


@pytest.fixture
def widget(make_widget):
    widget = make_widget()
    yield widget
    widget.close()
