"""OME-Zarr plates and images as sources: ours, and those of other programs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, lru_cache
from math import ceil, sqrt
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_tmaps.errors import FormatError, MissingError, NotFoundError
from napari_tmaps.gui.mosaic import Stack
from napari_tmaps.gui.sources import contrast_of, spread
from napari_tmaps.model.channels import Channel
from napari_tmaps.model.recorded import shown_plane
from napari_tmaps.model.wells import WellName
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.store.images import T_OF_CHANNELS, Z_OF_CHANNELS
from napari_tmaps.streams import ngff
from napari_tmaps.streams.ngff import ImageInfo

_SAMPLED = 6
"""Images from which contrast is taken; more would make opening a plate slow."""
_OPEN_IMAGES = 4096
_FIVE = "tczyx"
"""Axes of images that are read in parts, straight from their files."""


class _Paths(Sequence[Path]):
    """As many paths as images, each made when it is asked for: of a plate few are."""

    def __init__(self, number: int, path: Callable[[int], Path]) -> None:
        self._number, self._path = number, path

    def __len__(self) -> int:
        return self._number

    def __getitem__(self, image: Any) -> Any:
        if not 0 <= image < self._number:
            raise IndexError(image)
        return self._path(image)


class ZarrSource:
    """Images of one plate that lie in OME-Zarr; see sources.Source.

    Parameters
    ----------
    name
        For titles.
    places
        Columns of arrange.PLACES, index 0, 1, 2 …
    images
        Folder of each image: one list a staining cycle, one path a row of `places`.
    channels
        (channel, cycle); None takes the channels that the first image names.
    label_images
        Folder of the labels of each object type, one a row of `places`; None takes the labels
        that lie beside some of the images.
    placed
        True where the images are sites of wells, False for a single image.

    Raises
    ------
    NotFoundError
        None of the images is there.
    FormatError
        The first image is damaged.
    """

    def __init__(
        self,
        name: str,
        places: pd.DataFrame,
        images: Sequence[Sequence[Path]],
        *,
        channels: list[tuple[Channel, int]] | None = None,
        label_images: Mapping[str, Sequence[Path]] | None = None,
        facts: Mapping[str, Any],
        placed: bool = True,
    ) -> None:
        self.name = name
        self.places = places
        self._images = images
        self.facts = facts
        self._first = [self._first_info(paths) for paths in images]
        first = next(info for info in self._first if info is not None)
        if channels is None:
            count = first.shape[first.axes.index("c")] if "c" in first.axes else 1
            known = first.channels if len(first.channels) == count else None
            names = known or tuple(Channel(f"channel {n + 1}") for n in range(count))
            self._channels = [(channel, 0, n) for n, channel in enumerate(names)]
        else:
            self._channels = [
                (channel, cycle, self._index(channel.name, cycle)) for channel, cycle in channels
            ]
        self.channels = tuple(channel for channel, _, _ in self._channels)
        self.pixel_size_um = first.pixel_size_um
        self.time_step_s = first.time_step_s
        self.corner_um = (0.0, 0.0) if placed else first.translation_um[1:]
        infos = [info for info in (self._info(image) for image in self._sample) if info is not None]
        self.size_t = max(_length(info, "t") for info in infos)
        self.size_z = max(_length(info, "z") for info in infos)
        if label_images is None:
            found = {name for image in self._sample for name in _label_names(images[0][image])}
            label_images = {name: _labels_beside(images[0], name) for name in sorted(found)}
        self._label_images = label_images
        self.object_types = tuple(label_images)
        self._open = lru_cache(_OPEN_IMAGES)(_levels)

    @cached_property
    def _sample(self) -> list[int]:
        images = self._images[0]
        sample = spread(len(images), _SAMPLED)
        if all(images[n].is_dir() for n in sample):
            return sample
        there = [n for n, path in enumerate(images) if path.is_dir()]
        return [there[n] for n in spread(len(there), _SAMPLED)]

    @staticmethod
    def _first_info(paths: Sequence[Path]) -> ImageInfo | None:
        for path in paths:
            if path.is_dir():
                return ngff.read_info(path)
        return None

    def _info(self, image: int, cycle: int = 0) -> ImageInfo | None:
        path = self._images[cycle][image]
        return ngff.read_info(path) if path.is_dir() else None

    def has_image(self, place: int) -> bool:
        """True if there is an image of a site in any staining round."""
        return any(paths[place].is_dir() for paths in self._images)

    def lost_channels(self, place: int) -> set[str]:
        """Channels of which a site has not a single plane."""
        lost = set()
        for channel, cycle, c in self._channels:
            info = self._info(place, cycle)
            planes = _length(info, "t") * _length(info, "z") if info else 0
            if info is None or sum(plane[1] == c for plane in info.missing) >= planes:
                lost.add(channel.name)
        return lost

    def _index(self, channel: str, cycle: int) -> int:
        info = self._first[cycle]
        names = [item.name for item in info.channels] if info else []
        return names.index(channel) if channel in names else -1

    def image(self, channel: int) -> Stack:
        """Pixels of a channel."""
        _, cycle, c = self._channels[channel]
        info = self._first[cycle]
        assert info is not None, "a channel belongs to a cycle that has images"

        own = self.z_of(channel)

        def read(
            place: int, level: int, t: int, z: int, y: slice, x: slice
        ) -> npt.NDArray[Any] | None:
            number = shown_plane(own, z)
            if number is None:
                return None
            z = own[number]
            return self._read(self._images[cycle][place], info.axes, level, t, c, z, y, x)

        return Stack(info.dtype, _factors(info), read)

    def z_of(self, channel: int) -> list[int]:
        """See Source."""
        return self._own(channel, Z_OF_CHANNELS, self.size_z)

    def t_of(self, channel: int) -> list[int]:
        """See Source."""
        return self._own(channel, T_OF_CHANNELS, self.size_t)

    def _own(self, channel: int, key: str, size: int) -> list[int]:
        _, cycle, c = self._channels[channel]
        info = self._first[cycle]
        uneven = info.attributes.get(key) if info else None
        return list(uneven[c]) if uneven else list(range(size))

    def labels(self, object_type: str) -> Stack:
        """Labels of an object type."""
        paths = self._label_images.get(object_type, [])
        info = self._first_info(paths)
        if info is None:
            raise NotFoundError(f"'{self.name}' has no labels of '{object_type}'.")

        def read(
            place: int, level: int, t: int, z: int, y: slice, x: slice
        ) -> npt.NDArray[Any] | None:
            return self._read(paths[place], info.axes, level, t, 0, z, y, x, labels=True)

        return Stack(info.dtype, _factors(info), read, labels=True)

    def _read(
        self,
        path: Path,
        axes: str,
        level: int,
        t: int,
        c: int,
        z: int,
        y: slice,
        x: slice,
        *,
        labels: bool = False,
    ) -> npt.NDArray[Any] | None:
        from napari_tmaps.streams.pyramid import pyramid

        try:
            levels = self._open(path, axes == _FIVE)
        except NotFoundError:
            return None
        if level >= len(levels):  # an image that is smaller than others: so is what it stores
            last, whole = len(levels) - 1, slice(None)
            fine = self._read(path, axes, last, t, c, z, whole, whole, labels=labels)
            if fine is None:
                return None
            return pyramid(fine, level - last + 1, labels=labels)[-1][y, x]
        array = levels[level]
        wanted: dict[str, Any] = {"t": t, "c": c, "z": z, "y": y, "x": x}
        for axis, length in zip(axes, array.shape, strict=True):
            if axis in "tcz" and wanted[axis] >= length:
                return None
        try:
            if axes == _FIVE:
                pixels: npt.NDArray[Any] = array.part(t, c, z, y, x)
                return pixels
            return np.asarray(array[tuple(wanted[axis] for axis in axes)])
        except (OSError, ValueError, RuntimeError) as error:
            raise FormatError(
                f"'{path}' is damaged and left out of the picture: {error}. Convert it again."
            ) from error

    def contrast(self, channel: int) -> tuple[float, float]:
        """Intensities to show as black and as full colour, from some of the images."""
        _, cycle, c = self._channels[channel]
        windows: list[tuple[float, float]] = []
        for image in self._sample:
            info = self._info(image, cycle)
            if info is None:
                continue
            window = info.contrast[c] if c < len(info.contrast) else None
            if window is None or not _is_from_pixels(window, info.dtype):
                window = self._measured(image, channel, info)
            windows.append(window)
        if not windows:
            return 0.0, 1.0
        return min(low for low, _ in windows), max(high for _, high in windows)

    def _measured(self, image: int, channel: int, info: ImageInfo) -> tuple[float, float]:
        stack = self.image(channel)
        coarsest, every = len(stack.factors) - 1, slice(None)
        own = self.z_of(channel)
        middle = own[len(own) // 2] if own else 0
        first = min(self.t_of(channel), default=0)
        try:
            plane = stack.read(image, coarsest, first, middle, every, every)
        except (FormatError, MissingError):
            plane = None
        return contrast_of([] if plane is None else [plane])


def experiment_source(experiment: Experiment, plate: str) -> ZarrSource:
    """A plate of an experiment, from its catalogue.

    Raises
    ------
    NotFoundError
        There is no such plate, or it was not converted.
    """
    folder = experiment.plate(plate)
    sites = experiment.catalogue.sites()
    sites = sites[sites["plate"] == plate].reset_index(drop=True)
    table = experiment.catalogue.channels()
    cycles = dict(zip(table["name"], table["cycle"].astype(int), strict=True))
    rounds = range(max(cycles.values(), default=0) + 1)
    places = list(zip(sites["well"].tolist(), sites["site"].tolist(), strict=True))

    def images_of(cycle: int) -> _Paths:
        return _Paths(len(places), lambda image: folder.image_path(*places[image], cycle))

    images = [images_of(cycle) for cycle in rounds]
    if not any(path.is_dir() for paths in images for path in paths):
        raise NotFoundError(
            f"Plate '{plate}' of '{experiment.name}' has no images yet. Convert it first: the "
            "button Convert of the widget 'TissueMAPS: Experiment', or "
            f"'tmaps convert {experiment.path.name}'."
        )
    there = {cycle for cycle in rounds if any(path.is_dir() for path in images[cycle])}
    return ZarrSource(
        f"{experiment.name} {plate}",
        sites,
        images,
        channels=[
            (channel, cycles[channel.name])
            for channel in experiment.channels()
            if cycles[channel.name] in there
        ],
        facts={"experiment": str(experiment.path), "plate": plate},
    )


def ngff_source(path: Path) -> ZarrSource:
    """An OME-Zarr plate, well or image, whoever wrote it.

    Raises
    ------
    NotFoundError, FormatError
        It is none, or is damaged.
    """
    attributes = ngff.read_attributes(path)
    facts = {"path": str(path)}
    name = path.name.removesuffix(".zarr").removesuffix(".ome")
    if "plate" in attributes:
        wells = [(_well_name(well["path"]), path / well["path"]) for well in
                 attributes["plate"].get("wells", [])]  # fmt: skip
        name = attributes["plate"].get("name") or name
    elif "well" in attributes:
        wells = [(WellName(path.parent.name, int(path.name)) if path.name.isdigit()
                  else WellName("A", 1), path)]  # fmt: skip
    elif "multiscales" in attributes:
        info = ngff.read_info(path)
        places = _places([("A01", 1, path)], [info])
        title = info.name or name
        if not info.is_label:
            return ZarrSource(title, places, [[path]], facts=facts, placed=False)
        return ZarrSource(
            title,
            places,
            [[path]],
            channels=[],
            label_images={title: [path]},
            facts=facts,
            placed=False,
        )
    else:
        raise FormatError(
            f"'{path}' is a zarr folder, but neither a plate nor an image of OME-Zarr. Open the "
            "folder of one of its images."
        )
    rows: list[tuple[str, int, Path]] = []
    for well, folder in wells:
        fields = ngff.read_attributes(folder).get("well", {}).get("images", [])
        first_round = fields[0].get("acquisition") if fields else None
        own = [field for field in fields if field.get("acquisition") == first_round]
        rows += [(str(well), n, folder / str(field["path"])) for n, field in enumerate(own, 1)]
    if not any(image.is_dir() for _, _, image in rows):
        raise NotFoundError(f"The plate '{path}' lists no image that is there.")
    # Metadata of every image of a plate take long to read: the first well stands for all.
    first = next(well for well, _, image in rows if image.is_dir())
    pattern = {
        n: ngff.read_info(image) for well, n, image in rows if well == first and image.is_dir()
    }
    any_info = next(iter(pattern.values()))
    infos = [pattern.get(n, any_info) for _, n, _ in rows]
    return ZarrSource(name, _places(rows, infos), [[row[2] for row in rows]], facts=facts)


def _places(rows: list[tuple[str, int, Path]], infos: list[ImageInfo]) -> pd.DataFrame:
    table = pd.DataFrame(
        {
            "well": [well for well, _, _ in rows],
            "site": [site for _, site, _ in rows],
            "height": [_length(info, "y") for info in infos],
            "width": [_length(info, "x") for info in infos],
        }
    )
    for axis, number, length in (("y", 1, "height"), ("x", 2, "width")):
        corner = pd.Series([info.translation_um[number] for info in infos])
        pixel = pd.Series([info.pixel_size_um[number] or np.nan for info in infos])
        table[f"stage_{axis}_um"] = corner + table[length] * pixel / 2
    # Without true positions all images of a well lie at one place.
    stage = ["stage_y_um", "stage_x_um"]
    crowded = table.duplicated(["well", *stage], keep=False)
    table.loc[table["well"].isin(table.loc[crowded, "well"]), stage] = np.nan
    counts = table.groupby("well")["site"].transform("size")
    columns = np.array([ceil(sqrt(count)) for count in counts])
    table["y"], table["x"] = np.divmod(table["site"].to_numpy() - 1, columns)
    return table


def _well_name(path: str) -> WellName:
    row, _, column = path.strip("/").partition("/")
    return WellName.parse(f"{row}{column}")


def _labels_beside(images: Sequence[Path], object_type: str) -> _Paths:
    return _Paths(len(images), lambda image: images[image] / "labels" / object_type)


def _levels(path: Path, five: bool) -> tuple[Any, ...]:
    return ngff.read_parts(path) if five else tuple(ngff.read_levels(path))


def _length(info: ImageInfo, axis: str) -> int:
    return info.shape[info.axes.index(axis)] if axis in info.axes else 1


def _factors(info: ImageInfo) -> tuple[tuple[float, float], ...]:
    """Coarseness of each level; pyramids of powers of two come out exact."""
    y, x = info.axes.index("y"), info.axes.index("x")

    def factor(fine: int, coarse: int) -> float:
        ratio = fine / coarse
        whole = 2 ** round(float(np.log2(ratio)))
        return float(whole) if abs(fine / whole - coarse) < 1 else ratio

    return tuple(
        (factor(info.shape[y], shape[y]), factor(info.shape[x], shape[x]))
        for shape in info.level_shapes
    )


def _is_from_pixels(window: tuple[float, float], dtype: np.dtype[Any]) -> bool:
    """False for limits that are but the range of the pixel type, and for empty ones."""
    if not window[1] > window[0]:
        return False
    if dtype.kind == "f":
        return True
    limits = np.iinfo(dtype)
    return not (window[0] <= limits.min and window[1] >= limits.max)


def _label_names(image: Path) -> list[str]:
    folder = image / "labels"
    return list(ngff.read_attributes(folder).get("labels", [])) if folder.is_dir() else []
