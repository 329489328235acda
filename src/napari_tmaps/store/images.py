"""The image of a site, wherever its pixels lie: in the plate, or in the microscope's files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from napari_tmaps.errors import FormatError, MissingError, NotFoundError, unknown
from napari_tmaps.model.channels import Channel
from napari_tmaps.model.recorded import numbers_text
from napari_tmaps.store.plan import ImagePlan, PlannedPlane, SourceFolder
from napari_tmaps.streams import ngff
from napari_tmaps.streams.ngff import ImageInfo
from napari_tmaps.streams.planefiles import PlaneParts
from napari_tmaps.vendors.pixels import PlaneReader

Geometry = tuple[float | None, float | None, float | None]

Z_OF_CHANNELS: Literal["z_of_channels"] = "z_of_channels"
T_OF_CHANNELS: Literal["t_of_channels"] = "t_of_channels"
"""Attributes of an image, and keys of its plan: z planes, and time points, of each channel, where
some have fewer."""


class SiteImage(Protocol):
    """One image: a site in one cycle.

    Attributes
    ----------
    times
        Number of time points.
    channels
        In the order of the image.
    time_step_s
        Between time points; None where unknown.
    pixel_size_um, translation_um
        (z, y, x).
    source
        Digest of what the image is made of.
    """

    @property
    def times(self) -> int: ...
    @property
    def channels(self) -> tuple[Channel, ...]: ...
    @property
    def time_step_s(self) -> float | None: ...
    @property
    def pixel_size_um(self) -> Geometry: ...
    @property
    def translation_um(self) -> tuple[float, float, float]: ...
    @property
    def source(self) -> str: ...

    def z_of(self, channel: str) -> list[int]:
        """z of the planes of a channel: all of the image, or fewer, e.g. one beside a stack.

        Raises
        ------
        NotFoundError
            There is no such channel.
        """

    def t_of(self, channel: str) -> list[int]:
        """Time points at which a channel was recorded: all of the image, or fewer.

        Raises
        ------
        NotFoundError
            There is no such channel.
        """

    def read_channel(self, channel: str, t: int, *, z: int | None = None) -> npt.NDArray[Any]:
        """(z, y, x) in the original pixel type, the planes those of `z_of`, or `z` alone.

        Raises
        ------
        NotFoundError
            There is no such channel, or no such plane of it.
        MissingError
            A plane that is read was never recorded, or the channel not at that time.
        """

    def close(self) -> None:
        """Give files back that reading opened; the image can be read again."""


@dataclass(frozen=True)
class StoredImage:
    """An OME-Zarr image; `name` is what messages call it."""

    path: Path
    info: ImageInfo
    name: str

    @property
    def times(self) -> int:
        """See SiteImage."""
        return self.info.shape[0]

    @property
    def channels(self) -> tuple[Channel, ...]:
        """See SiteImage."""
        return self.info.channels

    @property
    def time_step_s(self) -> float | None:
        """See SiteImage."""
        return self.info.time_step_s

    @property
    def pixel_size_um(self) -> Geometry:
        """See SiteImage."""
        return self.info.pixel_size_um

    @property
    def translation_um(self) -> tuple[float, float, float]:
        """See SiteImage."""
        return self.info.translation_um

    @property
    def source(self) -> str:
        """See SiteImage."""
        return str(self.info.attributes.get("source", ""))

    def z_of(self, channel: str) -> list[int]:
        """See SiteImage."""
        return self._own(channel, Z_OF_CHANNELS, 2)

    def t_of(self, channel: str) -> list[int]:
        """See SiteImage."""
        return self._own(channel, T_OF_CHANNELS, 0)

    def _own(self, channel: str, key: str, axis: int) -> list[int]:
        c = _index(self.channels, channel)
        uneven = self.info.attributes.get(key)
        return list(range(self.info.shape[axis])) if uneven is None else list(uneven[c])

    def read_channel(
        self, channel: str, t: int, level: int = 0, *, z: int | None = None
    ) -> npt.NDArray[Any]:
        """See SiteImage; `level` of the pyramid: 0 is full size, -1 the coarsest."""
        c, own = _index(self.channels, channel), _asked_for(channel, self.z_of(channel), z)
        _refuse_times(self.name, channel, t, self.t_of(channel))
        _refuse_gaps(self.name, channel, t, own, {z for z in own if (t, c, z) in self.info.missing})
        whole = slice(None)
        parts = self._levels[level] if level else self.parts
        planes = [parts.part(t, c, z, whole, whole) for z in own]
        return planes[0][None] if len(planes) == 1 else np.stack(planes)

    @cached_property
    def parts(self) -> PlaneParts:
        """The pixels of full size, t c z y x; opened once."""
        return ngff.read_parts(self.path, 1)[0]

    @cached_property
    def _levels(self) -> tuple[PlaneParts, ...]:
        return ngff.read_parts(self.path)

    def close(self) -> None:
        """See SiteImage."""


@dataclass(frozen=True)
class OriginalImage:
    """An image whose pixels are read from the microscope's files when they are needed."""

    plan: ImagePlan
    readers: Mapping[str, PlaneReader]

    @property
    def times(self) -> int:
        """See SiteImage."""
        return self.plan["shape"][0]

    @property
    def channels(self) -> tuple[Channel, ...]:
        """See SiteImage."""
        return tuple(Channel(**facts) for facts in self.plan["channels"])

    @property
    def time_step_s(self) -> float | None:
        """See SiteImage."""
        return self.plan["time_step_s"]

    @property
    def pixel_size_um(self) -> Geometry:
        """See SiteImage."""
        z, y, x = self.plan["pixel_size_um"]
        return z, y, x

    @property
    def translation_um(self) -> tuple[float, float, float]:
        """See SiteImage."""
        z, y, x = self.plan["translation_um"]
        return z, y, x

    @property
    def source(self) -> str:
        """See SiteImage."""
        return self.plan["source"]

    def z_of(self, channel: str) -> list[int]:
        """See SiteImage."""
        return self._own(channel, self.plan.get(Z_OF_CHANNELS), 2)

    def t_of(self, channel: str) -> list[int]:
        """See SiteImage."""
        return self._own(channel, self.plan.get(T_OF_CHANNELS), 0)

    def _own(self, channel: str, uneven: list[list[int]] | None, axis: int) -> list[int]:
        c = _index(self.channels, channel)
        return list(range(self.plan["shape"][axis])) if uneven is None else uneven[c]

    def read_channel(self, channel: str, t: int, *, z: int | None = None) -> npt.NDArray[Any]:
        """See SiteImage."""
        c, own = _index(self.channels, channel), _asked_for(channel, self.z_of(channel), z)
        found = {p["z"]: p for p in self.plan["planes"] if (p["t"], p["c"]) == (t, c)}
        name = f"Well {self.plan['well']} site {self.plan['site']}"
        _refuse_times(name, channel, t, self.t_of(channel))
        _refuse_gaps(name, channel, t, own, set(own) - set(found))
        planes = [read_planned(found[z], self.readers) for z in own]
        if len({(plane.shape, plane.dtype) for plane in planes}) > 1:
            raise FormatError(f"{name}: the planes of channel '{channel}' differ in size or type.")
        return np.stack(planes)

    def close(self) -> None:
        """See SiteImage."""
        close_readers(self.readers)


