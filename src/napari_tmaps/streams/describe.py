"""What the settings of an acquisition say of each image, in the words of OME."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import numpy as np

from napari_tmaps.errors import InputError
from napari_tmaps.model.channels import Channel
from napari_tmaps.model.wells import WellName
from napari_tmaps.streams.acquisition import AcquisitionSettings
from napari_tmaps.streams.dimensions import Dimension
from napari_tmaps.streams.omexml import OmeImage, PlaneFacts
from napari_tmaps.streams.order import Place
from napari_tmaps.streams.plainjson import plain
from napari_tmaps.streams.units import to_micrometers, to_seconds

SPECIAL = ("delta_t", "exposure_time", "position_x", "position_y", "position_z")
"""Facts of frames that OME has a field for: times in s, positions in µm."""


def check_facts(given: Mapping[str, Any]) -> dict[str, Any]:
    """Facts of a frame as plain JSON values.

    Raises
    ------
    InputError
        JSON cannot hold one, or one that OME has a field for is no number.
    """
    facts: dict[str, Any] = plain(given, "metadata")
    for key in SPECIAL:
        value = facts.get(key)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
            raise InputError(f"metadata['{key}'] must be a number (s, µm), but is {value!r}.")
    return facts


def started() -> datetime:
    """Now, as AcquisitionDate."""
    return datetime.now(UTC).replace(microsecond=0)


def by_name(settings: AcquisitionSettings, name: str) -> Dimension | None:
    """The dimension of that name."""
    return next((dim for dim in settings.dimensions if dim.name == name), None)


def image_channels(settings: AcquisitionSettings) -> tuple[Channel, ...]:
    """The channels as other rooms know them; empty if they have no names."""
    for dim in settings.dimensions:
        if dim.type == "channel" and dim.coords:
            return tuple(
                Channel(
                    name=str(getattr(item, "name", item)),
                    color=getattr(item, "color", None),
                    excitation_nm=getattr(item, "excitation_wavelength_nm", None),
                    emission_nm=getattr(item, "emission_wavelength_nm", None),
                    fluorophore=getattr(item, "fluorophore", None),
                )
                for item in dim.coords
            )
    return ()


def ome_image(
    settings: AcquisitionSettings,
    position: int,
    shape: Place,
    acquired: datetime,
    annotations: Mapping[str, Mapping[str, str]] | None = None,
) -> OmeImage:
    """One position as OME describes it, without facts of planes.

    Parameters
    ----------
    shape
        Sizes of the stored dimensions before the plane.
    """
    sizes = {
        dim.name: size for dim, size in zip(settings.storage_index_dimensions, shape, strict=True)
    }
    place = settings.positions[position]
    plate, well, plate_size, site = None, None, None, 0
    if settings.plate is not None:
        rows, columns = settings.plate.row_names, settings.plate.column_names
        plate = settings.plate.name or "Plate"
        plate_size = len(rows), len(columns)
        well = WellName.at(
            rows.index(place.plate_row or ""), columns.index(place.plate_column or "")
        )
        before = settings.positions[:position]
        site = sum(item.group[:2] == place.group[:2] for item in before)
    steps = {
        axis: (dim.scale, dim.unit) if (dim := by_name(settings, axis)) else (None, None)
        for axis in "tzyx"
    }
    z, y, x = (to_micrometers(*steps[axis]) for axis in "zyx")
    height, width = (dim.count or 1 for dim in settings.frame_dimensions)
    channels = image_channels(settings)[: sizes.get("c", 1)]
    return OmeImage(
        shape=(sizes.get("t", 1), sizes.get("c", 1), sizes.get("z", 1), height, width),
        dtype=np.dtype(settings.dtype),
        name=place.name,
        pixel_size_um=(z, y, x),
        time_step_s=to_seconds(*steps["t"]),
        channels=channels,
        acquired=acquired,
        plate=plate,
        plate_size=plate_size,
        well=well,
        site=site,
        stage_um=(place.z_coord, place.y_coord, place.x_coord),
        annotations=annotations or {},
    )


def plane_facts(
    settings: AcquisitionSettings, place: Place, facts: Mapping[str, Any]
) -> PlaneFacts:
    """What OME has fields for, of the facts of a frame."""
    dims = settings.storage_index_dimensions
    at = {dim.name: index for dim, index in zip(dims, place, strict=True)}
    exposure = facts.get("exposure_time")
    return PlaneFacts(
        at.get("t", 0),
        at.get("c", 0),
        at.get("z", 0),
        position_um=(facts.get("position_z"), facts.get("position_y"), facts.get("position_x")),
        time_s=facts.get("delta_t"),
        exposure_ms=None if exposure is None else round(exposure * 1000, 9),
    )


def other_facts(facts: Mapping[str, Any]) -> dict[str, str]:
    """The rest of the facts of a frame, as texts."""
    return {
        key: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        for key, value in facts.items()
        if key not in SPECIAL
    }
