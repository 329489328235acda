"""What the viewer shows of an experiment: a site, a well or a plate, as the state says."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pandas as pd

from napari_tmaps.errors import NotFoundError, TmapsError
from napari_tmaps.gui.kept_layers import KeptLayers
from napari_tmaps.gui.layers import LayerTuple, features_of_site, mosaic_layers, row_of, site_layers
from napari_tmaps.gui.running import SiteObjects, object_layers
from napari_tmaps.gui.state import Choice, State, View
from napari_tmaps.gui.zarr_source import ZarrSource, experiment_source
from napari_tmaps.model.arrange import arrange
from napari_tmaps.store.experiment import Experiment

if TYPE_CHECKING:
    from napari.components import ViewerModel


class PlateView:
    """Layers of an experiment that follow a `State`.

    Parameters
    ----------
    viewer
        Works without a window, too.
    on_problem
        Gets a sentence for each image that cannot be read.
    """

    def __init__(self, viewer: ViewerModel, on_problem: Callable[[str], None]) -> None:
        self._viewer = viewer
        self._on_problem = on_problem
        self._layers = KeptLayers(viewer)
        self._experiment: Experiment | None = None
        self._source: ZarrSource | None = None
        self._shown: tuple[object, ...] = ()

    def open(self, experiment: Experiment | None) -> None:
        """Begin with another experiment, or with none."""
        self._layers.clear()
        self._experiment = experiment
        self.forget()

    def forget(self) -> None:
        """Read everything anew next time: the files have changed."""
        self._source, self._shown = None, ()

    def show(self, state: State) -> None:
        """Show what the state says; reads only what is not shown already.

        Raises
        ------
        TmapsError
            It cannot be read; nothing is shown then.
        """
        choice = state.choice
        place: dict[View, tuple[object, ...]] = {
            View.SITE: (choice.well, choice.site),
            View.WELL: (choice.well,),
            View.PLATE: (),
        }
        shown = (choice.plate, choice.view, *place[choice.view])
        if shown != self._shown:
            self._shown = shown
            try:
                self._layers.show(self._wanted(choice) if state.can_show else [])
            except TmapsError:
                self._layers.show([])
                raise
        elif choice.view is View.PLATE and state.can_show:
            self._look_at(choice)

    def try_out(self, found: SiteObjects) -> None:
        """Show what a pipeline found on the site that is shown."""
        self._layers.try_out(object_layers(self._plate(found.plate), found))

    def time_point(self, plate: str) -> int:
        """The time point that the user looks at."""
        if self._plate(plate).size_t == 1:
            return 0
        return int(self._viewer.dims.current_step[0])

    def _wanted(self, choice: Choice) -> list[LayerTuple]:
        source = self._plate(choice.plate)
        places = source.places
        if choice.view is View.SITE:
            row = row_of(places, choice.well, choice.site)
            assert row is not None, "the choice is one of the sites"
            if not source.has_image(row):
                raise NotFoundError(f"There is no image of {choice.well} site {choice.site}.")
            layers = site_layers(
                source,
                row,
                features=lambda name: self._features(choice, name),
                on_problem=self._on_problem,
            )
            # What was never recorded is no black image: it is not shown at all.
            lost = source.lost_channels(row)
            return [layer for layer in layers if layer[1]["name"] not in lost]
        if choice.view is View.WELL:
            places = places[places["well"] == choice.well]
        return mosaic_layers(source, places, on_problem=self._on_problem)

    def _look_at(self, choice: Choice) -> None:
        """Bring a well of the plate into the middle of the window."""
        source = self._plate(choice.plate)
        tiles = arrange(source.places, source.pixel_size_um[1:])
        own = (source.places["well"] == choice.well).to_numpy()
        size_y, size_x = (size or 1.0 for size in source.pixel_size_um[1:])
        y = (tiles.top + tiles.height / 2)[own].mean() * size_y
        x = (tiles.left + tiles.width / 2)[own].mean() * size_x
        self._viewer.scene.camera.center = (0.0, float(y), float(x))

    def _plate(self, plate: str) -> ZarrSource:
        assert self._experiment is not None, "an experiment is open"
        if self._source is None or self._source.facts["plate"] != plate:
            self._source = experiment_source(self._experiment, plate)
        return self._source

    def _features(self, choice: Choice, object_type: str) -> pd.DataFrame | None:
        assert self._experiment is not None, "an experiment is open"
        return features_of_site(
            self._experiment, choice.plate, choice.well, choice.site, object_type
        )
