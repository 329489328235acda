"""The napari window with an experiment, opened for a person or drawn into a picture."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_tmaps.gui.experiment_widget import ExperimentWidget
from napari_tmaps.gui.state import Choice, View
from napari_tmaps.store.experiment import Experiment

if TYPE_CHECKING:
    import napari

_SHOWN_UM = 110.0
"""Height of the part of a site that fills the picture, so that single cells are seen."""


def open_window(
    experiment_path: Path | str, view: View = View.SITE
) -> tuple[napari.Viewer, ExperimentWidget]:
    """The napari window with the experiment and its dock widget.

    Raises
    ------
    NotFoundError
        There is no experiment.
    """
    import napari

    # The widget would say it in place; here it is better said before a window opens.
    Experiment.open(experiment_path).close()
    viewer = napari.Viewer(title="napari-tmaps", show=False)
    widget = dock_widget(viewer)
    widget.setValue(Choice(experiment=str(experiment_path), view=view))
    return viewer, widget


def dock_widget(viewer: napari.Viewer) -> ExperimentWidget:
    """Show the dock widget Experiment in a window."""
    _, widget = viewer.window.add_plugin_dock_widget("napari-tmaps", "TissueMAPS: Experiment")
    assert isinstance(widget, ExperimentWidget)
    return widget


def draw_window(
    experiment_path: Path | str, png_path: Path | str, size: tuple[int, int] = (1366, 768)
) -> None:
    """Draw the window with a site of the experiment and its objects into a picture.

    Parameters
    ----------
    size
        Width and height in pixels.

    Raises
    ------
    NotFoundError
        There is no experiment.
    StorageError
        The picture cannot be written.
    """
    from napari_tmaps.streams.atomic import disk_errors

    viewer, widget = open_window(experiment_path)
    try:
        viewer.show()
        viewer.window.resize(*size)
        _settle()
        zoom_to_cells(viewer)
        _settle()
        path = Path(png_path)
        with disk_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            viewer.window.screenshot(str(path), canvas_only=False, flash=False)
    finally:
        widget.close_experiment()
        viewer.close()
        _settle()


def zoom_to_cells(viewer: napari.Viewer) -> None:
    """Look at so small a part of the picture that single cells are seen."""
    viewer.reset_view()
    low, high = viewer.layers.extent.world[:, -2:]
    viewer.scene.camera.zoom *= max(1.0, float(high[0] - low[0]) / _SHOWN_UM)


def _settle() -> None:
    """Let Qt do what is due, e.g. draw."""
    from qtpy.QtWidgets import QApplication

    app: Any = QApplication.instance()
    for _ in range(20):
        app.processEvents()
