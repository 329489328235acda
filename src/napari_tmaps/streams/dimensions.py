"""Dimensions of an acquisition: their names, sizes, coordinates, chunks and units."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from enum import StrEnum
from operator import index
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from napari_tmaps.errors import InputError
from napari_tmaps.streams.units import kind_of_unit, ngff_unit

Kind = Literal["space", "time", "channel", "position", "other"]
Name = Annotated[str, Field(min_length=1)]
Count = Annotated[int, Field(gt=0), BeforeValidator(lambda value: _whole(value))]


def _whole(value: Any) -> Any:
    """NumPy's whole numbers as Python's."""
    return index(value) if hasattr(value, "__index__") and not isinstance(value, bool) else value


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", validate_default=True, validate_assignment=True)


class Channel(_Model):
    """One channel: its name, wavelengths, fluorophore and colour ("#RRGGBB", a name, or RGB)."""

    name: Name
    excitation_wavelength_nm: Count | None = None
    emission_wavelength_nm: Count | None = None
    fluorophore: str | None = None
    color: str | None = None

    @field_validator("color", mode="before")
    @classmethod
    def _color(cls, value: Any) -> str | None:
        if value is None:
            return None
        from ome_types.model import Color

        try:
            return "#" + "".join(f"{part:02X}" for part in Color(value).as_rgb_tuple()[:3])
        except (ValueError, TypeError) as error:
            raise InputError(
                f"'{value}' is no colour. Give a name like red, or #RRGGBB."
            ) from error


class Position(_Model):
    """A place of the stage. Row and column of a well, or of a grid, are given both or neither.

    Attributes
    ----------
    x_coord, y_coord, z_coord
        Of the stage, µm.
    """

    name: Name
    plate_row: str | None = None
    plate_column: str | None = None
    grid_row: int | None = None
    grid_column: int | None = None
    x_coord: float | None = None
    y_coord: float | None = None
    z_coord: float | None = None

    @model_validator(mode="after")
    def _pairs(self) -> Self:
        for kind in ("plate", "grid"):
            row, column = getattr(self, f"{kind}_row"), getattr(self, f"{kind}_column")
            if (row is None) != (column is None):
                raise InputError(
                    f"Position '{self.name}': {kind}_row and {kind}_column belong together, but "
                    f"they are {row!r} and {column!r}. Give both or neither."
                )
        return self

    @property
    def group(self) -> tuple[str | None, str | None, int | None, int | None]:
        """Well and grid cell, within which names are unique."""
        return self.plate_row, self.plate_column, self.grid_row, self.grid_column


Coordinate = Channel | Position | float | str


class Dimension(_Model):
    """One dimension of an acquisition.

    Attributes
    ----------
    count
        Its size; None if it is not known beforehand, which only the first dimension may be.
    type
        Found from the coordinates, else the unit, else the name (x y z c t p), if not given.
    coords
        What it visits: names of channels or positions, or numbers.
    chunk_size
        Of the files, in pixels or planes; None: all of the last two dimensions, 1 of the others.
    shard_size_chunks
        Chunks that share a file; None: one.
    unit
        Of space (micrometer, um …) or time (second, ms …), held by its NGFF name.
    scale, translation
        Size of a step, and where the first is, in that unit.
    """

    name: Name
    count: Count | None = None
    type: Kind | None = None
    coords: tuple[Coordinate, ...] | None = None
    chunk_size: Count | None = None
    shard_size_chunks: Count | None = None
    unit: str | None = None
    scale: float | None = None
    translation: float | None = None

    @model_validator(mode="before")
    @classmethod
    def _complete(cls, given: Any) -> Any:
        if not isinstance(given, Mapping):
            return given
        values = dict(given)
        if values.get("coords") is not None:
            values["coords"] = tuple(values["coords"])
        values["type"] = _kind(values)
        name, kind, coords = values.get("name"), values["type"], values.get("coords")
        if kind == "position" and coords is None:
            if values.get("count") is None:
                raise InputError(
                    f"Dimension '{name}' needs a count or the positions: how many places are "
                    "visited must be known beforehand."
                )
            coords = values["coords"] = tuple(str(n) for n in range(_whole(values["count"])))
        if coords is not None:
            if not coords:
                raise InputError(f"Dimension '{name}' has no coordinates; give at least one.")
            values["coords"] = _uniform(str(name), kind, coords)
            if values.get("count") is None:
                values["count"] = len(coords)
            if values["count"] != len(coords):
                raise InputError(
                    f"Dimension '{name}' has the count {values['count']}, but {len(coords)} "
                    "coordinates. Make them fit, or leave out the count."
                )
        return values

    @field_validator("unit")
    @classmethod
    def _unit(cls, unit: str | None, info: ValidationInfo) -> str | None:
        kind = info.data.get("type")
        return ngff_unit(unit, kind) if unit and kind in ("space", "time") else unit

    @model_validator(mode="after")
    def _names(self) -> Self:
        if self.type == "channel":
            names = [item.name for item in self.coords or () if isinstance(item, Channel)]
            if len(set(names)) < len(names):
                raise InputError(f"Channel names must be unique, but they are {names}.")
        if self.type == "position":
            check_positions(self.positions)
        return self

    @property
    def positions(self) -> tuple[Position, ...]:
        """Its coordinates that are positions."""
        return tuple(item for item in self.coords or () if isinstance(item, Position))

    @property
    def channels(self) -> tuple[Channel, ...]:
        """Its coordinates that are channels."""
        return tuple(item for item in self.coords or () if isinstance(item, Channel))

    @property
    def labels(self) -> tuple[Any, ...] | None:
        """Coordinates by name, or as numbers; None if it has none."""
        return self.coords and tuple(getattr(item, "name", item) for item in self.coords)


class PositionDimension(Dimension):
    """As `Dimension(type="position")`, for scripts that have it so: "p" takes `positions=`."""

    name: Name = "p"
    type: Kind | None = "position"

    @model_validator(mode="before")
    @classmethod
    def _positions(cls, given: Any) -> Any:
        if not isinstance(given, Mapping):
            return given
        warnings.warn(
            "PositionDimension is deprecated. Use Dimension(name='p', type='position', coords=…).",
            DeprecationWarning,
            stacklevel=2,
        )
        values = {"name": "p", "type": "position", **given}
        if "positions" in values:
            values["coords"] = values.pop("positions")
        return values


_STANDARD: dict[str, Kind] = {"x": "space", "y": "space", "z": "space", "c": "channel", "t": "time",
                              "p": "position"}  # fmt: skip


def _kind(values: Mapping[str, Any]) -> Any:
    """The type as given, or as it follows from coordinates, unit or name."""
    name, coords = values.get("name"), values.get("coords") or ()
    objects = {"channel": Channel, "position": Position}
    by_coords = next(
        (kind for kind, model in objects.items() if any(isinstance(c, model) for c in coords)), None
    )
    given = values.get("type")
    if given is not None:
        if by_coords is not None and by_coords != given:
            raise InputError(
                f"Dimension '{name}' is said to be of type '{given}', but its coordinates are "
                f"{by_coords}s. Correct one of them."
            )
        return given
    unit = values.get("unit")
    by_unit = kind_of_unit(unit) if isinstance(unit, str) else None
    if by_coords and by_unit:
        raise InputError(
            f"Dimension '{name}': conflicting inference. Its coordinates are {by_coords}s, but "
            f"its unit '{unit}' is one of {by_unit}. Give type=…, or leave out the unit."
        )
    return by_coords or by_unit or _STANDARD.get(str(name))


def _uniform(name: str, kind: str | None, coords: Sequence[Any]) -> tuple[Any, ...]:
    """Texts of channels and positions as such; nothing else may stand among them."""
    models: dict[str, type[Channel] | type[Position]] = {"channel": Channel, "position": Position}
    model = models.get(kind or "")
    if model is None:
        return tuple(coords)
    found = []
    for item in coords:
        if isinstance(item, Mapping):
            item = model.model_validate(item)
        if not isinstance(item, model | str):
            raise InputError(
                f"Dimension '{name}' of type '{kind}' has the coordinate {item!r}, which is "
                f"neither a name nor a {model.__name__}."
            )
        found.append(model(name=item) if isinstance(item, str) else item)
    return tuple(found)


def check_positions(positions: Sequence[Position]) -> None:
    """Names must be unique within each well and grid cell.

    Raises
    ------
    InputError
        Two positions would be written to one place.
    """
    counts = Counter((item.group, item.name) for item in positions)
    twice = [(group, name) for (group, name), count in counts.items() if count > 1]
    if not twice:
        return
    (row, column, grid_row, grid_column), name = twice[0]
    if row is None and grid_row is None:
        raise InputError(
            f"Positions without row/column must have unique names, but '{name}' comes "
            f"{counts[twice[0]]} times."
        )
    where = f" of well {row}{column}" if row is not None else ""
    where += f" of grid cell {grid_row}, {grid_column}" if grid_row is not None else ""
    raise InputError(
        f"Names of positions must be unique within each group, but '{name}'{where} comes "
        f"{counts[twice[0]]} times. Name them fov0, fov1, …"
    )


class StandardAxis(StrEnum):
    """The axes that every program knows."""

    X = "x"
    Y = "y"
    Z = "z"
    CHANNEL = "c"
    TIME = "t"
    POSITION = "p"

    def dimension_type(self) -> Kind:
        """What the axis is: space, time, channel or position."""
        return _STANDARD[self.value]

    def unit(self) -> str | None:
        """Its usual unit: micrometer, second, or none."""
        return {"space": "micrometer", "time": "second"}.get(self.dimension_type())

    def to_dimension(
        self,
        *,
        count: int | None = None,
        coords: Sequence[Coordinate] | None = None,
        chunk_size: int | None = None,
        shard_size_chunks: int | None = None,
        scale: float | None = None,
    ) -> Dimension:
        """The dimension of this axis."""
        return Dimension(
            name=self.value, count=count, type=self.dimension_type(), unit=self.unit(),
            coords=None if coords is None else tuple(coords), chunk_size=chunk_size,
            shard_size_chunks=shard_size_chunks, scale=scale,
        )  # fmt: skip


def dims_from_standard_axes(
    sizes: Mapping[str, int | Sequence[Coordinate] | None],
    chunk_shapes: Mapping[str, int] | None = None,
    shard_shapes: Mapping[str, int] | None = None,
) -> list[Dimension]:
    """Dimensions from the names of standard axes (p t c z y x) and their sizes, slowest first.

    Parameters
    ----------
    sizes
        A number, the coordinates, or None for a size that is not known beforehand.
    chunk_shapes
        By default all of y and x, and 1 of the others.
    shard_shapes
        In chunks.

    Raises
    ------
    InputError
        An axis that is no standard one.
    """
    chunks = {str(name): size for name, size in (chunk_shapes or {}).items()}
    shards = {str(name): size for name, size in (shard_shapes or {}).items()}
    known = [axis.value for axis in StandardAxis]
    for name in map(str, (*sizes, *chunks, *shards)):
        if name not in known:
            raise InputError(f"'{name}' is no standard axis; there are {', '.join(known)}.")
    dims = []
    for name, size in ((str(key), _whole(value)) for key, value in sizes.items()):
        number = size is None or isinstance(size, int)
        dims.append(
            StandardAxis(name).to_dimension(
                count=size if number else None,
                coords=None if number else size,
                chunk_size=chunks.get(name) or (None if name in "yx" else 1),
                shard_size_chunks=shards.get(name),
            )
        )
    return dims
