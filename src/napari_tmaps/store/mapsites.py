"""Parts of sites as the map shows them at level 0: corrected, and moved into place."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from contextlib import closing
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from napari_tmaps.errors import FormatError, MissingError, NotFoundError
from napari_tmaps.model.recorded import shown_plane
from napari_tmaps.store.images import OriginalImage, SiteImage, StoredImage, open_readers
from napari_tmaps.store.mapplan import MapPlan, PlacedSite
from napari_tmaps.store.plan import image_plans, source_folders
from napari_tmaps.store.shifts import Window
from napari_tmaps.streams import ngff

if TYPE_CHECKING:
    from napari_tmaps.store.experiment import Experiment

Pixels = npt.NDArray[Any]
_KEPT = 256  # images of sites that stay open
_KEPT_PLANES = 8  # stacks of microscope files that stay in memory


class SiteReader:
    """Reads parts of sites, from any thread; what was opened last stays open.

    Parameters
    ----------
    settings
        Of the map: "align", and "corrected" channels.
    """

    def __init__(self, experiment: Experiment, plan: MapPlan, settings: Mapping[str, Any]) -> None:
        self._experiment = experiment
        self._plan = plan
        self._folder = experiment.plate(plan.plate)
        self._settings = settings
        self._images: OrderedDict[tuple[str, int, int], SiteImage | None] = OrderedDict()
        self._planes: OrderedDict[tuple[Any, ...], Pixels] = OrderedDict()
        self._lock = Lock()

    def pixels(
        self, site: PlacedSite, channel: Mapping[str, Any], t: int, z: int, y: slice, x: slice
    ) -> Pixels | None:
        """A part of a plane of a site, corrected and moved into place; None where it has none."""
        name, cycle = channel["name"], channel["cycle"]
        place = (self._plan.plate, site.well, site.site)
        shift = (0, 0)
        canvas = None
        window = self._experiment.shifts.window(*place) if self._settings["align"] else None
        if window is not None:
            canvas = np.zeros((y.stop - y.start, x.stop - x.start), np.dtype(self._plan.dtype))
            top, left = y.start, x.start
            y, x = _within(window, site, y, x)
            if y.stop <= y.start or x.stop <= x.start:
                return canvas
            corner = y.start - top, x.start - left
            shift = window.shifts.get(cycle, (0, 0))
        here = slice(y.start - shift[0], y.stop - shift[0])
        there = slice(x.start - shift[1], x.stop - shift[1])
        try:
            pixels = self._read(site, name, cycle, t, z, here, there)
        except (MissingError, NotFoundError, FormatError):
            return None  # told when the map was built; one bad site must not take the plate away
        if pixels is None:
            return None
        if name in self._settings["corrected"]:
            field = self._experiment.illumination.field(name, *place, cycle, t)
            pixels = field.correct(pixels, here, there)
        if canvas is None:
            return pixels
        canvas[corner[0] : corner[0] + pixels.shape[0], corner[1] : corner[1] + pixels.shape[1]] = (
            pixels
        )
        return canvas

    def _read(
        self, site: PlacedSite, channel: str, cycle: int, t: int, z: int, y: slice, x: slice
    ) -> Pixels | None:
        image = self._image(site.well, site.site, cycle)
        if image is None or t >= image.times:
            return None
        names = [item.name for item in image.channels]
        if channel not in names:
            return None
        c, own = names.index(channel), image.z_of(channel)
        number = shown_plane(own, z)
        if number is None:
            return None
        if isinstance(image, StoredImage):
            if (t, c, own[number]) in image.info.missing:
                return None
            return image.parts.part(t, c, own[number], y, x)
        key = (site.well, site.site, cycle, channel, t)
        with self._lock:
            stack = self._planes.get(key)
        if stack is None:
            with closing(image):  # files of the microscope do not stay open
                stack = image.read_channel(channel, t)
            with self._lock:
                self._planes[key] = stack
                while len(self._planes) > _KEPT_PLANES:
                    self._planes.popitem(last=False)
        plane: Pixels = stack[number]
        return plane[y, x]

    def _image(self, well: str, site: int, cycle: int) -> SiteImage | None:
        key = (well, site, cycle)
        with self._lock:
            if key in self._images:
                self._images.move_to_end(key)
                return self._images[key]
        image: SiteImage | None = None
        try:
            image = self._folder.image(well, site, cycle)
        except NotFoundError:
            for plan in image_plans(self._experiment, [(self._plan.plate, well, site)]):
                if plan["cycle"] == cycle:
                    image = OriginalImage(plan, open_readers(source_folders(self._experiment)))
        with self._lock:
            self._images[key] = image
            while len(self._images) > _KEPT:
                self._images.popitem(last=False)
        return image

    def labels(
        self, site: PlacedSite, object_type: str, t: int, z: int, y: slice, x: slice
    ) -> Pixels | None:
        try:
            array = ngff.read_parts(self._folder.labels_path(site.well, site.site, object_type))[0]
        except (NotFoundError, FormatError):
            return None
        if t >= array.shape[0] or z >= array.shape[2]:
            return None
        return array.part(t, 0, z, y, x)


def _within(window: Window, site: PlacedSite, y: slice, x: slice) -> tuple[slice, slice]:
    """Rows and columns of a site that all its cycles have."""
    top, bottom, left, right = window.margins
    return (
        slice(max(y.start, top), min(y.stop, site.height - bottom)),
        slice(max(x.start, left), min(x.stop, site.width - right)),
    )
