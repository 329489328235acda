"""A stream as OME-Zarr: one image, several side by side, or a plate of wells."""

from __future__ import annotations

import re
import threading
import warnings
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_tmaps.errors import FormatError, NotFoundError
from napari_tmaps.streams.acquisition import AcquisitionSettings
from napari_tmaps.streams.atomic import disk_errors, remove, write_json, write_text
from napari_tmaps.streams.blocks import common_tiles
from napari_tmaps.streams.describe import ome_image, started
from napari_tmaps.streams.ngff_groups import group_file, read_attributes, read_info
from napari_tmaps.streams.ngff_metadata import OURS
from napari_tmaps.streams.older import check_same, move_zarr_aside
from napari_tmaps.streams.omexml import OmeImage
from napari_tmaps.streams.omexml_writer import image_omexml
from napari_tmaps.streams.order import FrameOrder, Place
from napari_tmaps.streams.pyramid import halved
from napari_tmaps.streams.tiles import block_shape
from napari_tmaps.streams.workers import Buffers, Workers
from napari_tmaps.streams.zarr_images import ZarrImage, array_plans, make_sinks


def group_names(settings: AcquisitionSettings) -> list[str]:
    """Path of the image of each position within the OME-Zarr; "" is the root.

    Images side by side are numbered: that is how most programs look for them.
    """
    if settings.position_dimension_index is None:
        return [""]
    if settings.plate is None:
        return [str(number) for number in range(len(settings.positions))]
    names: list[str] = []
    for number, place in enumerate(settings.positions):
        name = re.sub(r"[^A-Za-z0-9_.-]+", "_", place.name).strip(".") or str(number)
        alike = [
            p
            for p in settings.positions
            if (p.name, *p.group[:2]) == (place.name, *place.group[:2])
        ]
        if place.grid_row is not None and len(alike) > 1:
            name += f"_{place.grid_row}_{place.grid_column}"
        path = f"{place.plate_row}/{place.plate_column}/{name}"
        names.append(path if path not in names else f"{path}_{number}")
    return names


