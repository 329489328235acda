"""Settings from the sequences of useq-schema, when that package is there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from napari_tmaps.errors import InputError
from napari_tmaps.model.wells import row_letters
from napari_tmaps.streams.acquisition import Plate
from napari_tmaps.streams.dimensions import Channel, Dimension, Position, dims_from_standard_axes


def useq_to_acquisition_settings(
    seq: Any,
    image_width: int,
    image_height: int,
    *,
    units: Mapping[str, tuple[float, str] | str | None] | None = None,
    pixel_size_um: float | None = None,
    chunk_shapes: Mapping[str, int] | None = None,
    shard_shapes: Mapping[str, int] | None = None,
) -> dict[str, Any]:
    """Fields "dimensions" and "plate" of `AcquisitionSettings` for a `useq.MDASequence`.

    Parameters
    ----------
    units
        Axis → unit, or (scale, unit).

    Raises
    ------
    InputError
        A sequence that is no regular grid of frames: no such file has a place for it.
    """
    _refuse(seq)
    positions = _positions(seq)
    sizes: dict[str, Any] = {}
    for axis in seq.axis_order:
        if axis == "t" and seq.time_plan is not None:
            sizes["t"] = _time_count(seq)
        elif axis in "pg" and positions is not None:
            sizes["p"] = positions
        elif axis == "c" and seq.channels:
            sizes["c"] = [Channel(name=channel.config) for channel in seq.channels]
        elif axis == "z" and seq.z_plan is not None:
            sizes["z"] = len(list(seq.z_plan))
    sizes |= {"y": image_height, "x": image_width}
    dims = dims_from_standard_axes(sizes, chunk_shapes, shard_shapes)
    scales: dict[str, float] = {}
    if pixel_size_um is not None and pixel_size_um > 0:
        scales = {"y": pixel_size_um, "x": pixel_size_um}
    step = getattr(seq.z_plan, "step", None)
    if step:
        scales["z"] = float(step)
    interval = getattr(seq.time_plan, "interval", None)
    if interval is not None and interval.total_seconds() > 0:
        scales["t"] = interval.total_seconds()
    found = [_scaled(dim, scales.get(dim.name), (units or {}).get(dim.name)) for dim in dims]
    return {"dimensions": found, "plate": _plate(seq, positions)}


def dims_from_useq(seq: Any, image_width: int, image_height: int, **more: Any) -> list[Dimension]:
    """The dimensions alone, as `useq_to_acquisition_settings` finds them."""
    found: list[Dimension] = useq_to_acquisition_settings(seq, image_width, image_height, **more)[
        "dimensions"
    ]
    return found


def _scaled(dim: Dimension, scale: float | None, given: Any) -> Dimension:
    if isinstance(given, str):
        dim.unit = given
    elif given is not None:
        scale, dim.unit = given
    if scale is not None:
        dim.scale = scale
    return dim


def _refuse(seq: Any) -> None:
    axes = "".join(axis for axis in seq.axis_order if axis in "pg")
    order = "".join(seq.axis_order)
    if (
        len(axes) == 2
        and seq.grid_plan is not None
        and abs(order.index("p") - order.index("g")) > 1
    ):
        raise InputError(f"Positions and grid must follow each other, but the order is '{order}'.")
    for channel in seq.channels:
        if channel.acquire_every != 1 or (seq.z_plan is not None and not channel.do_stack):
            raise InputError(
                f"Channel '{channel.config}' is not acquired in every plane and time point. Stream "
                "such frames with an unbounded first dimension and their facts as metadata."
            )
    for place in seq.stage_positions:
        sub = place.sequence
        if sub is not None and (sub.time_plan or sub.channels or sub.z_plan):
            raise InputError(
                f"Position '{place.name}' has times, channels or planes of its own; all must have "
                "the same."
            )


def _time_count(seq: Any) -> int | None:
    sizes = seq.sizes.get("t")
    try:
        return int(sizes) if sizes else None
    except (TypeError, ValueError):
        return None


def _positions(seq: Any) -> list[Position] | None:
    grid = list(seq.grid_plan) if seq.grid_plan is not None else [None]
    places = list(seq.stage_positions) or [None]
    if places == [None] and grid == [None]:
        return None
    wells: dict[tuple[Any, Any], int] = {}
    found = []
    for p, place in enumerate(places):
        sub = getattr(place, "sequence", None)
        cells = list(sub.grid_plan) if sub is not None and sub.grid_plan is not None else grid
        for cell in cells:
            row, column = getattr(place, "plate_row", None), getattr(place, "plate_col", None)
            # Numbers count from 0; names are taken as they are.
            row = row_letters(row) if isinstance(row, int) else row
            column = column + 1 if isinstance(column, int) else column
            on_plate = row is not None and column is not None
            field = wells.setdefault((row, column), 0)
            wells[row, column] += 1
            name = f"fov{field}" if on_plate else (getattr(place, "name", None) or str(p))
            grid_row, grid_column = getattr(cell, "row", None), getattr(cell, "col", None)
            if cell is not None and not on_plate and grid_row is None:
                name = f"{name}_p{p:04d}_g{field:04d}"
            found.append(
                Position(
                    name=name,
                    plate_row=str(row) if on_plate else None,
                    plate_column=str(column) if on_plate else None,
                    grid_row=grid_row if grid_column is not None else None,
                    grid_column=grid_column if grid_row is not None else None,
                    x_coord=_sum(place, cell, "x"),
                    y_coord=_sum(place, cell, "y"),
                    z_coord=getattr(place, "z", None),
                )
            )
    return found


def _sum(place: Any, cell: Any, axis: str) -> float | None:
    values = [getattr(place, axis, None), getattr(cell, axis, None)]
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def _plate(seq: Any, positions: list[Position] | None) -> Plate | None:
    plan = seq.stage_positions
    plate = getattr(plan, "plate", None)
    if plate is not None:
        return Plate.from_standard_wells((plate.rows, plate.columns), name=plate.name)
    wells = [place for place in positions or () if place.plate_row is not None]
    if not wells or len(wells) < len(positions or ()):
        return None
    rows = {place.plate_row or "" for place in wells}
    columns = {place.plate_column or "" for place in wells}
    return Plate(
        row_names=tuple(sorted(rows, key=lambda name: (len(name), name))),
        column_names=tuple(sorted(columns, key=lambda name: (len(name), name))),
    )
