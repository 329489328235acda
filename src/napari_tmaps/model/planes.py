"""Source planes: what a microscope folder holds, one row a 2-D image.

The table is the meeting point of the program: vendors make it, people look at it and correct it,
metaconfig lays it out, imextract reads by it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_tmaps.errors import FormatError
from napari_tmaps.model.channels import Channel
from napari_tmaps.model.wells import PlateFormat, WellName

# Column → dtype. Text is never missing; numbers are -1 or NaN where the microscope does not say.
COLUMNS: dict[str, Any] = {
    "plate": "str",        # name of the plate, "" where the folder does not tell
    "well": "str",         # canonical name (str(WellName)), e.g. "B03"
    "site": "int64",       # number of the site within its well, as the microscope counts
    "channel": "str",      # name of a channel in Scan.channels
    "z": "int64",          # 0-based, dense
    "t": "int64",          # 0-based, dense
    "cycle": "int64",      # 0-based staining round
    "path": "str",         # file relative to Scan.root, "/" between folders; "" for a missing plane
    "series": "int64",     # 0-based series (scene) within the file
    "page": "int64",       # 0-based plane: IFD of a TIFF; C-order index over (t, c, z) elsewhere
    "missing": "bool",     # declared by the microscope, but the image is not there
    "height": "int64",     # pixels; -1 while unknown
    "width": "int64",
    "dtype": "str",        # numpy name of the pixel type, e.g. "uint16"; "" while unknown
    "stage_y_um": "float64",   # centre of the site on the stage, µm, y growing DOWN the image
    "stage_x_um": "float64",   # µm, growing to the right of the image
    "stage_z_um": "float64",   # height of the plane, µm
    "time_s": "float64",       # seconds since the first plane of the acquisition
}  # fmt: skip

UNNAMED_PLATE = "plate01"
"""What a plate is called that the microscope gave no name."""

KEY = ["plate", "well", "site", "cycle", "channel", "z", "t"]


@dataclass(frozen=True, slots=True)
class Oddity:
    """Something in a folder that a person should know of before trusting the import.

    Attributes
    ----------
    kind
        One word for programs: missing, duplicate, mixed, unreadable, ignored, doubtful, incomplete.
    message
        One sentence for people: which thing, which value, what it means.
    """

    kind: str
    message: str

    def __str__(self) -> str:
        return self.message


@dataclass(frozen=True)
class Scan:
    """What a microscope folder (or file) holds, before any pixel is converted.

    Attributes
    ----------
    vendor
        Name of the microscope format, e.g. "Yokogawa CellVoyager".
    root
        Absolute folder to which the paths of the planes are relative.
    planes
        Table with the columns of `COLUMNS`, sorted by `KEY`; one row a 2-D image.
    channels
        In the order of the microscope; names unique.
    pixel_size_um
        Size of a pixel (y, x); None where unknown.
    z_step_um
        Distance of z planes; None where unknown or for a single plane.
    reader
        Key of the pixel reader in vendors/pixels.py ("tiff", "bioio" …).
    plate_format
        Stated by the microscope, else None.
    stage_known
        False where there are no stage positions: the site grid then comes from a stated layout.
    oddities
        What a person should know, in order of importance.
    metadata
        Facts that have no place above, as JSON values: objective, operator, start time …
    """

    vendor: str
    root: Path
    planes: pd.DataFrame
    channels: tuple[Channel, ...]
    pixel_size_um: tuple[float, float] | None = None
    z_step_um: float | None = None
    reader: str = "tiff"
    plate_format: PlateFormat | None = None
    oddities: tuple[Oddity, ...] = ()
    metadata: dict[str, Any] = field(default_factory=dict)

    @property
    def plates(self) -> list[str]:
        """Names of the plates, in order."""
        return sorted(self.planes["plate"].unique())

    @property
    def wells(self) -> list[str]:
        """Names of the wells in the order of the plate."""
        return sorted(self.planes["well"].unique(), key=WellName.parse)

    @property
    def sites_per_well(self) -> dict[str, int]:
        """Number of sites of each well; of several plates the largest counts."""
        counts = self.planes.groupby(["plate", "well"])["site"].nunique()
        most = counts.groupby(level="well").max()
        return {well: int(most[well]) for well in self.wells}

    @property
    def stage_known(self) -> bool:
        """True if every plane that is there has a stage position."""
        there = self.planes[~self.planes["missing"]]
        return bool(there[["stage_y_um", "stage_x_um"]].notna().all(axis=None)) and len(there) > 0

    @property
    def image_size(self) -> tuple[int, int] | None:
        """Size (y, x) that most planes have; None if unknown."""
        known = self.planes[self.planes["height"] > 0]
        if known.empty:
            return None
        counts = known.value_counts(["height", "width"])
        height, width = counts.index.to_list()[0]
        return int(height), int(width)

    @property
    def dtype(self) -> str:
        """Pixel type that most planes have; "" if unknown."""
        known = self.planes.loc[self.planes["dtype"] != "", "dtype"]
        return "" if known.empty else str(known.value_counts().idxmax())

    def summary(self) -> dict[str, Any]:
        """The layout as JSON values; the documented output of `tmaps scan --json`."""
        planes = self.planes
        own = (
            planes.groupby("channel")[["z", "t"]].nunique().reindex([c.name for c in self.channels])
        )
        own = own.fillna(0).astype(int)
        return {
            "vendor": self.vendor,
            "plates": [name or UNNAMED_PLATE for name in self.plates],
            "wells": self.wells,
            "sites_per_well": self.sites_per_well,
            "channels": [channel.name for channel in self.channels],
            "size_z": int(planes["z"].max()) + 1 if len(planes) else 0,
            "size_t": int(planes["t"].max()) + 1 if len(planes) else 0,
            "z_planes": own["z"].to_dict(),
            "time_points": own["t"].to_dict(),
            "cycles": int(planes["cycle"].nunique()),
            "image_size": list(self.image_size) if self.image_size else None,
            "dtype": self.dtype or None,
            "pixel_size_um": list(self.pixel_size_um) if self.pixel_size_um else None,
            "z_step_um": self.z_step_um,
            "planes": int((~planes["missing"]).sum()),
            "oddities": [str(oddity) for oddity in self.oddities],
        }


def make_planes(**columns: Any) -> pd.DataFrame:
    """A plane table from columns (arrays, lists or single values), with defaults for the rest.

    Defaults: plate "", well "A01", site 1, channel "C01", z, t, cycle, series and page 0, nothing
    missing, sizes and types unknown, positions and times NaN. Rows are sorted by `KEY`, wells
    in the order of the plate; z, t and cycle are used as given (see `dense`).

    Raises
    ------
    FormatError
        A column that does not exist, or values that do not fit its type.
    """
    extra = sorted(set(columns) - set(COLUMNS))
    if extra:
        raise FormatError(f"Planes have no column {extra[0]!r}; there are {sorted(COLUMNS)}.")
    lengths = {len(v) for v in columns.values() if not np.isscalar(v)}
    length = lengths.pop() if lengths else 1
    defaults: dict[str, Any] = {"str": "", "int64": 0, "float64": np.nan, "bool": False}
    special = {"well": "A01", "site": 1, "channel": "C01", "height": -1, "width": -1}
    table = pd.DataFrame(index=pd.RangeIndex(length))
    for name, dtype in COLUMNS.items():
        value = columns.get(name, special.get(name, defaults[dtype]))
        try:
            table[name] = pd.Series(value, index=table.index).astype(dtype)
        except (ValueError, TypeError, OverflowError) as error:
            raise FormatError(f"Column '{name}' of the planes does not fit: {error}.") from error
    return sort_planes(table)


def sort_planes(table: pd.DataFrame) -> pd.DataFrame:
    """The table sorted by `KEY`, wells in the order of the plate."""
    ranks = [_ranks(table[name], WellName.parse if name == "well" else None) for name in KEY]
    order = np.lexsort(ranks[::-1])
    if not (np.diff(order) == 1).all():  # most tables come from a sorted one
        table = table.take(order)
    return table.reset_index(drop=True)


def _ranks(column: pd.Series, key: Callable[[str], Any] | None) -> npt.NDArray[Any]:
    """Numbers that sort as a column does; text by `key`."""
    if column.dtype.kind in "iuf":
        return column.to_numpy()
    codes, found = pd.factorize(column)
    names = found.tolist()
    order = sorted(range(len(names)), key=lambda n: key(names[n]) if key else names[n])
    ranks = np.empty(len(names), np.int64)
    ranks[order] = np.arange(len(names))
    return ranks[codes]


def dense(values: pd.Series) -> pd.Series:
    """0-based dense ranks: 3, 7, 7, 12 → 0, 1, 1, 2."""
    return values.rank(method="dense").astype("int64") - 1


def find_duplicates(planes: pd.DataFrame) -> pd.DataFrame:
    """Rows that claim the same plane as another row, all of them."""
    there = planes[~planes["missing"]]
    return there[there.duplicated(KEY, keep=False)]
