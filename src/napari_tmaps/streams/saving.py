"""Save frames and their metadata: an OME-TIFF with a metadata.json beside it."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import (
    AfterValidator,
    AliasGenerator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    field_validator,
)
from pydantic.alias_generators import to_pascal

from napari_tmaps.errors import FormatError, InputError
from napari_tmaps.model.channels import Channel
from napari_tmaps.streams.atomic import write_json
from napari_tmaps.streams.axes import SAMPLES, check_axes, full_shape, take_planes
from napari_tmaps.streams.layerdata import LayerData
from napari_tmaps.streams.layers import save_layers
from napari_tmaps.streams.ometiff import read_ometiff_facts, write_planes
from napari_tmaps.streams.omexml import MICROMETERS, SECONDS, OmeImage, PlaneFacts
from napari_tmaps.streams.plainjson import plain

__all__ = [
    "LayerData",
    "MetaData",
    "OutputParameters",
    "read_metadata",
    "save_config_frames",
    "save_layers",
]

NAMESPACE = "napari-tmaps/metadata"
"""Of the annotation in the OME-XML that holds every field as it was given."""

_SPELLINGS = {"um": "µm", "μm": "µm", "micron": "µm", "micrometer": "µm", "nanometer": "nm",
              "millimeter": "mm", "us": "µs", "sec": "s", "second": "s", "minute": "min",
              "hour": "h", "millisecond": "ms"}  # fmt: skip


def _unit(known: dict[str, float]) -> Any:
    def check(unit: str) -> str:
        unit = _SPELLINGS.get(unit, unit)
        if unit not in known:
            raise InputError(f"'{unit}' is no unit known here; there are {', '.join(known)}.")
        return unit

    return AfterValidator(check)


LengthUnit = Annotated[str, _unit(MICROMETERS)]
TimeUnit = Annotated[str, _unit(SECONDS)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NamedChannel = Annotated[
    Channel, BeforeValidator(lambda value: {"name": value} if isinstance(value, str) else value)
]


class MetaData(BaseModel):
    """What is known of recorded frames. Further fields, of any name, are kept too.

    Fields may also be given in the spelling of OME-XML: `PhysicalSizeX` is `physical_size_x`.

    Attributes
    ----------
    axes
        One letter for each dimension of the frames, any order and subset of TCZYX, and S for RGB.
    notes
        For people; saved in metadata.json only, never in the image.
    channels
        Names or full descriptions, one for each channel.
    time_increment
        Between two time points.
    exposure_time
        Of every frame, for channels that do not state their own.
    """

    model_config = ConfigDict(
        extra="allow",
        loc_by_alias=False,
        validate_assignment=True,
        validate_by_name=True,
        validate_by_alias=True,
        alias_generator=AliasGenerator(validation_alias=to_pascal),
    )

    axes: str
    notes: Any = None
    name: str = ""
    description: str = ""
    physical_size_x: Positive | None = None
    physical_size_x_unit: LengthUnit = "µm"
    physical_size_y: Positive | None = None
    physical_size_y_unit: LengthUnit = "µm"
    physical_size_z: Positive | None = None
    physical_size_z_unit: LengthUnit = "µm"
    time_increment: Positive | None = None
    time_increment_unit: TimeUnit = "s"
    exposure_time: Positive | None = None
    exposure_time_unit: TimeUnit = "ms"
    channels: tuple[NamedChannel, ...] = ()
    acquisition_date: datetime | None = None

    @field_validator("axes")
    @classmethod
    def _axes(cls, axes: str) -> str:
        return check_axes(axes)


class OutputParameters(BaseModel):
    """Where to save.

    Attributes
    ----------
    output_path
        Folder; made if it is not there.
    output_name
        Name of the image without ending.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    output_path: Path
    output_name: str

    @field_validator("output_name")
    @classmethod
    def _name(cls, name: str) -> str:
        name = name.removesuffix(".ome.tiff")
        if not name.strip(". ") or set(name) & set('/\\\0:*?"<>|'):
            raise InputError(
                f"'{name}' cannot be the name of a file. Use letters, digits, spaces, - and _; "
                "folders belong into output_path."
            )
        return name


def save_config_frames(config: MetaData, frames: Any, outputparams: OutputParameters) -> None:
    """Save frames as `<output_name>.ome.tiff`, and all metadata as `metadata.json` beside it.

    The image is a BigTIFF; its OME-XML carries all fields but the notes: in the fields of OME where
    there is one, and every one that was given in an annotation, from which `read_metadata` takes
    them again. Files that are there already are replaced, each only when the new one is whole.

    Parameters
    ----------
    config
        What is known of the frames.
    frames
        Array whose dimensions are `config.axes`; a lazy one (dask) is computed plane by plane.
    outputparams
        Where to save.

    Raises
    ------
    InputError
        Axes or channels that do not fit the frames, or a value that no file can hold.
    StorageError
        The disk is full, or refuses.

    Examples
    --------
    >>> config = MetaData(axes="TYX", notes="Example metadata")
    >>> frames = np.random.rand(10, 256, 256)
    >>> outputparams = OutputParameters(output_path="./output", output_name="example")
    >>> save_config_frames(config, frames, outputparams)  # doctest: +SKIP
    """
    axes = check_axes(config.axes, frames.shape)
    fields = plain(config.model_dump(), "metadata")
    shape = full_shape(axes, frames.shape)
    exposure = _in(SECONDS, config.exposure_time, config.exposure_time_unit)
    image = OmeImage(
        shape=shape,
        dtype=np.dtype(frames.dtype),
        samples=frames.shape[axes.index(SAMPLES)] if SAMPLES in axes else 1,
        name=config.name or outputparams.output_name,
        description=config.description,
        pixel_size_um=(
            _in(MICROMETERS, config.physical_size_z, config.physical_size_z_unit),
            _in(MICROMETERS, config.physical_size_y, config.physical_size_y_unit),
            _in(MICROMETERS, config.physical_size_x, config.physical_size_x_unit),
        ),
        time_step_s=_in(SECONDS, config.time_increment, config.time_increment_unit),
        channels=config.channels,
        acquired=config.acquisition_date,
        planes=_exposures(shape, config.channels, exposure),
        annotations={
            NAMESPACE: {
                key: json.dumps(fields[key], ensure_ascii=False)
                for key in config.model_dump(exclude_unset=True, exclude={"notes"})
            }
        },
    )
    folder = outputparams.output_path
    write_planes(folder / f"{outputparams.output_name}.ome.tiff", take_planes(frames, axes), image)
    write_json(folder / "metadata.json", fields)


def read_metadata(path: Path) -> MetaData:
    """The metadata, without notes, from an image that `save_config_frames` saved.

    Raises
    ------
    NotFoundError
        There is no such file.
    FormatError
        The file is damaged, or was saved by another program.
    """
    fields = read_ometiff_facts(path).annotations.get(NAMESPACE)
    if fields is None:
        raise FormatError(
            f"'{path}' carries no metadata of save_config_frames: another program has saved it. "
            "Read it with read_ometiff."
        )
    return MetaData(**{key: json.loads(text) for key, text in fields.items()})


def _in(factors: dict[str, float], value: float | None, unit: str) -> float | None:
    return None if value is None else value * factors[unit]


def _exposures(
    shape: tuple[int, ...], channels: tuple[Channel, ...], exposure_s: float | None
) -> tuple[PlaneFacts, ...]:
    if exposure_s is None:
        return ()
    return tuple(
        PlaneFacts(t, c, z, exposure_ms=exposure_s * 1000)
        for t, c, z in np.ndindex(*shape[:3])
        if not channels or channels[c].exposure_ms is None
    )
