"""Crops of objects as files for machine learning, with a table that says what each is."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from napari_tmaps.errors import ExistsError, InputError
from napari_tmaps.model.progress import Progress
from napari_tmaps.store.crops import crops
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.store.feature_table import FeatureTable, Mask
from napari_tmaps.store.features import INDEX
from napari_tmaps.streams.atomic import disk_errors, replacing

MANIFEST = "manifest.csv"
Format = Literal["tiff", "npy"]


def write_crops(
    experiment: Experiment,
    table: FeatureTable,
    folder: Path,
    *,
    size_px: int = 64,
    channels: Sequence[str] = (),
    columns: Sequence[str] = (),
    rows: Mask | None = None,
    masked: bool = False,
    file_format: Format = "tiff",
) -> Generator[Progress, None, int]:
    """Write each object as a picture of its own.

        <folder>/manifest.csv                       file, plate, well, site, t, label, columns
        <folder>/<plate>/<well>/s1_t0_17.ome.tiff   c y x, and the mask as the last channel
        <folder>/<plate>/<well>/s1_t0_17.npy        the same

    Parameters
    ----------
    folder
        New or empty.
    size_px
        Side of a crop.
    channels
        All if none are named.
    columns
        Columns of the table that go into the manifest, e.g. classes.
    rows
        Only these objects.
    masked
        Pixels of other objects and of the background become 0.

    Returns
    -------
    int
        Number of crops.

    Raises
    ------
    ExistsError
        The folder holds something.
    InputError
        There are no objects, or another format.
    NotFoundError
        No such channel or column.
    StorageError
        The disk refuses; nothing half-written is left.
    """
    if file_format not in ("tiff", "npy"):
        raise InputError(f"Crops are written as tiff or npy, not '{file_format}'.")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ExistsError(f"'{folder}' exists and is not empty. Choose a new folder for the crops.")
    kept = np.arange(len(table)) if rows is None else np.flatnonzero(rows)
    if not kept.size:
        raise InputError("There are no such objects, so there is nothing to cut out.")
    about = table.frame([*INDEX, *columns], kept)
    names = tuple(channels) or tuple(channel.name for channel in experiment.channels())
    files: dict[int, str] = {}
    with (
        replacing(folder) as temporary,
        disk_errors(folder),
        closing(
            crops(experiment, table.object_type, about[INDEX], size_px=size_px, channels=names)
        ) as cut,
    ):
        temporary.mkdir(parents=True)
        for crop in cut:
            plate, well, site, t, label = about.loc[crop.number, INDEX]
            name = f"{plate}/{well}/s{site}_t{t}_{label}"
            mask = crop.mask
            pixels = np.where(mask, crop.pixels, 0) if masked else crop.pixels
            whole = np.concatenate([pixels, mask[np.newaxis].astype(pixels.dtype)])
            path = temporary / (name + (".npy" if file_format == "npy" else ".ome.tiff"))
            path.parent.mkdir(parents=True, exist_ok=True)
            if file_format == "npy":
                np.save(path, whole)
            else:
                _write_tiff(path, whole, [*names, "mask"])
            files[crop.number] = path.relative_to(temporary).as_posix()
            if len(files) % 100 == 0:
                yield Progress("crops", len(files), len(about))
        found = about.loc[sorted(files)]
        found.insert(0, "file", pd.Series(files))
        found.to_csv(temporary / MANIFEST, index=False)
    yield Progress("crops", len(files), len(about))
    return len(files)


def _write_tiff(path: Path, pixels: np.ndarray, channels: Sequence[str]) -> None:
    import tifffile

    tifffile.imwrite(
        path,
        pixels,
        ome=True,
        photometric="minisblack",
        metadata={"axes": "CYX", "Channel": {"Name": list(channels)}},
    )
