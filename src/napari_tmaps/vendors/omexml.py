"""What an OME-XML document says: plates, channels, and the places and times of planes.

After the OME data model of June 2016; elements are found whatever the year of their name space.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_tmaps.errors import FormatError
from napari_tmaps.model.channels import Channel
from napari_tmaps.model.planes import Oddity
from napari_tmaps.model.wells import PlateFormat, WellName
from napari_tmaps.vendors.containers import SiteImage, check_planes, rgb_channels, unique_channels
from napari_tmaps.vendors.opening import number, seconds

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
_DTYPES = {"float": "float32", "double": "float64", "bit": "bool"}
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


UPSIDE = Oddity(
    "doubtful",
    "OME-XML does not tell whether the stage counts y up or down; down is assumed. If rows of "
    "sites come out reversed, state the layout.",
)


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


def plate_format(root: Any) -> PlateFormat | None:
    """Rows and columns of the first plate, as far as stated."""
    plate = next(every(root, "Plate"), NOTHING)
    rows, columns = number(plate.get("Rows")), number(plate.get("Columns"))
    return PlateFormat(int(rows), int(columns)) if rows and columns else None


def site_image(index: int, element: Any, place: Place | None) -> tuple[SiteImage, int]:
    """An Image element as a site, all its planes there, without a path; and colours of a pixel.

    Colours are 1, or 3, the parts of a colour picture, each a channel of its own: c = 3 · channel
    of the file + colour. A fourth sample is transparency and left out.

    Raises
    ------
    FormatError
        It tells of no pixels, or of none that can be.
    """
    pixels = next(every(element, "Pixels"), None)
    if pixels is None:
        raise FormatError(f"its image {index + 1} has no Pixels in the OME-XML")
    sizes = {axis: int(pixels.get(f"Size{axis}", "0")) for axis in "XYZCT"}
    described = list(every(pixels, "Channel"))
    samples = int(described[0].get("SamplesPerPixel") or 1) if described else 1
    if samples < 1:
        raise FormatError(f"its image {index + 1} has pixels of {samples} samples in the OME-XML")
    planes = sizes["C"] // samples
    colors = 3 if samples > 1 else 1
    shape = (sizes["T"], planes, sizes["Z"])
    check_planes(*shape, sizes["Y"], sizes["X"])
    channels = [channel(described[c] if c < len(described) else None, c) for c in range(planes)]
    if colors > 1:
        channels = [p for each in channels for p in rgb_channels(each if planes > 1 else None)]
    notes = plane_notes(pixels, shape)
    bits = significant_bits(pixels)
    y, x, z = (length_um(pixels, f"PhysicalSize{axis}") for axis in "YXZ")
    image = SiteImage(
        name=element.get("Name") or f"image {index + 1}",
        path="",
        channels=unique_channels(
            replace(each, exposure_ms=notes.exposure_ms.get(n // colors), bit_depth=bits)
            for n, each in enumerate(channels)
        ),
        size_t=sizes["T"],
        size_z=sizes["Z"],
        height=sizes["Y"],
        width=sizes["X"],
        dtype=_DTYPES.get(pixels.get("Type", ""), pixels.get("Type", "")),
        plate=place.plate if place else "",
        well=place.well if place else None,
        pixel_size_um=None if y is None or x is None else (y, x),
        z_step_um=z if sizes["Z"] > 1 else None,
        stage_yx_um=notes.stage if notes.stage is not None else (place.stage if place else None),
        stage_z_um=np.repeat(notes.stage_z_um, colors, axis=1),
        time_s=np.repeat(notes.time_s, colors, axis=1),
    )
    return image, colors


def on_one_clock(
    images: Iterable[SiteImage], elements: Iterable[Any]
) -> tuple[tuple[SiteImage, ...], float | None]:
    """Times of all images from the first date that one of their elements tells, and that date."""
    dates = [seconds(next(every(element, "AcquisitionDate"), NOTHING).text) for element in elements]
    start = next((date for date in dates if date is not None), None)
    return tuple(
        replace(image, time_s=image.time_s + (date - start))
        if date is not None and start is not None and image.time_s is not None
        else image
        for image, date in zip(images, dates, strict=True)
    ), start


def channel(element: Any, index: int) -> Channel:
    """The channel of an element, C01 … where it has no name or there is no element."""
    if element is None:
        return Channel(f"C{index + 1:02d}")
    fluorophore = (element.get("Fluor") or "").strip()
    name = (element.get("Name") or "").strip() or fluorophore
    color = element.get("Color")
    return Channel(
        name=name or f"C{index + 1:02d}",
        # Signed 32 bits, red in the highest byte, opacity in the lowest.
        color=f"#{(int(color) >> 8) & 0xFFFFFF:06X}" if color and int(color) != -1 else None,
        excitation_nm=_nanometres(element, "ExcitationWavelength"),
        emission_nm=_nanometres(element, "EmissionWavelength"),
        fluorophore=fluorophore or None,
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
