"""Calls about the layout, and about pixels: of channels, of objects, of the map."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_tmaps.client.calls import Calls, place_of


class ImageCalls(Calls):
    """Asks what lies where, and downloads it."""

    def get_cycles(self) -> list[dict[str, Any]]:
        """Staining cycles."""
        return self._list("cycles")

    def get_wells(self, plate_name: str = "") -> list[dict[str, Any]]:
        """Wells that have sites."""
        return self._list("wells", plate_name=plate_name)

    def describe_well(
        self, plate_name: str, well_name: str, description: dict[str, str | float | None]
    ) -> None:
        """Say what is in a well: columns of the plate map; None takes a value away."""
        address = self._find("well", "wells", well_name, plate_name=plate_name)
        self.session.json("PUT", address, body={"description": description})

    def get_sites(self, plate_name: str = "", well_name: str = "") -> list[dict[str, Any]]:
        """Sites with their places."""
        return self._list("sites", plate_name=plate_name, well_name=well_name)

    def get_channels(self) -> list[dict[str, Any]]:
        """Channels."""
        return self._list("channels")

    def rename_channel(self, name: str, new_name: str) -> None:
        """Give a channel another name, in its images and pipelines, too."""
        address = self._find("channel", "channels", name)
        self.session.json("PUT", address, body={"name": new_name})

    def download_channel_image(
        self,
        channel_name: str,
        plate_name: str,
        well_name: str,
        well_pos_x: int = 0,
        well_pos_y: int = 0,
        cycle_index: int = 0,
        tpoint: int = 0,
        zplane: int = 0,
        correct: bool = True,
        align: bool = False,
    ) -> npt.NDArray[Any]:
        """Pixels (y, x) of a plane, in the original type.

        Parameters
        ----------
        correct
            With the illumination corrected (corilla has run).
        align
            Cut to what all cycles show (align has run).
        """
        address = self._find("channel", "channels", channel_name)
        query = _site(plate_name, well_name, well_pos_x, well_pos_y, tpoint, zplane, align)
        query |= {"cycle_index": cycle_index, "correct": correct}
        return self._raw(f"{address}/image-file", query)

    def download_channel_image_file(
        self,
        channel_name: str,
        plate_name: str,
        well_name: str,
        well_pos_x: int = 0,
        well_pos_y: int = 0,
        cycle_index: int = 0,
        tpoint: int = 0,
        zplane: int = 0,
        correct: bool = True,
        align: bool = False,
        directory: str | Path | None = None,
    ) -> Path:
        """The same as a PNG file in a folder, by default that for temporary files."""
        address = self._find("channel", "channels", channel_name)
        query = _site(plate_name, well_name, well_pos_x, well_pos_y, tpoint, zplane, align)
        query |= {"cycle_index": cycle_index, "correct": correct}
        return self._save(f"{address}/image-file", query, directory)

    def download_segmentation_image(
        self,
        mapobject_type: str,
        plate_name: str,
        well_name: str,
        well_pos_x: int = 0,
        well_pos_y: int = 0,
        tpoint: int = 0,
        zplane: int = 0,
        align: bool = False,
    ) -> npt.NDArray[np.int32]:
        """Labels (y, x) of a site, int32; 0 is background."""
        query = _site(plate_name, well_name, well_pos_x, well_pos_y, tpoint, zplane, align)
        return self._raw(f"{self._type(mapobject_type)}/segmentations", query)

    def download_segmentation_image_file(
        self,
        mapobject_type: str,
        plate_name: str,
        well_name: str,
        well_pos_x: int = 0,
        well_pos_y: int = 0,
        tpoint: int = 0,
        zplane: int = 0,
        align: bool = False,
        directory: str | Path | None = None,
    ) -> Path:
        """The same as a PNG file of 16 bit in a folder, by default that for temporary files."""
        query = _site(plate_name, well_name, well_pos_x, well_pos_y, tpoint, zplane, align)
        return self._save(f"{self._type(mapobject_type)}/segmentations", query, directory)

    def get_channel_layers(self, plate_name: str = "") -> list[dict[str, Any]]:
        """Layers of the map: plate, channel, size, zooms, contrast."""
        return self._list("channel_layers", plate_name=plate_name)

    def download_tile(self, layer_id: str, z: int, y: int, x: int) -> bytes:
        """A JPEG of 256 × 256 pixels of a layer; z 0 is the whole plate."""
        address = f"{self._address()}/channel_layers/{layer_id}/tiles"
        return self.session.fetch("GET", address, query={"x": x, "y": y, "z": z})

    def get_segmentation_layers(self, plate_name: str = "") -> list[dict[str, Any]]:
        """Layers of objects: plate, object type, from which zoom there are points and outlines."""
        return self._list("segmentation_layers", plate_name=plate_name)

    def download_outlines(
        self, layer_id: str, z: int, y: int, x: int, result_name: str = ""
    ) -> dict[str, Any]:
        """Objects of a tile as GeoJSON, in pixels x, y of the map at full size.

        Parameters
        ----------
        result_name
            Result of a tool, whose `value` each object has then.
        """
        tiles = "labeled_tiles" if result_name else "tiles"
        found: dict[str, Any] = self.session.json(
            "GET",
            f"{self._address()}/segmentation_layers/{layer_id}/{tiles}",
            query={"x": x, "y": y, "z": z, "result_name": result_name or None},
        )
        return found


def _site(
    plate_name: str,
    well_name: str,
    well_pos_x: int,
    well_pos_y: int,
    tpoint: int,
    zplane: int,
    align: bool,
) -> dict[str, Any]:
    place = place_of(plate_name, well_name, well_pos_x, well_pos_y, tpoint)
    return {**place, "zplane": zplane, "align": align}