class ZarrStream:
    """Writes all positions of a stream.

    Images of positions come into being with their first frame, so an interrupted stream has none
    that is empty.
    """

    def __init__(self, settings: AcquisitionSettings, order: FrameOrder, workers: Workers) -> None:
        self.root = Path(settings.output_path).absolute()
        self.settings = settings
        self.order = order
        self.workers = workers
        self.notes: dict[str, Any] = {}
        self.state: dict[str, Any] = {}
        self._acquired = started()
        self._names = group_names(settings)
        self._images: dict[int, ZarrImage] = {}
        self._listed = -1
        self._lock = threading.RLock()
        sinks = make_sinks(settings, self.root, order.stored_counts)
        block = sinks[0].block
        height, width = (dim.count or 1 for dim in settings.frame_dimensions)
        dtype = np.dtype(settings.dtype)
        self._buffers = Buffers(block_shape(block, (height, width), common_tiles(sinks)), dtype)
        self.frame_bytes = height * width * dtype.itemsize
        self.block_bytes = self.frame_bytes * int(np.prod(block, dtype=int))

    # -- beginning ------------------------------------------------------------------------------

    def create(self) -> None:
        """Make the root; an older stream steps aside if settings say so.

        Raises
        ------
        ExistsError
            Something is there that is not ours, or must not be replaced.
        """
        self._warm_up()
        old = move_zarr_aside(self.root, overwrite=self.settings.overwrite)
        try:
            with disk_errors(self.root):
                self.root.mkdir(parents=True)
            if self.settings.format.backend in ("zarrs-python", "acquire-zarr"):
                warnings.warn(
                    f"The backend '{self.settings.format.backend}' is not used here; the files "
                    "are written by napari-tmaps itself, and are the same.",
                    UserWarning,
                    stacklevel=4,
                )
            self._write_root()
        except BaseException:
            remove(self.root)
            if old is not None:
                old.rename(self.root)
            raise
        if old is not None:
            remove(old)

    def _warm_up(self) -> None:
        """Load libraries and compile now: it takes longer than a frame may wait to be readable."""
        import google_crc32c  # noqa: F401

        for plan in array_plans(self.settings, self.root):
            plan.describe([1] * (len(plan.names) - 2))
        if self.settings.levels > 1:
            halved(np.zeros((2, 2), self.settings.dtype))

    def resume(self) -> Mapping[str, Any]:
        """Take up an interrupted stream; returns its state.

        Raises
        ------
        FormatError
            There is no stream of ours, or one with other settings.
        """
        attributes = read_attributes(self.root)
        state = attributes.get(OURS, {}).get("stream")
        check_same(self.root, state, self.settings)
        self.notes = dict(state.get("global", {}))
        self._acquired = datetime.fromisoformat(state["acquired"])
        for leftover in self.root.rglob(".*.part"):
            remove(leftover)
        for position, name in enumerate(self._names):
            folder = self.root / name
            try:
                shape = read_info(folder).shape[:-2]
            except (NotFoundError, FormatError):
                continue
            self._image(position).restore(read_attributes(folder).get(OURS, {}), shape)
        return dict(state)

    def has(self, position: int, place: Place) -> bool:
        """Whether that frame is on the disk."""
        image = self._images.get(position)
        return image is not None and place in image.blocks.seen

    # -- frames ---------------------------------------------------------------------------------

    def write(
        self, position: int, place: Place, frame: npt.NDArray[Any], facts: dict[str, Any] | None
    ) -> None:
        """Take a frame."""
        image = self._image(position)
        image.blocks.write(place, frame)
        if facts:
            image.note(place, facts)

    def skip(self, position: int, place: Place) -> None:
        """There will be no frame there."""
        image = self._image(position)
        image.blocks.skip(place)
        image.changed = True

    def read(self, position: int, place: Place) -> npt.NDArray[Any] | None:
        """A frame that has come; None if it has not."""
        image = self._images.get(position)
        return None if image is None else image.read(place)

    def flush(self) -> None:
        """All that was written is readable from now on."""
        with self._lock, disk_errors(self.root):
            for image in list(self._images.values()):
                image.blocks.flush()
                if image.changed:
                    image.publish()
            self._write_root()

    def close(self) -> None:
        """Write what is left. The workers must be idle."""
        with self._lock, disk_errors(self.root):
            if not self._images and len(self._names) == 1:
                self._image(0)
            for image in self._images.values():
                image.blocks.close()
                image.write_attributes()
            self._write_root()

    # -- metadata -------------------------------------------------------------------------------

    def get_metadata(self) -> dict[str, dict[str, Any]]:
        """Attributes of each group, by its path; "" is the root."""
        with self._lock:
            found = {"": read_attributes(self.root)}
            for position, image in self._images.items():
                image.write_attributes()
                found[self._names[position]] = read_attributes(image.folder)
            return found

    def update_metadata(self, changes: Mapping[str, Mapping[str, Any]]) -> None:
        """Give groups further attributes.

        Raises
        ------
        NotFoundError
            There is no such group.
        """
        known = {self._names[position]: image for position, image in self._images.items()}
        for name, attributes in changes.items():
            others = {key: value for key, value in attributes.items() if key not in _KEPT}
            if name in known:
                known[name].write_attributes(others)
            elif name == "":
                self.notes |= others
                self._write_root()
            else:
                raise NotFoundError(
                    f"Unknown path '{name}'. The groups are: {', '.join(sorted(['', *known]))}."
                )

    def set_global(self, namespace: str, values: Any) -> None:
        """Facts of the whole stream."""
        with self._lock:
            self.notes[namespace] = values
            self._write_root()

    # -- the root -------------------------------------------------------------------------------

    def _image(self, position: int) -> ZarrImage:
        image = self._images.get(position)
        if image is None:
            image = ZarrImage(
                self.settings, self.order, position, self.root / self._names[position],
                self._buffers, self.workers,
            )  # fmt: skip
            with self._lock:
                self._images[position] = image
        return image

    def _state(self) -> dict[str, Any]:
        stored = self.settings.model_dump(mode="json", exclude={"overwrite", "root_path"})
        return {
            "settings": stored,
            "acquired": self._acquired.isoformat(),
            "global": self.notes,
            **self.state,
        }

    def _write_root(self) -> None:
        version = self.settings.format.version  # type: ignore[union-attr]
        state = {"stream": self._state()}
        if self._names == [""]:
            image = self._images.get(0)
            if image is not None:
                image.extra = state
                image.write_attributes(self.notes)
            else:
                write_json(*group_file(self.root, {OURS: state}, version, self.notes))
            return
        listed = sorted(self._images)
        if self.settings.plate is None:
            layout: dict[str, Any] = {"bioformats2raw.layout": 3}
            if len(listed) != self._listed:
                names = [self._names[position] for position in listed]
                write_json(*group_file(self.root / "OME", {"series": names}, version))
        else:
            layout = {"plate": self._plate(listed)}
            if len(listed) != self._listed:
                self._write_wells(listed)
        self._listed = len(listed)
        write_json(*group_file(self.root, layout | {OURS: state}, version, self.notes))
        if listed:
            write_text(self.root / "OME" / "METADATA.ome.xml", self._omexml(listed))

    def _omexml(self, listed: list[int]) -> str:
        images: list[OmeImage] = []
        for position in listed:
            image = self._images[position]
            shape = image.blocks.seen.shape
            described = ome_image(self.settings, position, shape, self._acquired)
            with image.lock:
                planes = tuple(
                    facts for place, facts in image.planes.items() if place in image.blocks.seen
                )
            images.append(replace(described, planes=planes))
        return image_omexml(*images, with_pixels=False)

    def _plate(self, listed: list[int]) -> dict[str, Any]:
        plate = self.settings.plate
        assert plate is not None
        places = [self.settings.positions[position] for position in listed]
        wells = {(item.plate_row or "", item.plate_column or "") for item in places}
        indexed = sorted(
            (plate.row_names.index(row), plate.column_names.index(column)) for row, column in wells
        )
        counts = [sum(item.group[:2] == well for item in places) for well in wells]
        return {
            "name": plate.name or self.root.name.split(".")[0],
            "rows": [{"name": name} for name in plate.row_names],
            "columns": [{"name": name} for name in plate.column_names],
            "wells": [
                {
                    "path": f"{plate.row_names[row]}/{plate.column_names[column]}",
                    "rowIndex": row,
                    "columnIndex": column,
                }
                for row, column in indexed
            ],
            "acquisitions": [{"id": 0, "maximumfieldcount": max(counts, default=1)}],
            "field_count": max(counts, default=1),
        }

    def _write_wells(self, listed: list[int]) -> None:
        version = self.settings.format.version  # type: ignore[union-attr]
        wells: dict[str, list[str]] = {}
        for position in listed:
            row, column, field = self._names[position].split("/")
            wells.setdefault(f"{row}/{column}", []).append(field)
        for path, fields in wells.items():
            images = [{"path": name, "acquisition": 0} for name in fields]
            folder = self.root / path
            write_json(*group_file(folder.parent, {}, version))
            write_json(*group_file(folder, {"well": {"images": images}}, version))


_KEPT = ("ome", "version", "multiscales", "omero", "plate", "well", "series",
         "bioformats2raw.layout", OURS)  # fmt: skip
"""Attributes that follow from settings and frames, and are not for others to change."""
