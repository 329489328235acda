"""What is on the screen as images for a pipeline: the planes that are shown, by channel. No Qt."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from napari_tmaps.errors import FormatError, MissingError
from napari_tmaps.gui.mosaic import MosaicLevel
from napari_tmaps.model.pipeline import PipelineDescription
from napari_tmaps.pipeline.region import View
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.streams.mounts import ComingError, source_of

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer

Array = npt.NDArray[Any]
_Planes = dict[tuple[Any, ...], tuple[Any, Array]]

LARGEST_PX = 64_000_000
"""Planes above this are whole wells or plates: a pipeline runs on sites."""


@dataclass(frozen=True)
class Scene:
    """What a pipeline can be tried on.

    Attributes
    ----------
    images
        Plane (y, x), or stack (z, y, x), of each channel; read-only. Of a site of an experiment
        all planes, as the run of the plate will see them; of other layers the plane shown.
    objects
        Labels of each object type that is shown, of the same shape; read-only.
    scale, translate, units
        Of the plane in the viewer, along y and x.
    z_scale, z_unit
        Of the planes of a stack.
    experiment, plate, well, site, t
        Where the site belongs, if it belongs to an experiment; "" or 0 where not.
    absent
        Channels that were not recorded at this time, and when they were.
    """

    images: Mapping[str, Array] = field(default_factory=dict)
    objects: Mapping[str, Array] = field(default_factory=dict)
    scale: tuple[float, float] = (1.0, 1.0)
    translate: tuple[float, float] = (0.0, 0.0)
    z_scale: float = 1.0
    z_unit: str = "pixel"
    units: tuple[str, str] = ("pixel", "pixel")
    experiment: str = ""
    plate: str = ""
    well: str = ""
    site: int = 0
    t: int = 0
    absent: Mapping[str, Sequence[int]] = field(default_factory=dict)

    @property
    def shape(self) -> tuple[int, ...]:
        """(y, x) of the images, () if there are none."""
        return next((image.shape[-2:] for image in self.images.values()), ())

    @property
    def pixel_size_um(self) -> tuple[float | None, float | None, float | None]:
        """(z, y, x); None where it is not known."""
        sizes = (self.z_scale, *self.scale)
        known = [unit.startswith(("micro", "µm", "um")) for unit in (self.z_unit, *self.units)]
        z, y, x = (size if is_um else None for size, is_um in zip(sizes, known, strict=True))
        return (z if self._is_stack else None), y, x

    @property
    def _is_stack(self) -> bool:
        return any(image.ndim == 3 for image in self.images.values())

    @property
    def title(self) -> str:
        """What is looked at, in words."""
        if self.experiment and self.well:
            return f"{self.well} site {self.site} of {self.plate}"
        size = " × ".join(map(str, reversed(self.shape)))
        return f"the layers of the window, {size} px" if size else "nothing"


class LiveSource:
    """Reads what a viewer shows; planes that have not changed stay the same arrays.

    Parameters
    ----------
    viewer
        Works without a window, too.
    """

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer = viewer
        self._planes: _Planes = {}
        self._lacking: dict[tuple[Any, ...], tuple[Any, Callable[[], Array]]] = {}
        self._corrected: dict[tuple[int, int], tuple[Any, Any, Array]] = {}
        self._lock = Lock()

    def scene(self, *, at_once: bool = False) -> Scene:
        """What is shown.

        Parameters
        ----------
        at_once
            Read and copy no pixels, which takes milliseconds: what `lacks` comes by `fetch`.

        Raises
        ------
        MissingError
            There is no image.
        FormatError
            What is shown is no single site, or cannot be read by a pipeline.
        ComingError
            Its pixels are still being read.
        """
        layers = [layer for layer in self._viewer.layers if _kind(layer) and not is_preview(layer)]
        images = [layer for layer in layers if _kind(layer) == "image"]
        if not images:
            raise MissingError(
                "There is no image to work on. Show a site of an experiment, or open an image."
            )
        # What belongs together has one grid of pixels; the chosen layer says which is meant.
        chosen = self._viewer.layers.selection.active
        first = chosen if chosen in images else images[0]
        where = first.metadata.get("tmaps", {})
        if where.get("experiment") and not where.get("site"):
            # Nor are the pixels of all of them read for it.
            raise FormatError("Show one site: pipelines run on single sites.")
        if _plane_size(first) > LARGEST_PX:
            raise FormatError(
                f"'{first.name}' shows {_plane_size(first) / 1e6:.0f} million pixels at once. "
                "Pipelines run on sites: show one site."
            )
        grid = _grid(first)
        stacks = bool(where.get("experiment"))
        used: _Planes = {}
        self._lacking = {}
        found: dict[str, dict[str, Array]] = {"image": {}, "labels": {}}
        absent: dict[str, list[int]] = {}
        t = _index(first, self._viewer)[0] if first.ndim == 4 else 0
        for layer in layers:
            if _grid(layer) == grid:
                kind = _kind(layer)
                times = layer.metadata.get("tmaps", {}).get("t")
                if times is not None and t not in times:
                    absent[layer.name] = times
                    continue
                plane = self._plane(layer, stacks, used, at_once=at_once)
                if plane is not None:
                    found[kind][layer.name] = plane
        if self._lacking:
            raise ComingError("The pixels of what is shown are being read.")
        self._planes = used
        shown = {id(plane) for _, plane in used.values()}
        with self._lock:
            self._corrected = {k: v for k, v in self._corrected.items() if k[0] in shown}
        return Scene(
            found["image"],
            found["labels"],
            scale=(float(first.scale[-2]), float(first.scale[-1])),
            translate=(float(first.translate[-2]), float(first.translate[-1])),
            z_scale=float(first.scale[-3]) if first.ndim > 2 else 1.0,
            z_unit=str(first.units[-3]) if first.ndim > 2 else "pixel",
            units=(str(first.units[-2]), str(first.units[-1])),
            experiment=str(where.get("experiment", "")),
            plate=str(where.get("plate", "")),
            well=str(where.get("well", "")),
            site=int(where.get("site", 0)),
            t=t,
            absent=absent,
        )

    def view(self, scene: Scene) -> View | None:
        """The part of the scene that the window shows; None if that is all or nothing of it."""
        first = next((layer for layer in self._viewer.layers if layer.name in scene.images), None)
        if first is None:
            return None
        corners = np.asarray(first.corner_pixels)[:, -2:].astype(float)
        if first.multiscale:
            corners *= np.asarray(first.downsample_factors)[first.data_level][-2:]
        low = np.maximum(corners[0].astype(int), 0)
        high = np.minimum(np.ceil(corners[1]).astype(int) + 1, scene.shape)
        if np.any(high <= low) or (not low.any() and tuple(high) == scene.shape):
            return None
        return slice(int(low[0]), int(high[0])), slice(int(low[1]), int(high[1]))

    def pixel_size(self, scene: Scene) -> float:
        """Size of a pixel of the window in pixels of the scene."""
        return 1 / (float(self._viewer.scene.camera.zoom) * scene.scale[0])

    def corrected(self, scene: Scene, pipeline: PipelineDescription) -> dict[str, Array]:
        """The images of a scene, the illumination corrected where a pipeline asks for it.

        From any thread; where fields are read it takes a tenth of a second.

        Raises
        ------
        MissingError
            The experiment has no illumination fields of a channel.
        """
        images = dict(scene.images)
        wanted = [c.name for c in pipeline.input.channels if c.correct and c.name in images]
        if not wanted or not scene.experiment or not scene.well:
            return images
        with Experiment.open(scene.experiment) as experiment:
            cycles = experiment.catalogue.channels().set_index("name")["cycle"]
            place = (scene.plate, scene.well, scene.site)
            for name in wanted:
                field = experiment.illumination.field(name, *place, int(cycles[name]), scene.t)
                image, key = images[name], (id(images[name]), id(field))
                known = self._corrected.get(key)
                if known is None:
                    done = field.correct(image)
                    done.flags.writeable = False
                    with self._lock:
                        # the image is kept too, so that its id is not used again
                        known = self._corrected.setdefault(key, (image, field, done))
                images[name] = known[2]
        return images

    @property
    def lacks(self) -> bool:
        """Whether the last scene lacked pixels that are there."""
        return bool(self._lacking)

    def fetch(self) -> None:
        """Read what the last scene lacked; from any thread."""
        for key, (data, read) in tuple(self._lacking.items()):  # the window goes on
            self._planes[key] = data, read()

    def _plane(self, layer: Layer, stacks: bool, used: _Planes, *, at_once: bool) -> Array | None:
        """The plane, or stack, of a layer; None if it is lacking."""
        data = layer.data[0] if layer.multiscale else layer.data
        index = list(_index(layer, self._viewer))
        where: list[Any] = index
        if stacks and index:
            where = [*index[:-1], slice(None)]
        key = (id(data), layer.name, tuple(index[:-1] if stacks else index), stacks)
        known = self._planes.get(key)
        if known is not None and known[0] is data:
            used[key] = known
            return known[1]
        part = data[tuple(where)]
        folder = layer.metadata.get("tmaps", {}).get("experiment", "")
        # From a server pixels come late, and a window does not wait.
        is_far = isinstance(part, MosaicLevel) and source_of(Path(folder)) is not None
        if is_far and (part := part.soon()) is None:
            raise ComingError(f"The pixels of '{layer.name}' are on their way.")
        fewer = layer.metadata.get("tmaps", {}).get("z") if stacks else None
        dtype = np.int32 if _kind(layer) == "labels" else None
        if at_once:
            self._lacking[key] = data, partial(_own_copy, part, fewer, dtype)
            return None
        used[key] = data, _own_copy(part, fewer, dtype)
        return used[key][1]


def _own_copy(part: Any, fewer: Any, dtype: Any) -> Array:
    """Pixels that nobody else can change."""
    plane = np.asarray(part)
    if fewer and plane.ndim == 3:
        plane = plane[fewer]  # its only plane is shown at every z
    if plane.ndim == 3 and plane.shape[0] == 1:
        plane = plane[0]
    plane = np.array(plane, dtype=dtype, order="C")
    plane.flags.writeable = False
    return plane


def is_preview(layer: Layer) -> bool:
    """Whether the layer was made by a pipeline that is being tuned."""
    return bool(layer.metadata.get("tmaps", {}).get("preview"))


def _kind(layer: Layer) -> str:
    """image or labels; "" for what no pipeline reads."""
    name: str = layer._type_string
    if name not in ("image", "labels") or getattr(layer, "rgb", False):
        return ""
    return name


def _plane_size(layer: Layer) -> int:
    height, width = _shape(layer)[-2:]
    return int(height) * int(width)


def _shape(layer: Layer) -> tuple[int, ...]:
    return tuple((layer.data[0] if layer.multiscale else layer.data).shape)


def _grid(layer: Layer) -> tuple[Any, ...]:
    """Layers with the same grid lie pixel upon pixel."""
    place = (*layer.scale[-2:], *layer.translate[-2:])
    return (*_shape(layer)[-2:], *(round(float(value), 6) for value in place))


def _index(layer: Layer, viewer: ViewerModel) -> tuple[int, ...]:
    """Where the sliders stand, in pixels of the layer, without y and x."""
    point = np.asarray(viewer.dims.point)[-layer.ndim :]
    at = np.rint(np.asarray(layer.world_to_data(point)))[:-2].astype(int)
    sizes = np.asarray(_shape(layer)[:-2], dtype=int)
    return tuple(int(n) for n in np.clip(at, 0, np.maximum(sizes - 1, 0)))
