"""What an OME-XML document says: plates, channels, and the places and times of planes.

After the OME data model of June 2016; elements are found whatever the year of their name space.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_tmaps.model.channels import Channel
from napari_tmaps.model.wells import WellName
from napari_tmaps.vendors.opening import number

# Units of length in µm and of time in s; others (pixel, reference frame) are no physical size.
_UM = {
    "pm": 1e-6,
    "Å": 1e-4,
    "nm": 1e-3,
    "µm": 1.0,
    "μm": 1.0,
    "um": 1.0,
    "mm": 1e3,
    "cm": 1e4,
    "m": 1e6,
    "in": 25400.0,
}
_SECONDS = {"ns": 1e-9, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0}


@dataclass(frozen=True, slots=True)
class Place:
    """Where an image lies: plate, well, and centre on the stage (y, x) in µm if stated."""

    plate: str
    well: str
    stage: tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class Notes:
    """What is noted with the planes of an image.

    Attributes
    ----------
    stage
        Centre (y, x) on the stage, µm, as stored.
    stage_z_um, time_s
        Shape (t, c, z), NaN where nothing is noted.
    exposure_ms
        By number of the channel.
    """

    stage: tuple[float, float] | None
    stage_z_um: npt.NDArray[np.float64]
    time_s: npt.NDArray[np.float64]
    exposure_ms: dict[int, float]


class _Nothing:
    """Stands for an element that is not there."""

    text: str | None = None

    def get(self, name: str, default: str | None = None) -> str | None:
        return default


NOTHING: Any = _Nothing()
"""Default where an element may be absent."""


def every(element: Any, tag: str) -> Iterator[Any]:
    """Elements below of that name, whatever the name space."""
    yield from element.iter(f"{{*}}{tag}")


def length_um(element: Any, name: str) -> float | None:
    """A length in µm, None without a unit that is one; µm is OME's default."""
    value = number(element.get(name))
    factor = _UM.get(element.get(f"{name}Unit") or "µm")
    if value is None or factor is None or (name.startswith("Physical") and value <= 0):
        return None
    return float(f"{value * factor:.15g}")


def _position(element: Any, names: tuple[str, str]) -> tuple[float, float] | None:
    y, x = (length_um(element, name) for name in names)
    return None if y is None or x is None else (y, x)


def plates(root: Any) -> dict[str, Place]:
    """Image ID → where it lies on which plate."""
    places = {}
    for number_, plate in enumerate(every(root, "Plate")):
        name = plate.get("Name") or plate.get("ExternalIdentifier") or f"plate {number_ + 1}"
        for well in every(plate, "Well"):
            position = WellName.at(int(well.get("Row", "-1")), int(well.get("Column", "-1")))
            for sample in every(well, "WellSample"):
                stage = _position(sample, ("PositionY", "PositionX"))
                for reference in every(sample, "ImageRef"):
                    places[reference.get("ID", "")] = Place(name, str(position), stage)
    return places


def channel(element: Any, index: int) -> Channel:
    """The channel of an element, C01 … where it has no name or there is no element."""
    if element is None:
        return Channel(f"C{index + 1:02d}")
    name = (element.get("Name") or "").strip() or (element.get("Fluor") or "").strip()
    color = element.get("Color")
    return Channel(
        name=name or f"C{index + 1:02d}",
        # Signed 32 bits, red in the highest byte, opacity in the lowest.
        color=f"#{(int(color) >> 8) & 0xFFFFFF:06X}" if color and int(color) != -1 else None,
        excitation_nm=_nanometres(element, "ExcitationWavelength"),
        emission_nm=_nanometres(element, "EmissionWavelength"),
    )


def _nanometres(element: Any, name: str) -> float | None:
    value = number(element.get(name))
    factor = _UM.get(element.get(f"{name}Unit") or "nm")
    return None if value is None or factor is None else float(f"{value * factor * 1e3:.15g}")


def significant_bits(pixels: Any) -> int | None:
    """Bits that the camera used; None if not stated."""
    bits = number(pixels.get("SignificantBits"))
    return int(bits) if bits else None


def plane_notes(pixels: Any, shape: tuple[int, int, int]) -> Notes:
    """Positions, times and exposures of the planes, by (t, c, z)."""
    heights, times = np.full(shape, np.nan), np.full(shape, np.nan)
    stage: tuple[float, float] | None = None
    exposure_ms: dict[int, float] = {}
    for plane in every(pixels, "Plane"):
        t, c, z = (int(plane.get(f"The{axis}") or 0) for axis in "TCZ")
        if not (t < shape[0] and c < shape[1] and z < shape[2]):
            continue
        height = length_um(plane, "PositionZ")
        heights[t, c, z] = np.nan if height is None else height
        time = number(plane.get("DeltaT"))
        factor = _SECONDS.get(plane.get("DeltaTUnit") or "s")
        if time is not None and factor is not None:
            times[t, c, z] = time * factor
        exposure = number(plane.get("ExposureTime"))
        factor = _SECONDS.get(plane.get("ExposureTimeUnit") or "s")
        if exposure is not None and factor is not None:
            exposure_ms.setdefault(c, float(f"{exposure * factor * 1e3:.12g}"))
        stage = stage or _position(plane, ("PositionY", "PositionX"))
    return Notes(stage, heights, times, exposure_ms)


def facts(root: Any) -> dict[str, Any]:
    """Objective, software and start as JSON values, as far as stated."""
    objective = next(every(root, "Objective"), NOTHING)
    stated = {
        "software": root.get("Creator"),
        "objective": objective.get("Model"),
        "magnification": number(objective.get("NominalMagnification")),
        "started": next(every(root, "AcquisitionDate"), NOTHING).text,
    }
    return {key: value for key, value in stated.items() if value}
