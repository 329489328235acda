"""Illumination fields of an experiment, in files that any program opens.

    illumination/index.json        which field is for which images
                /<channel>-<key>/  mean.tif, std.tif   of log10 of the images, raw (method "log")
                                   flat.tif, dark.tif  I' = (I - dark) / flat    (other methods)
                                   before.tif, after.tif  mean image without and with correction
                                   statistics.json, histogram.csv

Correction is applied when pixels are read; images are never changed.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from napari_tmaps.errors import FormatError, MissingError, StorageError
from napari_tmaps.measure.illumination import Field, FlatField, log_field, smooth
from napari_tmaps.streams.atomic import (
    disk_errors,
    hidden_beside,
    put_in_place,
    remove,
    write_json,
)
from napari_tmaps.streams.mounts import bring

Method = Literal["log", "flat"]
Arrays = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True, slots=True)
class FieldEntry:
    """One field, and the images that it is for.

    Attributes
    ----------
    folder
        Name of its folder; ends in a digest of what is in it.
    method
        "log": mean and standard deviation of logarithms; "flat": flat and dark field.
    channel
        Name of the channel.
    plate, cycle
        None: of any plate, of any cycle.
    times
        First and last time point; None: all.
    sites
        [well, site] pairs; None: all.
    key
        Digest of the images and settings that it was made from.
    """

    folder: str
    method: Method
    channel: str
    key: str
    plate: str | None = None
    cycle: int | None = None
    times: tuple[int, int] | None = None
    sites: frozenset[tuple[str, int]] | None = None

    def fits(self, plate: str, well: str, site: int, cycle: int, t: int) -> bool:
        """True if images of that place and time are corrected with it."""
        return (
            self.plate in (None, plate)
            and self.cycle in (None, cycle)
            and (self.times is None or self.times[0] <= t <= self.times[1])
            and (self.sites is None or (well, site) in self.sites)
        )


@dataclass(frozen=True)
class IlluminationStore:
    """The fields of one experiment.

    Attributes
    ----------
    path
        The folder `illumination`; it need not exist.
    """

    path: Path

    @property
    def file(self) -> Path:
        """The index of the fields; it need not exist."""
        return self.path / "index.json"

    def entries(self) -> tuple[FieldEntry, ...]:
        """All fields.

        Raises
        ------
        FormatError
            The index is damaged.
        """
        file = self.file
        try:
            return tuple(_entry(row) for row in json.loads(file.read_text("utf-8"))["fields"])
        except FileNotFoundError:
            return ()
        except (ValueError, KeyError, TypeError) as error:
            raise FormatError(
                f"'{file}' is damaged: {error}. Remove the folder and run corilla again."
            ) from error

    def find(
        self, channel: str, plate: str, well: str, site: int, cycle: int, t: int
    ) -> FieldEntry | None:
        """The field of an image; None if there is none."""
        for entry in _entries(self.path, _changed(self.path)):
            if entry.channel == channel and entry.fits(plate, well, site, cycle, t):
                return entry
        return None

    def field(self, channel: str, plate: str, well: str, site: int, cycle: int, t: int) -> Field:
        """What corrects an image.

        Raises
        ------
        MissingError
            There are no statistics for it.
        """
        entry = self.find(channel, plate, well, site, cycle, t)
        if entry is None:
            raise MissingError(
                f"Channel '{channel}' has no illumination field for well {well} site {site} of "
                f"plate '{plate}', t = {t}. Run corilla, or switch its correction off."
            )
        return self.load(entry)

    def load(self, entry: FieldEntry) -> Field:
        """The field of an entry.

        Raises
        ------
        FormatError
            Its files are damaged or gone.
        """
        return _load(self.path / entry.folder, entry.method)

    def statistics(self, entry: FieldEntry) -> dict[str, Any]:
        """Facts of a field: images, percentiles, unevenness before and after …"""
        text = bring(self.path / entry.folder / "statistics.json").read_text("utf-8")
        value: dict[str, Any] = json.loads(text)
        return value

    def write_field(
        self,
        arrays: Arrays,
        *,
        method: Method,
        channel: str,
        key: str,
        statistics: Mapping[str, Any],
        histogram: npt.NDArray[np.int64] | None = None,
        **images: Any,
    ) -> FieldEntry:
        """Write the files of a field; it counts only once `set_entries` lists it.

        Parameters
        ----------
        arrays
            "mean" and "std", or "flat" and "dark"; "before" and "after" where they are known.
        images
            plate, cycle, times, sites of the entry.
        """
        import tifffile

        digest = hashlib.blake2b(f"{method} {channel} {key}".encode(), digest_size=8)
        for name in sorted(arrays):
            digest.update(np.ascontiguousarray(arrays[name], np.float32).tobytes())
        name = re.sub(r"[^A-Za-z0-9._-]", "_", channel).strip("._-") or "channel"
        folder = self.path / f"{name}-{digest.hexdigest()}"
        temporary = hidden_beside(folder)
        try:
            with disk_errors(folder):
                temporary.mkdir(parents=True)
                for file, array in arrays.items():
                    tifffile.imwrite(temporary / f"{file}.tif", array.astype(np.float32))
                if histogram is not None:
                    (temporary / "histogram.csv").write_text(_rows(histogram), encoding="utf-8")
            write_json(temporary / "statistics.json", statistics)
            put_in_place(temporary, folder)
        finally:
            remove(temporary)
        return FieldEntry(folder.name, method, channel, key, **images)

    def set_entries(self, entries: Iterable[FieldEntry]) -> None:
        """Say which fields there are; folders of all others are removed."""
        listed = list(entries)
        write_json(self.file, {"fields": [_plain(entry) for entry in listed]})
        known = {entry.folder for entry in listed}
        for folder in self.path.iterdir():
            if folder.is_dir() and folder.name not in known:
                remove(folder)


def _plain(entry: FieldEntry) -> dict[str, Any]:
    value = asdict(entry)
    value["sites"] = None if entry.sites is None else sorted(map(list, entry.sites))
    return value


def _entry(row: dict[str, Any]) -> FieldEntry:
    sites, times = row["sites"], row["times"]
    return FieldEntry(
        **{
            **row,
            "sites": None if sites is None else frozenset((well, n) for well, n in sites),
            "times": None if times is None else (times[0], times[1]),
        }
    )


def _rows(histogram: npt.NDArray[np.int64]) -> str:
    there = np.flatnonzero(histogram)
    rows = (f"{value},{histogram[value]}\n" for value in there.tolist())
    return "intensity,pixels\n" + "".join(rows)


def _changed(path: Path) -> int:
    try:
        return (path / "index.json").stat().st_mtime_ns
    except OSError:
        return 0


@lru_cache(maxsize=8)
def _entries(path: Path, changed: int) -> tuple[FieldEntry, ...]:
    return IlluminationStore(path).entries()


# Fields of full size are large, and the same for all sites of a channel.
@lru_cache(maxsize=8)
def _load(folder: Path, method: Method) -> Field:
    import tifffile

    def read(name: str) -> npt.NDArray[np.float32]:
        try:
            return np.asarray(tifffile.imread(bring(folder / f"{name}.tif")), np.float32)
        except StorageError:
            raise
        except (OSError, ValueError, tifffile.TiffFileError) as error:
            raise FormatError(
                f"'{folder / name}.tif' cannot be read: {error}. Run corilla again."
            ) from error

    if method == "flat":
        return FlatField(read("flat"), read("dark"))
    return log_field(smooth(read("mean").astype(float)), smooth(read("std").astype(float)))
