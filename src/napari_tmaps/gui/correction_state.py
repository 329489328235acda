"""What correction and alignment did to an experiment, in words and small pictures. No Qt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import tifffile

from napari_tmaps.errors import FormatError, StorageError
from napari_tmaps.gui.well_colours import colours
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.store.illumination import FieldEntry
from napari_tmaps.streams.mounts import bring

_SIDE = 240  # most pixels of a picture
_PICTURES = {
    "before": "Mean image",
    "after": "Mean image, corrected",
    "mean": "Mean of log10",
    "std": "Deviation of log10",
    "flat": "Flat field",
    "dark": "Dark field",
}
_METHODS = {"log": "logarithms", "flat": "flat field"}


@dataclass(frozen=True)
class Picture:
    """A small picture in colours.

    Attributes
    ----------
    pixels
        uint8 (y, x, 3).
    ends
        Its least and greatest value.
    """

    title: str
    pixels: npt.NDArray[np.uint8]
    ends: tuple[float, float]


def has_report(experiment: Experiment) -> bool:
    """Whether there is something to tell; nothing is read."""
    return experiment.shifts.file.is_file() or experiment.illumination.file.is_file()


def field_title(entry: FieldEntry) -> str:
    """Which images a field is for, e.g. "DAPI, plate p1, cycle 2"."""
    parts = [entry.channel]
    if entry.plate is not None:
        parts.append(f"plate {entry.plate}")
    if entry.cycle is not None:
        parts.append(f"cycle {entry.cycle}")
    if entry.times is not None:
        parts.append(f"t {entry.times[0]} to {entry.times[1]}")
    return ", ".join(parts)


def field_in_words(experiment: Experiment, entry: FieldEntry) -> str:
    """How good a field is.

    Raises
    ------
    FormatError
        Its statistics are damaged or gone.
    StorageError
        A file cannot be had.
    """
    method = f"By {_METHODS[entry.method]}"
    try:
        facts = experiment.illumination.statistics(entry)
        if "images" not in facts:
            return f"{method}, from an image that was given."
        before, after = (float(facts[f"unevenness_{when}_percent"]) for when in ("before", "after"))
        text = f"{method}, from {facts['images']} images. The mean image varies by {before:.1f} %"
    except StorageError:
        raise
    except (OSError, ValueError, KeyError) as error:
        path = experiment.illumination.path / entry.folder / "statistics.json"
        raise FormatError(f"'{path}' cannot be read: {error}. Run corilla again.") from error
    text += f", after correction by {after:.1f} %."
    if after >= before:
        text += " ⚠ The correction makes images less even than they are."
    return text


def field_pictures(experiment: Experiment, entry: FieldEntry) -> list[Picture]:
    """The mean image before and after, both on the scale of the first, and the field.

    Raises
    ------
    FormatError
        A file is damaged.
    StorageError
        A file cannot be had.
    """
    found = {}
    for name in _PICTURES:
        path = experiment.illumination.path / entry.folder / f"{name}.tif"
        if path.is_file():
            found[name] = _small(_read(str(bring(path))))
    ends = {name: (float(pixels.min()), float(pixels.max())) for name, pixels in found.items()}
    pictures = []
    for name, pixels in found.items():
        low, high = ends["before" if name == "after" and "before" in found else name]
        shares = (pixels - low) / (high - low if high > low else 1.0)
        colored = colours(shares.ravel()).reshape(*pixels.shape, 3)
        pictures.append(Picture(_PICTURES[name], colored, ends[name]))
    return pictures


def alignment_in_words(experiment: Experiment) -> list[str]:
    """A sentence on each cycle that was aligned.

    Raises
    ------
    FormatError
        The table of shifts is damaged.
    """
    table = experiment.shifts.table()
    lines = []
    for cycle, own in table[table["state"] != "reference"].groupby("cycle"):
        far = np.hypot(own["y_px"].to_numpy(), own["x_px"].to_numpy())
        states = own["state"].value_counts()
        counts = ", ".join(f"{states[name]} {name}" for name in states.index)
        lines.append(
            f"Cycle {cycle}: {counts}; shifts of {np.median(far):.1f} px, at most "
            f"{far.max():.1f}; correlation {own['quality'].median():.2f}, at least "
            f"{own['quality'].min():.2f}."
        )
    return lines


def _read(path: str) -> npt.NDArray[Any]:
    try:
        return np.asarray(tifffile.imread(path), np.float64)
    except StorageError:
        raise
    except (OSError, ValueError, tifffile.TiffFileError) as error:
        raise FormatError(f"'{path}' cannot be read: {error}. Run corilla again.") from error


def _small(pixels: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Means of squares, so that the picture has at most `_SIDE` pixels a side."""
    every = max(1, -(-max(pixels.shape) // _SIDE))
    height, width = (max(size // every, 1) for size in pixels.shape)
    cut = pixels[: height * every, : width * every]
    if min(cut.shape) < every:
        return np.asarray(pixels, np.float64)
    return np.asarray(cut.reshape(height, every, width, every).mean(axis=(1, 3)), np.float64)
