"""The files of the sample plate."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy.typing as npt

from napari_tmaps.model.wells import WellName
from napari_tmaps.sample.field import CONDITIONS, Field, condition_of, illumination
from napari_tmaps.sample.index import CHANNELS, PIXEL_UM, TITLE, Picture, index_files
from napari_tmaps.sample.microscope import OFFSET
from napari_tmaps.sample.truth import object_table
from napari_tmaps.streams.atomic import disk_errors

if TYPE_CHECKING:
    import pandas as pd


class SampleFiles:
    """Writes the files of a sample plate.

    Attributes
    ----------
    sizes
        Bytes of each file written, by its path in the folder.
    """

    def __init__(self, folder: Path) -> None:
        self.sizes: dict[str, int] = {}
        self._folder = folder
        self._pictures: list[Picture] = []
        self._tables: dict[str, list[pd.DataFrame]] = {"nuclei": [], "cells": []}

    def add(self, field: Field) -> None:
        """Write the images of a field and its true labels."""
        for stain, pixels in field.images.items():
            picture = field.pictures[stain]
            self._tiff(f"acquisition/{picture.name}", pixels)
            self._pictures.append(picture)
        for name, labels in (("nuclei", field.nuclei), ("cells", field.cells)):
            path = f"ground_truth/labels/{field.well}_F{field.site:03d}_{name}.tif"
            self._tiff(path, labels, compression="zlib")
            table = object_table(labels, field.light)
            table.insert(0, "well", str(field.well))
            table.insert(1, "site", field.site)
            self._tables[name].append(table)

    def finish(self, settings: Mapping[str, Any]) -> None:
        """Write what is known of the whole plate, and the index of the microscope."""
        import pandas as pd

        size = settings["size"]
        tables = {name: pd.concat(parts) for name, parts in self._tables.items()}
        for name, table in tables.items():
            self._csv(f"ground_truth/{name}.csv", table)
        wells = [WellName.parse(well) for well in settings["wells"]]
        plate_map = [(str(well), condition_of(well).name) for well in wells]
        self._csv(
            "ground_truth/plate_map.csv", pd.DataFrame(plate_map, columns=["well", "condition"])
        )
        for light in CHANNELS:
            path = f"ground_truth/illumination_C{light.number:02d}.tif"
            self._tiff(path, illumination(light.stain, size), compression="zlib")
        self._text("ground_truth/truth.json", json.dumps(_facts(settings, tables), indent=2) + "\n")
        for name, content in index_files(self._pictures, size).items():
            self._write(f"acquisition/{name}", content)

    def _tiff(self, name: str, pixels: npt.NDArray[Any], compression: str | None = None) -> None:
        import tifffile

        buffer = io.BytesIO()
        tifffile.imwrite(
            buffer, pixels, photometric="minisblack", metadata=None, compression=compression
        )
        self._write(name, buffer.getvalue())

    def _csv(self, name: str, table: pd.DataFrame) -> None:
        self._text(name, table.to_csv(index=False, float_format="%.3f", lineterminator="\n"))

    def _text(self, name: str, text: str) -> None:
        self._write(name, text.encode())

    def _write(self, name: str, content: bytes) -> None:
        path = self._folder / name
        with disk_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        self.sizes[name] = len(content)


def _facts(settings: Mapping[str, Any], tables: Mapping[str, pd.DataFrame]) -> dict[str, Any]:
    return {
        "plate": TITLE,
        **settings,
        "pixel_size_um": PIXEL_UM,
        "camera_offset": OFFSET,
        "channels": {f"C{light.number:02d}": light.stain for light in CHANNELS},
        "conditions": {
            condition.name: {"cells": condition.cells, "actin": condition.actin}
            for condition in CONDITIONS
        },
        "objects": {name: len(table) for name, table in tables.items()},
        "nuclei_per_site": _counts(settings["wells"], settings["sites"], tables["nuclei"]),
    }


def _counts(wells: Iterable[str], sites: int, nuclei: pd.DataFrame) -> dict[str, list[int]]:
    counts = nuclei.groupby(["well", "site"]).size()
    return {
        well: [int(counts.get((well, site), 0)) for site in range(1, sites + 1)] for well in wells
    }
