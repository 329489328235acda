"""What the viewer shows of an experiment: a site, a well or plates, as the state says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from napari_tmaps.errors import FormatError, NotFoundError, TmapsError
from napari_tmaps.gui.blocks import Blocks, Reading
from napari_tmaps.gui.desk import ObjectColours
from napari_tmaps.gui.kept_layers import KeptLayers
from napari_tmaps.gui.layers import LayerTuple, features_of_site, mosaic_layers, row_of, site_layers
from napari_tmaps.gui.map_coloured import Colouring
from napari_tmaps.gui.map_colours import NumberedLabels, numbered
from napari_tmaps.gui.map_picture import MapPicture, Place
from napari_tmaps.gui.map_pixels import PLAIN, pixel_settings, prepared_stacks
from napari_tmaps.gui.map_status import MapStatus
from napari_tmaps.gui.mosaic import Mosaic
from napari_tmaps.gui.parts import AfterPicture
from napari_tmaps.gui.running import SiteObjects, object_layers
from napari_tmaps.gui.state import Choice, State, View
from napari_tmaps.gui.vendor_source import VendorSource, in_place_source
from napari_tmaps.gui.zarr_source import ZarrSource, experiment_source
from napari_tmaps.model.arrange import arrange
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.store.mapplan import plan_map, stride_of
from napari_tmaps.streams.mounts import ComingError

if TYPE_CHECKING:
    from napari.components import ViewerModel

_WHOLE = (View.PLATE, View.PLATES)
_MARKS = "marks"
_MARKS_MS = 30
_NAME_PX = 30
"""Pixels of the screen that the name of a well takes."""


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
        self._reading = Reading(on_problem)
        self._on_problem = self._reading.problem
        self._layers = KeptLayers(viewer)
        self._experiment: Experiment | None = None
        self._sources: dict[str, ZarrSource] = {}
        self._originals: dict[tuple[str, str], VendorSource] = {}
        self._picture: MapPicture | None = None
        self._shown: tuple[object, ...] = ()
        self._choice = Choice()
        self._colouring: Colouring | None = None
        self._results: dict[str, Colouring] = {}
        self._marks = AfterPicture(self._reading, _MARKS_MS, self.mark)
        self._fitted: tuple[object, ...] = ()
        self.status = MapStatus(viewer, self.place_at, self._features_at)
        self._reading.fresh.connect(self._layers.refresh_waiting)
        viewer.scene.camera.events.zoom.connect(self._fit_names)
        viewer.canvas.events.size.connect(self._fit)

    def open(self, experiment: Experiment | None) -> None:
        """Begin with another experiment, or with none."""
        self._marks.stop()
        self._layers.clear()
        self._reading.drop()
        self._experiment = experiment
        self._colouring, self._results = None, {}
        self.forget()

    def close(self) -> None:
        """Leave the viewer alone."""
        self.status.close()
        self._viewer.scene.camera.events.zoom.disconnect(self._fit_names)
        self._viewer.canvas.events.size.disconnect(self._fit)
        self._layers.close()

    def forget(self) -> None:
        """Read everything anew next time: the files have changed."""
        self._sources, self._picture, self._shown = {}, None, ()
        self._originals = {}
        self.status.forget()

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
            View.PLATES: (),
        }
        plate = "" if choice.view is View.PLATES else choice.plate
        shown = (plate, choice.view, choice.pixels, *place[choice.view])
        self._choice = choice
        self._show(shown, state)
        self._fit_names()

    def _show(self, shown: tuple[object, ...], state: State) -> None:
        """Show it, unless it is shown already."""
        choice = state.choice
        if shown != self._shown:
            self._shown = shown
            try:
                if self._layers.show(self._wanted(choice) if state.can_show else []):
                    self._fitted = self._camera()
                self._layers.grey(self._colouring is not None)
                if self._picture is not None and not self._layers.has(_MARKS):
                    self._marks.start()  # napari takes half as long for these two as for images
            except TmapsError as error:
                self._shown = ()
                if not isinstance(error, ComingError):  # until it has come the one before stays
                    self._layers.show([])
                raise
        elif self._picture is not None and state.can_show:
            center = self._picture.center_of(choice.plate, choice.well, choice.site)
            if center is not None:
                self._viewer.scene.camera.center = (0.0, *center)

    def _fit(self, _event: object = None) -> None:
        """What filled the canvas fills it in its new size: controls of other layers are wider."""
        if self._camera() == self._fitted:  # nobody has looked elsewhere
            self._viewer.reset_view(reset_camera_angle=False)
            self._fitted = self._camera()

    def _camera(self) -> tuple[object, ...]:
        camera = self._viewer.scene.camera
        return camera.zoom, tuple(camera.center)

    def _fit_names(self, _event: object = None) -> None:
        """Show the names of wells where they have room."""
        zoom = float(self._viewer.scene.camera.zoom)
        for layer in self._viewer.layers:
            room = layer.metadata.get("tmaps", {}).get("room")
            if room is not None:
                layer.text.visible = room * zoom >= _NAME_PX

    def mark(self) -> None:
        """Show frames and names of wells now; else they come once the picture was drawn."""
        self._marks.stop()
        if self._picture is not None:
            self._layers.extra(_MARKS, self._picture.mark_layers())
            self._fit_names()

    def try_out(self, found: SiteObjects) -> None:
        """Show what a pipeline found on the site that is shown."""
        self._layers.try_out(object_layers(self._source(found.plate, found.well), found))
        self._layers.grey(self._colouring is not None)

    def times(self, plate: str) -> int:
        """How many time points the images have that the user looks at."""
        if self._picture is not None:
            return self._picture.source.size_t
        return self._source(plate, self._choice.well).size_t

    def time_point(self, plate: str) -> int:
        """The time point that the user looks at."""
        return 0 if self.times(plate) == 1 else int(self._viewer.dims.current_step[0])

    def watch_time(self, changed: Callable[[], None]) -> None:
        """Call this whenever the user looks at another time point, or may."""
        self._viewer.dims.events.current_step.connect(changed)

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user must know of the picture, one sentence each."""
        return () if self._picture is None else tuple(self._picture.notes)

    @property
    def lacks_map(self) -> bool:
        """Whether a whole plate is shown whose map would be worth building."""
        return self._picture is not None and self._picture.lacks_map

    def place_at(self, y: float, x: float) -> Place | None:
        """The site at a point of the world; None where there is none."""
        if self._experiment is None or not self._shown:
            return None
        if self._picture is not None:
            return self._picture.place_at(y, x)
        choice = self._choice
        if choice.view is View.SITE:
            return Place(choice.plate, choice.well, choice.site)
        source = self._source(choice.plate, choice.well)
        places = source.places[source.places["well"] == choice.well]
        tiles = arrange(places, source.pixel_size_um[1:])
        size_y, size_x = (size or 1.0 for size in source.pixel_size_um[1:])
        inside = (tiles.top <= y / size_y) & (y / size_y < tiles.top + tiles.height)
        inside &= (tiles.left <= x / size_x) & (x / size_x < tiles.left + tiles.width)
        found = places["site"].to_numpy()[inside]
        return Place(choice.plate, choice.well, int(found[-1])) if len(found) else None

    def position_of(self, place: Place, pixel: tuple[float, float]) -> tuple[float, float] | None:
        """Where a pixel (y, x) of a site lies in the world; None if the site is not shown."""
        choice = self._choice
        if self._experiment is None or not self._shown:
            return None
        if self._picture is not None:
            return self._picture.position_of(place, pixel)
        if place.plate != choice.plate or place.well != choice.well:
            return None
        source = self._source(choice.plate, choice.well)
        here = source.places[source.places["well"] == choice.well]
        if choice.view is View.SITE:
            here = here[here["site"] == choice.site]
        rows = np.flatnonzero(here["site"] == place.site)
        if not len(rows):
            return None
        tiles = arrange(here, source.pixel_size_um[1:])
        corner = source.corner_um if len(source.places) == 1 else (0.0, 0.0)
        tops = (int(tiles.top[rows[0]]), int(tiles.left[rows[0]]))
        y, x = (
            start + (top + at) * (size or 1.0)
            for start, top, at, size in zip(
                corner, tops, pixel, source.pixel_size_um[1:], strict=True
            )
        )
        return y, x

    def colour(self, colours: ObjectColours | None) -> None:
        """Colour the objects of a type; None takes the colours away."""
        self._colouring = None if colours is None else Colouring(colours, before=self._colouring)
        choice = self._choice
        if self._experiment is not None and self._shown:
            self._layers.extra("values", self._coloured_layers(choice))
            self._layers.grey(self._colouring is not None)

    def show_results(self, results: Mapping[str, ObjectColours]) -> None:
        """Show exactly these results over the objects, by their names."""
        known = self._results
        self._results = {
            name: known[name]
            if name in known and known[name].colours is colours
            else Colouring(colours, name)
            for name, colours in results.items()
        }
        if self._experiment is not None and self._shown:
            self._layers.extra("result", self._result_layers(self._choice))

    def _result_layers(self, choice: Choice) -> list[LayerTuple]:
        return [layer for each in self._results.values() for layer in self._layers_of(each, choice)]

    def show_cycle(self, cycle: int) -> None:
        """Show the channels of a staining cycle (from 0) alone; -1: those of all cycles."""
        if self._experiment is None:
            return
        table = self._experiment.catalogue.channels()
        self._layers.only(None if cycle < 0 else set(table["name"][table["cycle"] == cycle]))

    def _coloured_layers(self, choice: Choice) -> list[LayerTuple]:
        return [] if self._colouring is None else self._layers_of(self._colouring, choice)

    def _layers_of(self, colouring: Colouring, choice: Choice) -> list[LayerTuple]:
        object_type = colouring.colours.object_type
        if self._picture is not None:
            parts = self._picture.labels_of(object_type)
            return colouring.layers(self._picture.source, parts, self._picture.join)
        source = self._source(choice.plate, choice.well)
        if object_type not in source.object_types:
            return []
        places = source.places
        sites = list(zip(places["well"].astype(str), places["site"].astype(int), strict=True))
        here = places[places["well"] == choice.well]
        if choice.view is View.SITE:
            here = here[here["site"] == choice.site]
        stride = stride_of(len(sites))
        mosaic = Mosaic(
            numbered(source.labels(object_type), stride),
            arrange(here, source.pixel_size_um[1:]),
            source.size_t,
            source.size_z,
            self._on_problem,
        )
        labels = Blocks(mosaic, self._reading)
        return colouring.layers(source, [NumberedLabels(choice.plate, labels, sites, stride)])

    def _wanted(self, choice: Choice) -> list[LayerTuple]:
        self._picture = None
        if choice.view in _WHOLE:
            return self._whole(choice)
        source = self._source(choice.plate, choice.well)
        places = source.places
        if isinstance(source, VendorSource):
            if choice.view is View.SITE:
                places = places[places["site"] == choice.site]
            return mosaic_layers(source, places, on_problem=self._on_problem, reading=self._reading)
        ready = self._prepared(choice)
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
                ready=ready,
                reading=self._reading,
            )
            # What was never recorded is no black image: it is not shown at all.
            lost = source.lost_channels(row)
            layers = [layer for layer in layers if layer[1]["name"] not in lost]
        else:
            here = places[places["well"] == choice.well]
            layers = mosaic_layers(
                source, here, on_problem=self._on_problem, ready=ready, reading=self._reading
            )
        return [*layers, *self._coloured_layers(choice), *self._result_layers(choice)]

    def _prepared(self, choice: Choice) -> Mapping[str, Any]:
        """Channels as they are corrected and aligned; empty where they are shown as recorded."""
        assert self._experiment is not None, "an experiment is open"
        settings = pixel_settings(self._experiment, choice.plate, choice.pixels)
        if settings == PLAIN:
            return {}
        plan = plan_map(self._experiment, choice.plate)
        return prepared_stacks(self._experiment, plan, settings)

    def _whole(self, choice: Choice) -> list[LayerTuple]:
        """One plate, or all of them side by side."""
        assert self._experiment is not None, "an experiment is open"
        plates = [choice.plate]
        if choice.view is View.PLATES:
            plates = self._experiment.plate_names()
        sources = []
        for plate in plates:
            try:
                sources.append(self._plate(plate))
            except NotFoundError as error:  # a plate that is not converted yet is left out
                self._on_problem(str(error))
        if not sources:
            raise NotFoundError(
                "No plate has a picture of the whole yet: its images are read in place, or not "
                "converted. Press Convert; single sites and wells show without."
            )
        picture = MapPicture(
            self._experiment, sources, choice.pixels, self._on_problem, self._reading
        )
        layers = mosaic_layers(
            picture.source,
            picture.source.places,
            on_problem=self._on_problem,
            ready=picture.planes(),
            contrast=picture.contrast(),
        )
        stride = picture.parts[0].plan.stride
        for _, properties, kind in layers:
            if kind == "labels":
                properties["metadata"]["tmaps"]["stride"] = stride
        self._picture = picture
        layers += [*self._coloured_layers(choice), *self._result_layers(choice)]
        if self._layers.has(_MARKS):
            layers += picture.mark_layers()
        return layers

    def _source(self, plate: str, well: str) -> ZarrSource | VendorSource:
        """The plate; or a well of the microscope's files, where it was not converted."""
        assert self._experiment is not None, "an experiment is open"
        key = plate, well
        if key not in self._originals:
            try:
                found = self._plate(plate)
            except NotFoundError:
                self._originals[key] = in_place_source(self._experiment, plate, well)
            else:
                mine = found.places.index[found.places["well"] == well]
                if any(found.has_image(int(row)) for row in mine):
                    return found
                self._originals[key] = in_place_source(self._experiment, plate, well)
        return self._originals[key]

    def _plate(self, plate: str) -> ZarrSource:
        assert self._experiment is not None, "an experiment is open"
        if plate not in self._sources:
            self._sources[plate] = experiment_source(self._experiment, plate)
        return self._sources[plate]

    def _features_at(self, place: Place, object_type: str, t: int) -> pd.DataFrame | None:
        if self._experiment is None or object_type not in self._experiment.features.object_types():
            return None
        table = self._experiment.features.read_site(
            object_type, place.plate, place.well, place.site
        )
        now = table[table.index.get_level_values("t") == t]
        return now.droplevel(["plate", "well", "site", "t"]).select_dtypes("number")

    def _features(self, choice: Choice, object_type: str) -> pd.DataFrame | None:
        assert self._experiment is not None, "an experiment is open"
        try:
            return features_of_site(
                self._experiment, choice.plate, choice.well, choice.site, object_type
            )
        except FormatError as error:  # damaged numbers are no reason to show no images
            self._on_problem(str(error))
            return None
