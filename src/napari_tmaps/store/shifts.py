"""By how much the images of each cycle are shifted; applied when pixels are read.

    alignment/shifts.csv       plate, well, site, cycle, y_px, x_px, quality, state, what was
                               measured before repair, and a digest of the images
             /alignment.json   how they were found

A shift is the translation that moves an image onto that of the reference cycle: positive is down
and right. It is kept with fractions; images are moved by whole pixels, so that no pixel changes.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_tmaps.errors import FormatError
from napari_tmaps.model.features import position_axis
from napari_tmaps.streams.atomic import remove, write_json, write_text

_NUMBERS = ["y_px", "x_px", "quality", "measured_y_px", "measured_x_px"]
COLUMNS = ["plate", "well", "site", "cycle", *_NUMBERS[:3], "state", *_NUMBERS[3:], "source"]
STATES = ("reference", "measured", "repaired", "unknown")
"""What a shift is: of the reference cycle itself, measured, taken from sites nearby because the
measurement was not to be trusted, or 0 because there were none."""


@dataclass(frozen=True)
class Window:
    """The area that all cycles of a site have in common.

    Attributes
    ----------
    shifts
        Whole pixels (y, x) by cycle.
    """

    shifts: Mapping[int, tuple[int, int]]

    @property
    def margins(self) -> tuple[int, int, int, int]:
        """Rows and columns of the reference that are cut off: top, bottom, left, right."""
        y = [0, *(shift[0] for shift in self.shifts.values())]
        x = [0, *(shift[1] for shift in self.shifts.values())]
        return max(y), -min(y), max(x), -min(x)

    def cut(self, image: npt.NDArray[Any], cycle: int) -> npt.NDArray[Any]:
        """The common area of an image (…, y, x) of a cycle, as a view.

        Raises
        ------
        FormatError
            The cycles have nothing in common.
        """
        top, bottom, left, right = self.margins
        height, width = image.shape[-2:]
        if top + bottom >= height or left + right >= width:
            raise FormatError(
                f"The cycles are shifted against each other by more than an image ({height} × "
                f"{width} px). Align again with a smaller max_shift."
            )
        y, x = self.shifts.get(cycle, (0, 0))
        return image[..., top - y : height - bottom - y, left - x : width - right - x]

    def moved(self, table: pd.DataFrame) -> pd.DataFrame:
        """A table of features of the common area with its positions in the frame of the site."""
        top, _, left, _ = self.margins
        by = {"y": top, "x": left}
        columns = {name: position_axis(name) for name in table.columns}
        return table.assign(
            **{name: table[name] + by[axis] for name, axis in columns.items() if axis}
        )

    def paste(self, cut: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Labels of the common area (…, y, x) in the frame of the reference; 0 around them."""
        top, bottom, left, right = self.margins
        return np.pad(cut, [(0, 0)] * (cut.ndim - 2) + [(top, bottom), (left, right)])


@dataclass(frozen=True)
class ShiftStore:
    """The shifts of an experiment.

    Attributes
    ----------
    path
        The folder `alignment`; it need not exist.
    """

    path: Path

    @property
    def file(self) -> Path:
        """The table of shifts; it need not exist."""
        return self.path / "shifts.csv"

    def table(self) -> pd.DataFrame:
        """All shifts, with the columns of `COLUMNS`; empty if nothing was aligned.

        Raises
        ------
        FormatError
            The file is damaged.
        """
        file = self.file
        types = dict.fromkeys(("plate", "well", "state", "source"), "str")
        types |= dict.fromkeys(("site", "cycle"), "int64") | dict.fromkeys(_NUMBERS, "float64")
        if not file.is_file():
            return pd.DataFrame({name: pd.Series(dtype=types[name]) for name in COLUMNS})
        try:
            table = pd.read_csv(
                file, dtype=types, keep_default_na=False, na_values=dict.fromkeys(_NUMBERS, "")
            )
            return table[COLUMNS]
        except (ValueError, KeyError) as error:
            raise FormatError(f"'{file}' is damaged: {error}. Run align again.") from error

    def window(self, plate: str, well: str, site: int) -> Window | None:
        """The common area of a site; None if it was not aligned."""
        return _windows(self.path, _changed(self.path)).get((plate, well, site))

    def facts(self) -> dict[str, Any]:
        """How the shifts were found; empty if there are none."""
        try:
            value: dict[str, Any] = json.loads((self.path / "alignment.json").read_text("utf-8"))
        except FileNotFoundError:
            return {}
        return value

    def write(self, table: pd.DataFrame, facts: Mapping[str, Any]) -> None:
        """Replace all shifts."""
        write_json(self.path / "alignment.json", facts)
        rows = table[COLUMNS].sort_values(["plate", "well", "site", "cycle"])
        text = io.StringIO()
        rows.round(dict.fromkeys(_NUMBERS, 4)).to_csv(text, index=False)
        write_text(self.file, text.getvalue())

    def remove(self) -> None:
        """Forget all shifts."""
        remove(self.path)


def _changed(path: Path) -> int:
    try:
        return (path / "shifts.csv").stat().st_mtime_ns
    except OSError:
        return 0


@lru_cache(maxsize=4)
def _windows(path: Path, changed: int) -> dict[tuple[str, str, int], Window]:
    table = ShiftStore(path).table()
    whole = np.rint(table[["y_px", "x_px"]].to_numpy(float)).astype(int).tolist()
    shifts: dict[tuple[str, str, int], dict[int, tuple[int, int]]] = {}
    keys = table[["plate", "well", "site", "cycle"]].itertuples(index=False, name=None)
    for (plate, well, site, cycle), (y, x) in zip(keys, whole, strict=True):
        shifts.setdefault((plate, well, int(site)), {})[int(cycle)] = (y, x)
    return {site: Window(found) for site, found in shifts.items()}
