"""Nikon ND2: positions, wells, z stacks and times, through the library nd2."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_tmaps.errors import FormatError
from napari_tmaps.model.channels import Channel
from napari_tmaps.model.planes import Oddity, Scan
from napari_tmaps.vendors.containers import (
    RGB_ODDITY,
    Container,
    SiteImage,
    rgb_channels,
    scan_files,
    unique_channels,
    well_in,
)
from napari_tmaps.vendors.kinds import dominant, of_kind
from napari_tmaps.vendors.listing import Listing
from napari_tmaps.vendors.opening import DAMAGE, library, no_plane, open_file

NAME = "Nikon ND2"

# Julian day of 1970-01-01 00:00.
_EPOCH_JULIAN = 2440587.5

_EXPOSURE = re.compile(r"^\s*Exposure: ([\d.]+) (us|µs|ms|s|sec)\b", re.MULTILINE)
_TO_MS = {"us": 1e-3, "µs": 1e-3, "ms": 1.0, "s": 1e3, "sec": 1e3}


def recognise(listing: Listing) -> bool:
    """True if most container files of the folder are ND2."""
    return dominant(listing) == NAME


def scan(listing: Listing) -> Scan:
    """Table of the planes of all ND2 files of a folder.

    Raises
    ------
    FormatError
        No file can be read, or the library is not installed.
    """
    names = of_kind(listing, NAME)
    _library(names[0])
    return scan_files(NAME, "nd2", listing, names, lambda name: _describe(listing.root, name))


class Nd2Planes:
    """An open ND2; series are its positions. See `pixels.PlaneFile`."""

    def __init__(self, path: Path) -> None:
        nd2 = _library(str(path))
        self._path = path
        self._file: Any = open_file(path, lambda: nd2.ND2File(path))
        self._frames = _frames(self._file)

    def read(self, series: int, page: int) -> npt.NDArray[Any]:
        """The plane (y, x); pages run over (t, c, z), colours as three channels."""
        try:
            channels, samples = _channels_samples(self._file)
            sizes = self._file.sizes
            shape = (sizes.get("T", 1), channels * samples, sizes.get("Z", 1))
            t, c, z = (int(index) for index in np.unravel_index(page, shape))
            frame = self._file.read_frame(self._frames[series, t, z])
            # (channel, y, x, sample) with every axis, whatever the library squeezes
            pixels = frame.reshape(channels, sizes["Y"], sizes["X"], samples)
            return np.array(pixels[c // samples, :, :, c % samples])
        except DAMAGE as error:
            raise no_plane(self._path, series, page, error) from error

    def close(self) -> None:
        """Give the file back."""
        self._file.close()


def _library(name: str) -> Any:
    return library("nd2", "nd2", f"'{name}' (Nikon ND2)")


def _frames(file: Any) -> dict[tuple[int, int, int], int]:
    """Number of the frame of each (position, t, z) that was recorded."""
    return {
        (index.get("P", 0), index.get("T", 0), index.get("Z", 0)): number
        for number, index in enumerate(file.loop_indices)
    }


def _channels_samples(file: Any) -> tuple[int, int]:
    samples = file.sizes.get("S", 1)
    return file.sizes.get("C", 1), samples


def _describe(root: Path, name: str) -> Container:
    with _library(name).ND2File(root / name) as file:
        return _container(file, name)


def _container(file: Any, name: str) -> Container:
    sizes = dict(file.sizes)
    unknown = set(sizes) - set("PTCZYXS")
    if unknown:
        raise FormatError(f"its axes {sorted(unknown)} are not known; there are P, T, C, Z, Y, X")
    metadata = file.metadata
    described = [] if isinstance(metadata, dict) else list(metadata.channels or ())
    channels, samples = _channels_samples(file)
    oddities: list[Oddity] = []
    named = [
        _channel(described[c], file) if c < len(described) else Channel(f"C{c + 1:02d}")
        for c in range(channels)
    ]
    exposures = _exposures(file, channels)
    named = [replace(each, exposure_ms=ms) for each, ms in zip(named, exposures, strict=True)]
    if samples > 1:
        oddities.append(RGB_ODDITY)
        named = [part for each in named for part in rgb_channels(each if channels > 1 else None)]
    voxel = file.voxel_size()
    calibrated = described[0].volume.axesCalibrated if described else (voxel.x != 1.0,) * 3
    pixel_size = (float(voxel.y), float(voxel.x)) if calibrated[0] and voxel.x > 0 else None
    frames = _frames(file)
    shape = (sizes.get("T", 1), channels * samples, sizes.get("Z", 1))
    start, notes = _notes(file, frames)
    camera = described[0].volume.cameraTransformationMatrix if described else None
    labels = _position_names(file)
    wells = [_well(label) for label in labels] if all(map(_well, labels)) else []
    images = []
    for position in range(sizes.get("P", 1)):
        pages = np.arange(int(np.prod(shape))).reshape(shape)
        heights, times = np.full(shape, np.nan), np.full(shape, np.nan)
        stage: tuple[float, float] | None = None
        for t, z in np.ndindex(shape[0], shape[2]):
            number = frames.get((position, t, z))
            if number is None:
                pages[t, :, z] = -1
            elif number in notes:
                y, x, heights[t, :, z], times[t, :, z] = notes[number]
                stage = stage or _on_image_axes(y, x, camera)
        label = labels[position] if position < len(labels) else ""
        images.append(
            SiteImage(
                name=label or f"position {position + 1}",
                path=name,
                series=position,
                channels=unique_channels(named),
                size_t=shape[0],
                size_z=shape[2],
                height=sizes["Y"],
                width=sizes["X"],
                dtype=np.dtype(file.dtype).name,
                pages=pages,
                well=wells[position] if position < len(wells) else _well(name, in_file=True),
                pixel_size_um=pixel_size,
                z_step_um=float(voxel.z) if shape[2] > 1 and voxel.z > 0 else None,
                stage_yx_um=stage,
                stage_z_um=heights,
                time_s=times,
            )
        )
    return Container(tuple(images), tuple(oddities), _facts(file, described), start_s=start)


def _channel(described: Any, file: Any) -> Channel:
    meta = described.channel
    color = "#{:02X}{:02X}{:02X}".format(*meta.color[:3]) if meta.color is not None else None
    bits = file.attributes.bitsPerComponentSignificant
    return Channel(
        name=meta.name if meta.name.strip() else f"C{meta.index + 1:02d}",
        color=color,
        excitation_nm=meta.excitationLambdaNm or None,
        emission_nm=meta.emissionLambdaNm or None,
        bit_depth=int(bits) if bits else None,
    )


def _exposures(file: Any, channels: int) -> list[float | None]:
    """Exposure (ms) of each channel: told once for each, or once for all of them."""
    told = [
        float(value) * _TO_MS[unit]
        for value, unit in _EXPOSURE.findall(str((file.text_info or {}).get("capturing", "")))
    ]
    if len(told) == 1:
        told *= channels
    return list(told) if len(told) == channels else [None] * channels


def _notes(
    file: Any, frames: dict[tuple[int, int, int], int]
) -> tuple[float | None, dict[int, tuple[float, float, float, float]]]:
    """Start of the acquisition (s since 1970), and stage y, x, z (µm) and time (s) by frame."""
    if file.is_legacy:
        return None, {}
    start: float | None = None
    notes = {}
    # Within a stack the library gives all planes one height; the recorded data tell them apart.
    stack = "Z" in file.sizes
    recorded = file.events() if stack else []
    heights = {each["Index"]: each.get("Z Coord [µm]", np.nan) for each in recorded}
    for number in frames.values():
        first = file.frame_metadata(number).channels[0]
        stage, time = first.position.stagePositionUm, first.time
        height = heights.get(number, np.nan) if stack else stage.z
        elapsed = time.relativeTimeMs / 1000
        if start is None and time.absoluteJulianDayNumber > _EPOCH_JULIAN:
            start = (time.absoluteJulianDayNumber - _EPOCH_JULIAN) * 86400 - elapsed
        notes[number] = (stage.y, stage.x, float(height), elapsed)
    return start, notes


def _on_image_axes(
    y: float, x: float, camera: tuple[float, float, float, float] | None
) -> tuple[float, float]:
    """The stage position along the axes of the picture (y down), µm.

    The camera may be turned against the stage. The files hold the rotation R from picture to
    stage, whose y runs up: stage = diag(1, -1) · R · picture; that is the relation between
    cameraTransformationMatrix and pixelToStageTransformationMatrix of files that have both.
    """
    rotation = np.asarray(camera if camera else (1.0, 0.0, 0.0, 1.0), dtype=float).reshape(2, 2)
    picture = np.linalg.solve(rotation, np.array([x, -y]))
    return float(picture[1]), float(picture[0])


def _position_names(file: Any) -> list[str]:
    for loop in file.experiment:
        if loop.type == "XYPosLoop":
            return [point.name or "" for point in loop.parameters.points]
    return []


def _well(text: str, *, in_file: bool = False) -> str | None:
    """The well in the name of a position ("B02", "B2_0003"), or in that of a file ("WellB02_…")."""
    pattern = (
        r"(?:^|[/_])Well([A-Z]{1,2}\d{1,2})_" if in_file else r"^([A-Za-z]{1,2}\d{1,2})(?:_|$)"
    )
    match = re.search(pattern, text)
    return well_in(match[1]) if match else None


def _facts(file: Any, described: list[Any]) -> dict[str, Any]:
    microscope = described[0].microscope if described else None
    facts = {
        "objective": getattr(microscope, "objectiveName", None),
        "magnification": getattr(microscope, "objectiveMagnification", None),
        "started": (file.text_info or {}).get("date"),
    }
    return {key: value for key, value in facts.items() if value}
