"""The window from a notebook or script."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from napari_tmaps.client.address import is_address
from napari_tmaps.gui.arrangement import open_tissuemaps, show_widget
from napari_tmaps.gui.experiment_widget import ExperimentWidget
from napari_tmaps.gui.state import Choice
from napari_tmaps.store.experiment import Experiment

if TYPE_CHECKING:
    import napari


def launch(
    experiment: Experiment | str | Path | None = None, *, show: bool = True
) -> napari.Viewer:
    """Open napari with the widgets of the plugin, and return at once.

    In a notebook, run `%gui qt` first (Jupyter with a desktop); in a script, end with
    `napari.run()`.

    Parameters
    ----------
    experiment
        Folder of an experiment, its address on a server, or an open one; None shows the start
        page.
    show
        False to show the window later, with `viewer.show()`.

    Returns
    -------
    napari.Viewer
        The viewer; its layers follow the Experiment widget.

    Raises
    ------
    NotFoundError
        There is no experiment there; no window is opened.

    Examples
    --------
    >>> viewer = napari_tmaps.launch("screen.tmaps")  # doctest: +SKIP
    """
    import napari

    path = experiment.path if isinstance(experiment, Experiment) else experiment
    if path is not None and not is_address(path):
        Experiment.open(path).close()
    viewer = napari.Viewer(title="napari-tmaps", show=show)
    open_tissuemaps(viewer)
    if path is not None:
        widget = show_widget(viewer, "Experiment")
        assert isinstance(widget, ExperimentWidget)
        widget.setValue(Choice(experiment=str(path)))
    return viewer
