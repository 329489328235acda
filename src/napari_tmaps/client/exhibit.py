"""Pictures of one object: its neighbourhood in each channel, with outlines."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_tmaps.client.files import save
from napari_tmaps.client.images import ImageCalls
from napari_tmaps.client.objects import ObjectCalls
from napari_tmaps.errors import InputError, NotFoundError

_COLORS = ((255, 210, 0), (0, 200, 255), (255, 80, 160), (90, 230, 90), (255, 140, 60))
_DARKEST, _BRIGHTEST = 1, 99.5
"""Percentiles that are shown black and white."""


class ExhibitCalls(ImageCalls, ObjectCalls):
    """Cuts objects out of what is downloaded."""

    def exhibit_mapobject(
        self,
        mapobject_type: str,
        mapobject_id: int,
        object_types: Sequence[str] = (),
        channels: Sequence[str] = (),
        margin: int = 20,
        directory: str | Path | None = None,
        file_name_format: str = "{mapobject_id}_{channel_name}.png",
    ) -> list[Path]:
        """Save an object and what is around it as a picture for each channel.

        Parameters
        ----------
        object_types
            Whose outlines are drawn, each in a colour of its own; empty: those of its own type.
        channels
            Empty: all.
        margin
            Pixels around the object; the picture ends where the site does.
        directory
            None: that for temporary files.

        Raises
        ------
        InputError
            The margin is negative; or the format of the names knows something else than
            mapobject_id and channel_name, or gives several pictures the same name.
        NotFoundError
            There is no such object, type or channel; or it is not in the first plane.
        """
        if margin < 0:
            raise InputError(f"The margin is {margin} pixels; it must be 0 or more.")
        known = {row["name"]: row["cycle_index"] for row in self.get_channels()}
        wanted = {name: known.get(name, 0) for name in channels or known}
        folder = Path(directory or tempfile.gettempdir()).expanduser()
        names = {name: _file_name(file_name_format, mapobject_id, name) for name in wanted}
        if len({*names.values()}) < len(names):
            raise InputError(
                f"'{file_name_format}' gives the pictures of all channels the same name: it needs "
                "{channel_name}."
            )
        info = self.get_mapobject(mapobject_type, mapobject_id)
        site = (info["plate_name"], info["well_name"], info["well_pos_x"], info["well_pos_y"])
        t = info["tpoint"]
        types = list(dict.fromkeys(object_types or [mapobject_type]))
        labels = {
            name: self.download_segmentation_image(name, *site, tpoint=t)
            for name in dict.fromkeys([mapobject_type, *types])
        }
        mask = labels[mapobject_type] == info["label"]
        if not mask.any():
            raise NotFoundError(
                f"{mapobject_type} {mapobject_id} does not reach the first plane z."
            )
        box = _around(mask, margin)
        saved = []
        for name, cycle in wanted.items():
            image = self.download_channel_image(
                name, *site, cycle_index=cycle, tpoint=t, correct=False
            )
            shown = _grey(image[box])
            for color, kind in zip(_COLORS * len(types), types, strict=False):
                shown[_outlines(labels[kind][box])] = color
            saved.append(folder / names[name])
            _write(saved[-1], shown)
        return saved


def _file_name(text: str, number: int, channel: str) -> str:
    try:
        name = text.format(mapobject_id=number, channel_name=channel)
    except (KeyError, IndexError, ValueError, TypeError, AttributeError) as error:
        raise InputError(
            f"'{text}' is no format of names: it may have {{mapobject_id}} and {{channel_name}}."
        ) from error
    return name.replace("/", "_").replace("\\", "_")


def _around(mask: npt.NDArray[np.bool_], margin: int) -> tuple[slice, slice]:
    (top, bottom), (left, right) = ((int(n.min()), int(n.max())) for n in np.nonzero(mask))
    return (
        slice(max(top - margin, 0), bottom + 1 + margin),
        slice(max(left - margin, 0), right + 1 + margin),
    )


def _grey(image: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    low, high = np.percentile(image, (_DARKEST, _BRIGHTEST))
    grey = np.clip((image - low) * (255 / max(high - low, 1e-6)), 0, 255).astype(np.uint8)
    return np.stack([grey] * 3, axis=-1)


def _outlines(labels: npt.NDArray[np.int32]) -> npt.NDArray[np.bool_]:
    """Pixels of objects beside one that is none of the same."""
    inner = np.pad(labels, 1, mode="edge")
    beside = (inner[:-2, 1:-1], inner[2:, 1:-1], inner[1:-1, :-2], inner[1:-1, 2:])
    edge: npt.NDArray[np.bool_] = np.zeros(labels.shape, np.bool_)
    for other in beside:
        edge |= (other != labels) & (labels != 0)
    return edge


def _write(path: Path, picture: npt.NDArray[np.uint8]) -> None:
    import imagecodecs

    save(path, [bytes(imagecodecs.png_encode(np.ascontiguousarray(picture)))])
