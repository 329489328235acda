"""OME-XML: what is known of images, in the words of the Open Microscopy Environment.

Source: the OME schema 2016-06, https://docs.openmicroscopy.org/ome-model.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_tmaps.errors import FormatError, InputError
from napari_tmaps.model.channels import Channel
from napari_tmaps.model.wells import WellName

if TYPE_CHECKING:
    from ome_types import OME, model

OME_NAMES = {"float32": "float", "float64": "double"}
_NUMPY_NAMES = {"float": "float32", "double": "float64", "bit": "uint8"}
MICROMETERS = {"pm": 1e-6, "Å": 1e-4, "nm": 1e-3, "µm": 1.0, "mm": 1e3, "cm": 1e4, "m": 1e6,
                "in": 25400.0}  # fmt: skip
SECONDS = {"ns": 1e-9, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
# XML 1.0 has no place for these characters, not even escaped.
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


@dataclass(frozen=True, slots=True)
class PlaneFacts:
    """When, where and how one plane was recorded; None where unknown.

    Attributes
    ----------
    position_um
        Of the stage (z, y, x).
    time_s
        Since the beginning of the acquisition.
    """

    t: int
    c: int
    z: int
    position_um: tuple[float | None, float | None, float | None] = (None, None, None)
    time_s: float | None = None
    exposure_ms: float | None = None


@dataclass(frozen=True, slots=True)
class PageRun:
    """Pages of a TIFF that follow each other, and the planes on them.

    Attributes
    ----------
    first
        (t, c, z) of the first plane; the others follow in the order of the image.
    page
        Number of the first page in its file.
    file, uuid
        Of the file, if there are several.
    """

    first: tuple[int, int, int]
    page: int
    count: int
    file: str | None = None
    uuid: str | None = None


@dataclass(frozen=True, slots=True)
class Stored:
    """How the planes of one image lie in TIFF files.

    Attributes
    ----------
    order
        DimensionOrder of OME, fastest first, e.g. "XYZCT".
    planes, notes
        Elements Plane, and the annotations they refer to, as text: a stream makes each once.
    """

    order: str
    runs: tuple[PageRun, ...]
    planes: str = ""
    notes: str = ""


@dataclass(frozen=True, kw_only=True)
class OmeImage:
    """One image as OME describes it, without its pixels.

    Attributes
    ----------
    shape
        (t, c, z, y, x).
    samples
        Values a pixel: 1, or 3 or 4 for RGB(A).
    pixel_size_um
        (z, y, x); None where unknown.
    channels
        One for each c, or none. Their exposure goes to the planes, their bit depth to the image if
        all have the same.
    planes
        Facts of single planes, of as many as are known.
    plate, well, site
        Where the image was taken; plate and well belong together, the site counts from 0.
    plate_size
        Rows and columns of the plate; None where unknown.
    stage_um
        Where the stage stood (z, y, x).
    annotations
        Facts that OME has no field for: namespace → key → text.
    """

    shape: tuple[int, int, int, int, int]
    dtype: np.dtype[Any]
    samples: int = 1
    name: str = ""
    description: str = ""
    pixel_size_um: tuple[float | None, float | None, float | None] = (None, None, None)
    time_step_s: float | None = None
    channels: tuple[Channel, ...] = ()
    acquired: datetime | None = None
    planes: tuple[PlaneFacts, ...] = ()
    plate: str | None = None
    well: WellName | None = None
    site: int = 0
    plate_size: tuple[int, int] | None = None
    stage_um: tuple[float | None, float | None, float | None] = (None, None, None)
    annotations: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.channels and len(self.channels) != self.shape[1]:
            raise InputError(
                f"The image has {self.shape[1]} channels, but {len(self.channels)} are described. "
                "Describe all of them or none."
            )


def parse_omexml(text: str) -> tuple[OmeImage, ...]:
    """The images that an OME-XML document describes; the other way round, from any program.

    Raises
    ------
    FormatError
        The text is no valid OME-XML.
    """
    from ome_types import from_xml

    try:
        ome = from_xml(text)
        return tuple(_parse_image(ome, image) for image in ome.images)
    except (ValueError, TypeError, KeyError, SyntaxError) as error:
        raise FormatError(
            f"The OME-XML is not valid: {error}. Write the file again with the program that made "
            "it, or open it as a plain TIFF."
        ) from error


def clean(text: str) -> str:
    """The text with the replacement character � for what XML cannot hold (control characters)."""
    return _NOT_XML.sub("\ufffd", text)


def _parse_image(ome: OME, image: model.Image) -> OmeImage:
    pixels = image.pixels
    samples = max((channel.samples_per_pixel or 1 for channel in pixels.channels), default=1)
    planes = tuple(_parse_plane(plane) for plane in pixels.planes)
    z, y, x = (_length(pixels, f"physical_size_{axis}") for axis in "zyx")
    plate, well, site = _parse_place(ome, image.id)
    return OmeImage(
        shape=(
            pixels.size_t,
            pixels.size_c // samples,
            pixels.size_z,
            pixels.size_y,
            pixels.size_x,
        ),
        dtype=np.dtype(_NUMPY_NAMES.get(pixels.type.value, pixels.type.value)),
        samples=samples,
        name=image.name or "",
        description=image.description or "",
        pixel_size_um=(z, y, x),
        time_step_s=_seconds(pixels, "time_increment"),
        channels=_parse_channels(pixels, planes),
        acquired=image.acquisition_date,
        planes=planes,
        plate=plate,
        well=well,
        site=site,
        annotations=_parse_annotations(ome, image),
    )


def _parse_channels(pixels: model.Pixels, planes: Sequence[PlaneFacts]) -> tuple[Channel, ...]:
    # The library fills in white, the default of the schema, where the file states no colour.
    stated = [
        channel.color if "color" in channel.model_fields_set else None
        for channel in pixels.channels
    ]
    if not any(channel.name for channel in pixels.channels) and not any(stated):
        return ()
    exposures = {plane.c: plane.exposure_ms for plane in reversed(planes) if plane.exposure_ms}
    return tuple(
        Channel(
            name=channel.name or f"Channel {c}",
            color=None if color is None else color.as_hex("long")[:7].upper(),
            excitation_nm=channel.excitation_wavelength,
            emission_nm=channel.emission_wavelength,
            exposure_ms=exposures.get(c),
            bit_depth=pixels.significant_bits,
            fluorophore=channel.fluor or None,
        )
        for c, (channel, color) in enumerate(zip(pixels.channels, stated, strict=True))
    )


def _parse_plane(plane: model.Plane) -> PlaneFacts:
    z, y, x = (_length(plane, f"position_{axis}") for axis in "zyx")
    exposure = _seconds(plane, "exposure_time")
    return PlaneFacts(
        plane.the_t,
        plane.the_c,
        plane.the_z,
        position_um=(z, y, x),
        time_s=_seconds(plane, "delta_t"),
        exposure_ms=None if exposure is None else round(exposure * 1000, 9),
    )


def _parse_place(ome: OME, image_id: str) -> tuple[str | None, WellName | None, int]:
    for plate in ome.plates:
        for well in plate.wells:
            for sample in well.well_samples:
                if sample.image_ref is not None and sample.image_ref.id == image_id:
                    name = WellName.at(well.row, well.column)
                    return plate.name or plate.id, name, sample.index
    return None, None, 0


def _parse_annotations(ome: OME, image: model.Image) -> dict[str, dict[str, str]]:
    if ome.structured_annotations is None:
        return {}
    wanted = {reference.id for reference in image.annotation_refs}
    return {
        note.namespace or note.id: {entry.k or "": entry.value for entry in note.value.ms}
        for note in ome.structured_annotations.map_annotations
        if note.id in wanted and note.value is not None
    }


def _length(owner: model.Pixels | model.Plane, name: str) -> float | None:
    """A length in µm; None where it is unknown, or in a unit that is no length (pixel)."""
    value, unit = getattr(owner, name), getattr(owner, f"{name}_unit").value
    return None if value is None or unit not in MICROMETERS else value * MICROMETERS[unit]


def _seconds(owner: model.Pixels | model.Plane, name: str) -> float | None:
    value, unit = getattr(owner, name), getattr(owner, f"{name}_unit").value
    return None if value is None or unit not in SECONDS else value * SECONDS[unit]