def open_readers(sources: Mapping[str, SourceFolder]) -> dict[str, PlaneReader]:
    """A reader for each acquisition; close them with `close_readers`."""
    return {
        key: PlaneReader(Path(source["root"]), source["reader"]) for key, source in sources.items()
    }


def close_readers(readers: Mapping[str, PlaneReader]) -> None:
    """Close the files that this thread opened."""
    for reader in readers.values():
        reader.close()


def read_planned(plane: PlannedPlane, readers: Mapping[str, PlaneReader]) -> npt.NDArray[Any]:
    """One plane (y, x): a source plane, or the maximum of several.

    Raises
    ------
    MissingError, FormatError
        A file is gone or damaged, or sources differ in size or type.
    """
    result: npt.NDArray[Any] | None = None
    for acquisition, path, series, page in plane["sources"]:
        pixels = readers[acquisition].read(path, series, page)
        if result is None:
            result = pixels
        elif pixels.shape != result.shape or pixels.dtype != result.dtype:
            raise FormatError(
                f"'{path}' is {describe(pixels)}, but the other z planes are {describe(result)}; "
                "they cannot be projected into one image."
            )
        else:
            result = np.maximum(result, pixels)
    assert result is not None, "a planned plane has at least one source"
    return result


def describe(pixels: npt.NDArray[Any]) -> str:
    """Size and type in a person's words."""
    return f"{pixels.shape[0]} × {pixels.shape[1]} px {pixels.dtype}"


def _index(channels: Sequence[Channel], name: str) -> int:
    names = [channel.name for channel in channels]
    if name not in names:
        raise unknown("channel", name, names)
    return names.index(name)


def _asked_for(channel: str, own: list[int], z: int | None) -> list[int]:
    if z is None or not own:
        return own
    if z not in own:
        listed = ", ".join(map(str, own))
        raise NotFoundError(f"Channel '{channel}' has no plane z {z}; it has {listed}.")
    return [z]


def _refuse_times(name: str, channel: str, t: int, own: list[int]) -> None:
    if own and t not in own:
        raise MissingError(
            f"{name}: channel '{channel}' was not recorded at t = {t}, only at t = "
            f"{numbers_text(own)}."
        )


def _refuse_gaps(name: str, channel: str, t: int, own: list[int], lost: set[int]) -> None:
    if not own:
        raise MissingError(f"{name} has no image of channel '{channel}'.")
    if lost:
        raise MissingError(
            f"{name}: channel '{channel}' has no image at t = {t}, z = {numbers_text(lost)}. If "
            "its file was damaged or missing and is there now, take it up with tmaps add "
            "EXPERIMENT FOLDER --update. To do without such planes, leave them out by an import "
            f"profile (exclude: ['channel={channel}, z={min(lost)}']), or project: tmaps convert "
            "--mip."
        )
