"""Settings of an acquisition: what will come, and how and where it is written."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import Field, field_validator, model_validator

from napari_tmaps.errors import InputError
from napari_tmaps.model.wells import PlateFormat, row_letters
from napari_tmaps.streams.dimensions import Dimension, Position, _Model
from napari_tmaps.streams.formats import (
    Format,
    OmeTiffFormat,
    OmeZarrFormat,
    TiffCompression,
    ZarrCompression,
    as_format,
)

_TYPE_ORDER = {"time": 0, "channel": 1, "other": 2, None: 2, "space": 3}


class Plate(_Model):
    """A plate: names of its rows and columns, in order."""

    row_names: Annotated[tuple[str, ...], Field(min_length=1)]
    column_names: Annotated[tuple[str, ...], Field(min_length=1)]
    name: str | None = None

    @field_validator("row_names", "column_names")
    @classmethod
    def _unique(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(names)) < len(names):
            raise InputError(f"Rows and columns of a plate need names of their own: {names}.")
        return names

    @classmethod
    def from_standard_wells(cls, wells: int | tuple[int, int], *, name: str | None = None) -> Plate:
        """The plate of 6, 12, 24, 48, 96, 384 or 1536 wells, or of (rows, columns).

        Raises
        ------
        InputError
            There is no such standard plate.
        """
        if isinstance(wells, int):
            plate = PlateFormat.of(wells)
            rows, columns = plate.rows, plate.columns
        else:
            if len(wells) != 2 or min(wells) < 1:
                raise InputError(f"A plate has (rows, columns), both at least 1; not {wells}.")
            rows, columns = wells
        return cls(
            row_names=tuple(map(row_letters, range(rows))),
            column_names=tuple(str(number + 1) for number in range(columns)),
            name=name,
        )


class AcquisitionSettings(_Model):
    """All that a stream needs to know before the first frame.

    Attributes
    ----------
    root_path
        Where to write; `output_path` says what really becomes of it.
    dimensions
        Slowest first; the last two are the plane (y, x).
    format
        "ome-tiff", "ome-zarr", "scratch", a writer of one of them, or all fields. By default what
        `root_path` ends with.
    storage_order
        Of the dimensions in the file: "ome" (valid for the format), "acquisition", or the names.
    overwrite
        True: an older stream of ours at that path is replaced. Anything else never is.
    levels
        Sizes of the pyramid, each half of the one before; written while frames come.
    durability_s
        A frame older than this can be read by other programs, even if this one is killed.
    checksums
        True: checksums of all frames are stored, which `tmaps verify` compares.
    """

    root_path: str = ""
    dimensions: tuple[Dimension, ...] = ()
    dtype: str = ""
    format: Format = Field(default="auto", validate_default=True)
    compression: str | None = None
    storage_order: Literal["ome", "acquisition"] | tuple[str, ...] = "ome"
    plate: Plate | None = None
    overwrite: bool = False
    levels: Annotated[int, Field(ge=1, le=16)] = 1
    durability_s: Annotated[float, Field(ge=0.05)] = 2.0
    checksums: bool = False

    @model_validator(mode="before")
    @classmethod
    def _backend(cls, given: Any) -> Any:
        if isinstance(given, Mapping) and "backend" in given:
            raise InputError(
                "'backend' belongs to the format: format={'name': 'ome-zarr', 'backend': "
                f"{given['backend']!r}}}, or short format={given['backend']!r}."
            )
        return given

    @field_validator("root_path", mode="before")
    @classmethod
    def _path(cls, path: Any) -> Any:
        return os.fspath(path) if isinstance(path, os.PathLike) else path

    @field_validator("dtype", mode="before")
    @classmethod
    def _dtype(cls, dtype: Any) -> str:
        if isinstance(dtype, str) and not dtype:
            return ""
        try:
            return str(np.dtype(dtype).name)
        except TypeError as error:
            raise InputError(
                f"Invalid dtype {dtype!r}. Pixels are e.g. uint8, uint16 or float32."
            ) from error

    @field_validator("dimensions")
    @classmethod
    def _dimensions(cls, dims: tuple[Dimension, ...]) -> tuple[Dimension, ...]:
        return dims and _checked(dims)

    @field_validator("format", mode="before")
    @classmethod
    def _format(cls, given: Any, info: Any) -> Any:
        return as_format(given, info.data.get("root_path", ""))

    @model_validator(mode="after")
    def _fits(self) -> Self:
        known = {"ome-tiff": TiffCompression, "ome-zarr": ZarrCompression}.get(self.format.name)
        if self.compression is not None and self.compression not in (known or ("none",)):
            raise InputError(
                f"Compression '{self.compression}' does not go with {self.format.name}; choose "
                f"{', '.join(known or ('none',))}."
            )
        if isinstance(self.storage_order, tuple) and self.dimensions:
            names = [dim.name for dim in self.dimensions]
            if sorted(self.storage_order) != sorted(names):
                raise InputError(
                    f"storage_order {self.storage_order} must name all dimensions: {names}."
                )
            if list(self.storage_order[-2:]) != names[-2:]:
                raise InputError(f"The last two dimensions must stay {names[-2:]}.")
        if self.plate is not None and self.dimensions:
            self._check_wells(self.plate)
        return self

    def _check_wells(self, plate: Plate) -> None:
        if self.position_dimension_index is None:
            raise InputError("A plate needs a dimension of type 'position' that visits its wells.")
        for place in self.positions:
            if place.plate_row is None:
                raise InputError(
                    f"Position '{place.name}' needs plate_row and plate_column: there is a plate."
                )
            for kind, name, names in (
                ("row", place.plate_row, plate.row_names),
                ("column", place.plate_column, plate.column_names),
            ):
                if name not in names:
                    raise InputError(
                        f"Position '{place.name}' lies in {kind} '{name}', which the plate does "
                        f"not have; its {kind}s are {', '.join(names)}."
                    )

    def _need(self, what: str) -> tuple[Dimension, ...]:
        if not self.dimensions:
            raise InputError(f"Cannot access '{what}': the settings have no dimensions yet.")
        return self.dimensions

    def validate_stream_ready(self) -> bool:
        """True if a stream can be made of the settings.

        Raises
        ------
        InputError
            Something is missing.
        """
        self._need("dimensions")
        if not self.dtype:
            raise InputError("The settings have no dtype: say which pixels will come, e.g. uint16.")
        if not self.root_path and self.format.name != "scratch":
            raise InputError("The settings have no root_path: say where to write.")
        return True

    @property
    def output_path(self) -> str:
        """The file or folder that is really written."""
        path: str = self.format.get_output_path(self.root_path, len(self.positions))
        return path

    @property
    def shape(self) -> tuple[int | None, ...]:
        """Sizes of all dimensions; None for one that is not known."""
        return tuple(dim.count for dim in self._need("shape"))

    @property
    def is_unbounded(self) -> bool:
        """Whether nobody knows how many frames will come."""
        return self._need("is_unbounded")[0].count is None

    @property
    def num_frames(self) -> int | None:
        """Frames that will come; None if unbounded."""
        if self.is_unbounded:
            return None
        return int(np.prod([dim.count or 1 for dim in self.dimensions[:-2]], dtype=np.int64))

    @property
    def position_dimension_index(self) -> int | None:
        """Place of the dimension of positions among all."""
        dims = self._need("position_dimension_index")
        return next((n for n, dim in enumerate(dims) if dim.type == "position"), None)

    @property
    def positions(self) -> tuple[Position, ...]:
        """The positions; one named "0" if there is no dimension of them."""
        for dim in self.dimensions:
            if dim.type == "position":
                return dim.positions
        return (Position(name="0"),)

    @property
    def frame_dimensions(self) -> tuple[Dimension, ...]:
        """The plane: y, x."""
        return self._need("frame_dimensions")[-2:]

    @property
    def index_dimensions(self) -> tuple[Dimension, ...]:
        """Those that number the planes of an image, as they are acquired."""
        dims = self._need("index_dimensions")[:-2]
        return tuple(dim for dim in dims if dim.type != "position")

    @property
    def array_dimensions(self) -> tuple[Dimension, ...]:
        """Those of one image, as they are acquired."""
        return self.index_dimensions + self.frame_dimensions

    @property
    def storage_index_dimensions(self) -> tuple[Dimension, ...]:
        """Those that number the planes of an image, as they are stored."""
        dims = self.index_dimensions
        if isinstance(self.storage_order, tuple):
            return tuple(sorted(dims, key=lambda dim: self.storage_order.index(dim.name)))
        if self.storage_order == "ome" and isinstance(self.format, OmeZarrFormat):
            return tuple(sorted(dims, key=lambda dim: _TYPE_ORDER[dim.type]))
        return dims

    @property
    def storage_index_permutation(self) -> tuple[int, ...] | None:
        """Where each stored dimension stands among the acquired; None if nowhere else."""
        order = tuple(self.index_dimensions.index(dim) for dim in self.storage_index_dimensions)
        return None if order == tuple(range(len(order))) else order

    @property
    def array_storage_dimensions(self) -> tuple[Dimension, ...]:
        """Those of one image, as they are stored."""
        return self.storage_index_dimensions + self.frame_dimensions

    def check_tiff(self) -> None:
        """Refuse what an OME-TIFF has no place for.

        Raises
        ------
        InputError
            A dimension beside t, c, z, y and x.
        """
        if isinstance(self.format, OmeTiffFormat):
            names = [dim.name for dim in self.array_dimensions]
            if not set(names[:-2]) <= set("tcz") or names[-2:] != ["y", "x"]:
                raise InputError(
                    f"An OME-TIFF has the dimensions t, c, z, y and x, but yours are {names}. "
                    "Rename them, or write OME-Zarr."
                )


def _checked(dims: Sequence[Dimension]) -> tuple[Dimension, ...]:
    names = [dim.name for dim in dims]
    places = [dim for dim in dims if dim.type == "position"]
    if len(places) > 1:
        raise InputError(f"Only one dimension can be of positions; there are {len(places)}.")
    if not 2 <= len(dims) - len(places) <= 5:
        raise InputError(
            f"An image has 2 to 5 dimensions beside positions, but these are {len(dims)}: {names}."
        )
    if len(set(names)) < len(names):
        raise InputError(f"Each dimension needs a name of its own; these are {names}.")
    for dim in dims[1:]:
        if dim.count is None:
            raise InputError(
                f"Only the first dimension may be unbounded, but '{dim.name}' has no count."
            )
    last = []
    for dim in dims[-2:]:
        if dim.type not in ("space", None):
            raise InputError(
                f"The last two dimensions are the plane, of type 'space'; '{dim.name}' is of type "
                f"'{dim.type}'."
            )
        last.append(dim if dim.type else dim.model_copy(update={"type": "space"}))
    return (*dims[:-2], *last)
