"""One well of a microscope's files as a source, read in place."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from threading import Lock
from typing import Any
from weakref import finalize

import numpy as np
import numpy.typing as npt

from napari_tmaps.errors import FormatError, MissingError, NotFoundError
from napari_tmaps.gui.mosaic import Stack
from napari_tmaps.gui.sources import contrast_of, spread
from napari_tmaps.model.layout import GridSettings, site_table
from napari_tmaps.model.planes import Scan
from napari_tmaps.model.recorded import shown_plane
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.vendors.pixels import PlaneReader

_REMEMBERED_BYTES = 256 * 2**20
_SAMPLED = 4


def in_place_source(experiment: Experiment, plate: str, well: str) -> VendorSource:
    """A well of an experiment as the microscope wrote it, before or without conversion.

    Raises
    ------
    NotFoundError
        The plate has no image of that well.
    """
    table = experiment.catalogue.acquisitions()
    row: Any = next(iter(table[table["plate"] == plate].to_dict("records")), None)
    if row is None:
        raise NotFoundError(f"Plate '{plate}' has no acquisition yet. Add a microscope folder.")
    facts = row["facts"]
    found = Scan(
        vendor=row["vendor"],
        root=Path(row["root"]),
        planes=experiment.catalogue.source_planes(acquisition=int(row["id"])),
        channels=tuple(experiment.channels()),
        pixel_size_um=tuple(size) if (size := facts.get("pixel_size_um")) else None,
        z_step_um=facts.get("z_step_um"),
        reader=row["reader"],
    )
    return VendorSource(found, well=well)


class VendorSource:
    """The sites of one well as the microscope wrote them; see sources.Source.

    Parameters
    ----------
    scan
        Of vendors.scan.
    well, plate
        By default the first well of the first plate that has images.

    Raises
    ------
    NotFoundError
        There is no image at all, or not in that well.
    """

    def __init__(self, scan: Scan, well: str | None = None, plate: str | None = None) -> None:
        planes = scan.planes[~scan.planes["missing"]]
        planes = planes[planes["plate"] == plate] if plate is not None else planes
        planes = planes[planes["well"] == well] if well is not None else planes
        if planes.empty:
            raise NotFoundError(
                f"'{scan.root}' has no image"
                + (f" of well {well}." if well else ". Check that the files were copied whole.")
            )
        first = planes.iloc[0]
        self.plate, self.well = str(first["plate"]), str(first["well"])
        own = (planes["plate"] == self.plate) & (planes["well"] == self.well)
        planes = planes[own & (planes["cycle"] == first["cycle"])]
        pixel = scan.pixel_size_um or (None, None)
        sites, _ = site_table(
            planes.assign(pixel_y_um=pixel[0] or np.nan, pixel_x_um=pixel[1] or np.nan),
            GridSettings(),
        )
        known = {
            (int(row.site), row.channel, int(row.t), int(row.z)): (
                str(row.path),
                int(row.series),
                int(row.page),
            )
            for row in planes.itertuples()
        }
        self._recorded = {
            str(name): (sorted(set(own["z"].tolist())), sorted(set(own["t"].tolist())))
            for name, own in planes.groupby("channel")
        }
        self._planes: Mapping[tuple[int, Any, int, int], tuple[str, int, int]] = known
        self._reader = PlaneReader(scan.root, scan.reader)
        # Files stay open while layers show them, and are given back with the last of those.
        finalize(self, self._reader.close)
        self._recent: OrderedDict[tuple[str, int, int], npt.NDArray[Any]] = OrderedDict()
        self._lock = Lock()
        used = set(planes["channel"])
        self.channels = tuple(channel for channel in scan.channels if channel.name in used)
        self.object_types: tuple[str, ...] = ()
        self.name = f"{self.plate} {self.well}".strip()
        self.size_t, self.size_z = int(planes["t"].max()) + 1, int(planes["z"].max()) + 1
        self.pixel_size_um = (scan.z_step_um, *pixel)
        self.time_step_s: float | None = None
        self.corner_um = (0.0, 0.0)
        self.facts: Mapping[str, Any] = {
            "path": str(scan.root),
            "vendor": scan.vendor,
            "plate": self.plate,
            "well": self.well,
        }
        example = next(iter(known))
        plane = self._plane(*example)
        assert plane is not None, "the example is one of the planes"
        self._dtype = plane.dtype
        # Sizes that the scan could not tell are those of the first plane.
        for axis, length in (("height", plane.shape[0]), ("width", plane.shape[1])):
            sites[axis] = sites[axis].where(sites[axis] > 0, length)
        self.places = sites.drop(columns="plate")

    def _plane(self, site: int, channel: str, t: int, z: int) -> npt.NDArray[Any] | None:
        """A whole plane; kept for a while, since a view that pans asks for it again and again."""
        key = self._planes.get((site, channel, t, z))
        if key is None:
            return None
        with self._lock:
            plane = self._recent.get(key)
            if plane is not None:
                self._recent.move_to_end(key)
                return plane
        plane = self._reader.read(*key)
        with self._lock:
            self._recent[key] = plane
            while sum(item.nbytes for item in self._recent.values()) > _REMEMBERED_BYTES:
                self._recent.popitem(last=False)
        return plane

    def image(self, channel: int) -> Stack:
        """Pixels of a channel."""
        name = self.channels[channel].name
        sites = self.places["site"].astype(int).to_list()

        own = self.z_of(channel)

        def read(
            place: int, level: int, t: int, z: int, y: slice, x: slice
        ) -> npt.NDArray[Any] | None:
            number = shown_plane(own, z)
            plane = None if number is None else self._plane(sites[place], name, t, own[number])
            return None if plane is None else plane[y, x]

        return Stack(self._dtype, ((1, 1),), read)

    def z_of(self, channel: int) -> list[int]:
        """See sources.Source."""
        return self._recorded[self.channels[channel].name][0]

    def t_of(self, channel: int) -> list[int]:
        """See sources.Source."""
        return self._recorded[self.channels[channel].name][1]

    def labels(self, object_type: str) -> Stack:
        """Microscopes write no labels.

        Raises
        ------
        NotFoundError
            Always.
        """
        raise NotFoundError(f"Microscope files have no labels of '{object_type}'.")

    def contrast(self, channel: int) -> tuple[float, float]:
        """Intensities to show as black and as full colour, from some of the planes."""
        name = self.channels[channel].name
        own = self.z_of(channel)
        keys = sorted(key for key in self._planes if key[1] == name)
        middle = [key for key in keys if key[3] == own[len(own) // 2]] or keys
        pixels = []
        for n in spread(len(middle), _SAMPLED):
            try:
                plane = self._plane(*middle[n])
            except (FormatError, MissingError):
                continue
            if plane is not None:
                pixels.append(plane[::4, ::4])
        return contrast_of(pixels)
