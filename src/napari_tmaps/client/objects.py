"""Calls about objects: their types, features and places, and objects that are sent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_tmaps.client.arrays import packed
from napari_tmaps.client.calls import Calls, id_of, place_of
from napari_tmaps.client.ids import encode
from napari_tmaps.errors import InputError


class ObjectCalls(Calls):
    """Downloads and sends objects."""

    def get_mapobject_types(self) -> list[dict[str, Any]]:
        """Object types with the numbers of their objects and features."""
        return self._list("mapobject_types")

    def create_mapobject_type(self, name: str) -> None:
        """Make an object type, to send objects to."""
        self.session.json("POST", f"{self._address()}/mapobject_types", body={"name": name})

    def delete_mapobject_type(self, name: str) -> None:
        """Delete objects that were sent, with all that was measured of them."""
        self.session.json("DELETE", self._type(name))

    def rename_mapobject_type(self, name: str, new_name: str) -> None:
        """Give objects that were sent another name."""
        self.session.json("PUT", self._type(name), body={"name": new_name})

    def get_features(self, mapobject_type: str) -> list[dict[str, Any]]:
        """Features of an object type."""
        rows: list[dict[str, Any]] = self._get(f"{self._type(mapobject_type)}/features")
        return rows

    def rename_feature(self, mapobject_type: str, name: str, new_name: str) -> None:
        """Give a feature that was sent another name."""
        self.session.json("PUT", self._feature(mapobject_type, name), body={"name": new_name})

    def delete_feature(self, mapobject_type: str, name: str) -> None:
        """Delete a feature that was sent, of all objects."""
        self.session.json("DELETE", self._feature(mapobject_type, name))

    def _feature(self, mapobject_type: str, name: str) -> str:
        number = id_of("feature", self.get_features(mapobject_type), name)
        return f"{self._address()}/features/{number}"

    def get_mapobject(self, mapobject_type: str, mapobject_id: int) -> dict[str, Any]:
        """Where an object lies: plate, well, place in the well, time point, label."""
        address = f"{self._address()}/mapobjects/{encode(mapobject_type, mapobject_id)}/info"
        found: dict[str, Any] = self._get(address)
        return found

    def download_object_feature_values(
        self, mapobject_type: str, plate_name: str = "", well_name: str = ""
    ) -> pd.DataFrame:
        """Features of all objects of a type, index mapobject_id."""
        return self._table(mapobject_type, "feature-values", plate_name, well_name)

    download_feature_values = download_object_feature_values

    def download_object_metadata(
        self, mapobject_type: str, plate_name: str = "", well_name: str = ""
    ) -> pd.DataFrame:
        """Where all objects of a type lie, and their labels; index mapobject_id."""
        return self._table(mapobject_type, "metadata", plate_name, well_name)

    def _table(self, name: str, what: str, plate_name: str, well_name: str) -> pd.DataFrame:
        query = {"plate_name": plate_name, "well_name": well_name}
        with self.session.open("GET", f"{self._type(name)}/{what}", query=query) as answer:
            return pd.read_csv(answer, index_col="mapobject_id")

    def download_feature_values_and_metadata_files(
        self, mapobject_type: str, directory: str | Path | None = None
    ) -> list[Path]:
        """Features and places as two CSV files in a folder."""
        address = self._type(mapobject_type)
        return [
            self._save(f"{address}/{what}", {}, directory)
            for what in ("feature-values", "metadata")
        ]

    def upload_segmentation_image(
        self,
        mapobject_type: str,
        plate_name: str,
        well_name: str,
        well_pos_x: int,
        well_pos_y: int,
        image: npt.NDArray[Any],
        tpoint: int = 0,
    ) -> int:
        """Send the objects of a site: labels (y, x) or (z, y, x); returns how many they are.

        Those that were there are replaced.
        """
        answer = self.session.json(
            "POST",
            f"{self._type(mapobject_type)}/segmentations",
            body={
                **place_of(plate_name, well_name, well_pos_x, well_pos_y, tpoint),
                "image": packed(np.asarray(image)),
            },
        )
        return int(answer["objects"])

    def upload_segmentation_image_file(
        self,
        mapobject_type: str,
        plate_name: str,
        well_name: str,
        well_pos_x: int,
        well_pos_y: int,
        path: str | Path,
        tpoint: int = 0,
    ) -> int:
        """The same from a file, PNG or TIFF, whose pixels are labels.

        Raises
        ------
        InputError
            It is no such picture.
        """
        import imagecodecs

        try:
            image = imagecodecs.imread(str(path))
        except (OSError, ValueError) as error:
            raise InputError(f"'{path}' cannot be read as a picture: {error}.") from error
        return self.upload_segmentation_image(
            mapobject_type, plate_name, well_name, well_pos_x, well_pos_y, image, tpoint
        )

    def upload_feature_value_file(
        self,
        mapobject_type: str,
        plate_name: str,
        well_name: str,
        well_pos_x: int,
        well_pos_y: int,
        path: str | Path,
        index_col: str = "label",
        tpoint: int = 0,
    ) -> None:
        """Send a CSV of what was measured of objects of a site: a row each.

        Parameters
        ----------
        index_col
            Column of the labels.

        Raises
        ------
        InputError
            It is no such table.
        """
        try:
            values = pd.read_csv(path, index_col=index_col)
        except (OSError, ValueError) as error:
            raise InputError(f"'{path}' has no column '{index_col}': {error}.") from error
        self.upload_feature_values(
            mapobject_type, plate_name, well_name, well_pos_x, well_pos_y, values, tpoint
        )

    def upload_feature_values(
        self,
        mapobject_type: str,
        plate_name: str,
        well_name: str,
        well_pos_x: int,
        well_pos_y: int,
        values: pd.DataFrame,
        tpoint: int = 0,
    ) -> None:
        """Send what was measured of objects of a site: a row each, index label."""
        rows = values.astype(object).where(values.notna(), None)
        self.session.json(
            "POST",
            f"{self._type(mapobject_type)}/feature-values",
            body={
                **place_of(plate_name, well_name, well_pos_x, well_pos_y, tpoint),
                "names": [str(name) for name in values.columns],
                "labels": [int(label) for label in values.index],
                "values": rows.to_numpy().tolist(),
            },
        )
