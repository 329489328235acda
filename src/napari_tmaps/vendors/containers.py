"""Files that hold whole acquisitions: from what each file says of itself to one table of planes.

A container file (CZI, ND2, LIF, OME-TIFF, a TIFF stack) describes its sites; how sites become
wells, numbers, oddities and rows is the same for all and lives here.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from math import nan
from pathlib import Path
from posixpath import basename
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_tmaps.errors import FormatError, InputError
from napari_tmaps.model.channels import Channel
from napari_tmaps.model.planes import Oddity, Scan, make_planes
from napari_tmaps.model.wells import PlateFormat, WellName
from napari_tmaps.model.words import counted
from napari_tmaps.vendors.listing import Listing, examples
from napari_tmaps.vendors.opening import DAMAGE, sentence

# Of one image. More are rubbish that was taken for a number.
_MOST_PLANES = 5_000_000

_IMPORTANCE = ("unreadable", "incomplete", "missing", "duplicate", "mixed", "doubtful", "ignored")

RGB = (("R", "#FF0000"), ("G", "#00FF00"), ("B", "#0000FF"))


@dataclass(frozen=True, slots=True)
class SiteImage:
    """One site as one file (or set of files) holds it: planes over (t, c, z).

    Attributes
    ----------
    name
        Of the scene, position or tile, for people.
    path
        File relative to the folder, "/" between folders; an array (t, c, z) of them for sets.
    series
        Number of the image in its file, as the pixel reader understands it; may be (t, c, z).
    pages
        Number of each plane (t, c, z) for the pixel reader, -1 where the file lacks the plane;
        None: C-order index over (t, c, z).
    well
        Name of the well, None where the file does not tell.
    stage_yx_um
        Centre of the site, µm, y growing down the image.
    stage_z_um, time_s
        Per plane, shape (t, c, z), or None; time counts from `Container.start_s`.
    """

    name: str
    path: str | npt.NDArray[Any]
    channels: tuple[Channel, ...]
    size_t: int
    size_z: int
    height: int
    width: int
    dtype: str
    series: int | npt.NDArray[np.int64] = 0
    pages: npt.NDArray[np.int64] | None = None
    plate: str = ""
    well: str | None = None
    pixel_size_um: tuple[float, float] | None = None
    z_step_um: float | None = None
    stage_yx_um: tuple[float, float] | None = None
    stage_z_um: npt.NDArray[np.float64] | None = None
    time_s: npt.NDArray[np.float64] | None = None

    @property
    def shape(self) -> tuple[int, int, int]:
        """Sizes (t, c, z)."""
        return self.size_t, len(self.channels), self.size_z


@dataclass(frozen=True, slots=True)
class Container:
    """What one file holds.

    Attributes
    ----------
    oddities
        Without the name of the file, as the same is often true of many.
    start_s
        Moment from which the times of its planes count, seconds since 1970; None if unknown.
    """

    images: tuple[SiteImage, ...]
    oddities: tuple[Oddity, ...] = ()
    metadata: dict[str, Any] = field(default_factory=dict)
    plate_format: PlateFormat | None = None
    start_s: float | None = None


def well_in(text: str | None) -> str | None:
    """The canonical well name if the text is one, else None."""
    try:
        return str(WellName.parse(text)) if text else None
    except InputError:
        return None


def rgb_channels(channel: Channel | None) -> tuple[Channel, ...]:
    """The red, green and blue parts of a colour picture as channels."""
    prefix = f"{channel.name} " if channel is not None else ""
    return tuple(Channel(prefix + part, color=color) for part, color in RGB)


RGB_ODDITY = Oddity(
    "doubtful",
    "colour pictures (RGB); their red, green and blue parts are read as channels of their own.",
)


def unique_channels(channels: Iterable[Channel]) -> tuple[Channel, ...]:
    """The channels of one image with repeated names numbered: Gray, Gray → Gray, Gray 2."""
    result: list[Channel] = []
    taken: set[str] = set()
    numbers: dict[str, int] = {}
    for channel in channels:
        name, number = channel.name, numbers.get(channel.name, 1)
        while name in taken:
            number += 1
            name = f"{channel.name} {number}"
        numbers[channel.name] = number
        taken.add(name)
        result.append(replace(channel, name=name))
    return tuple(result)


def scan_files(
    vendor: str,
    reader: str,
    listing: Listing,
    names: Sequence[str],
    read: Callable[[str], Container],
) -> Scan:
    """Describe every file and put the sites of all into one table.

    Parameters
    ----------
    names
        Files to read, relative to the folder.
    read
        Describes one file; may raise anything of `DAMAGE` for a file that is damaged, and
        return no images for one that another file has described already.

    Raises
    ------
    FormatError
        No file could be read.
    """
    found: dict[str, Container] = {}
    failed: list[str] = []
    cause: BaseException | None = None  # of the first alone: those of a million fill the memory
    for name in names:
        try:
            found[name] = _sane(read(name))
        except DAMAGE as error:
            failed.append(name)
            cause = cause or error
    oddities = []
    if cause is not None:
        reason = f"'{failed[0]}' cannot be read: {sentence(cause)}"
        others = f" {examples(failed)} are left out." if len(failed) > 1 else ""
        oddities.append(Oddity("unreadable", reason + others))
    if not any(container.images for container in found.values()):
        if cause is not None:
            raise FormatError(reason + others) from cause
        raise FormatError(
            f"There are no images in {examples(names)} of folder '{listing.root}', read as "
            f"{vendor}."
        )
    scan = assemble(vendor, reader, listing.root, found, oddities)
    return replace(scan, metadata={**scan.metadata, "unreadable": failed})


def check_planes(*sizes: Any) -> None:
    """Refuse numbers of t, c, z, y and x that no acquisition has, before memory is taken for them.

    Raises
    ------
    FormatError
        One is no positive whole number, or there are more planes than `_MOST_PLANES`.
    """
    whole = all(isinstance(size, int | np.integer) and 0 < size < 2**31 for size in sizes)
    if not whole or math.prod(map(int, sizes[:3])) > _MOST_PLANES:
        raise FormatError(f"it announces impossible sizes {sizes} (t, c, z, y, x)")


def _sane(container: Container) -> Container:
    for image in container.images:
        check_planes(*image.shape, image.height, image.width)
    return container


def assemble(
    vendor: str,
    reader: str,
    root: Path,
    found: dict[str, Container],
    oddities: Iterable[Oddity] = (),
) -> Scan:
    """One scan from all that the files say of themselves.

    Sites get their numbers per well in the order of the files and of the images in them. Files
    that name no wells go to well A01; images without a well beside others of the same file that
    have one (overviews) are left out. Both are said in the oddities.
    """
    containers = list(found.values())
    odd = [*oddities, *_grouped(found)]
    pairs = [(name, image) for name, each in found.items() for image in each.images]
    in_wells = {name for name, image in pairs if image.well is not None}
    overviews = [pair for pair in pairs if pair[0] in in_wells and pair[1].well is None]
    if overviews:
        names = [f"{name}: {image.name}" for name, image in overviews]
        odd.append(
            Oddity(
                "ignored",
                f"{examples(names, 'image')} left out: they name no well, others of the same file "
                "do (overviews).",
            )
        )
        pairs = [pair for pair in pairs if pair not in overviews]
    loose = [name for name in dict.fromkeys(name for name, _ in pairs) if name not in in_wells]
    if loose and len(found) > 1:
        odd.append(
            Oddity(
                "doubtful",
                f"{examples(loose)} name no wells: all their images are put into well A01 as its "
                "sites, in the order of the file names. If the names tell the wells, give a "
                "pattern.",
            )
        )
    images = [image for _, image in pairs]
    odd += _mixed(images) + _again(pairs)
    numbers: Counter[tuple[str, str]] = Counter()
    sites: list[int] = []
    for image in images:
        place = (image.plate, image.well or "A01")
        numbers[place] += 1
        sites.append(numbers[place])
    channels: dict[str, Channel] = {}
    for image in images:
        for channel in image.channels:
            channels.setdefault(channel.name, channel)
    pixel_size = _first(image.pixel_size_um for image in images)
    if pixel_size is None:
        odd.append(
            Oddity("doubtful", "The pixel size is not stated: sizes can only be given in pixels.")
        )
    planes = make_planes(**_columns(images, sites, _clocks(found, pairs)))
    lost = int(planes["missing"].sum())
    if lost:
        odd.append(
            Oddity("missing", f"{lost} of {len(planes)} announced planes are not in the files.")
        )
    metadata = dict(containers[0].metadata)
    metadata["sites"] = [
        {"well": image.well or "A01", "site": site, "file": name, "name": image.name}
        for (name, image), site in zip(pairs, sites, strict=True)
    ]
    return Scan(
        vendor=vendor,
        root=root,
        planes=planes,
        channels=tuple(channels.values()),
        pixel_size_um=pixel_size,
        z_step_um=_first(image.z_step_um for image in images if image.size_z > 1),
        reader=reader,
        plate_format=_first(each.plate_format for each in containers) if in_wells else None,
        oddities=tuple(sorted(dict.fromkeys(odd), key=lambda o: _IMPORTANCE.index(o.kind))),
        metadata=metadata,
    )


@lru_cache(maxsize=1)
def _places(shape: tuple[int, int, int]) -> tuple[list[int], list[int], list[int]]:
    """t, c and z of each plane, in C order."""
    t, c, z = (axis.ravel().tolist() for axis in np.indices(shape))
    return t, c, z


def _columns(
    images: list[SiteImage], sites: list[int], clocks: list[npt.NDArray[np.float64] | None]
) -> dict[str, Any]:
    """Columns of the plane table, one row a plane of each image."""
    parts: dict[str, list[Any]] = {}  # an array for each of 300,000 files would fill the memory
    for image, site, time in zip(images, sites, clocks, strict=True):
        ts, cs, zs = _places(image.shape)
        count = len(ts)

        def each(value: Any, count: int = count) -> list[Any]:
            """A value for each plane."""
            return value.ravel().tolist() if isinstance(value, np.ndarray) else [value] * count

        pages = each(image.pages) if image.pages is not None else list(range(count))
        names = [channel.name for channel in image.channels]
        stage_y, stage_x = image.stage_yx_um if image.stage_yx_um is not None else (nan, nan)
        row = {
            "plate": each(image.plate),
            "well": each(image.well or "A01"),
            "site": each(site),
            "channel": [names[c] for c in cs],
            "z": zs,
            "t": ts,
            "path": [p if n >= 0 else "" for p, n in zip(each(image.path), pages, strict=True)],
            "series": each(image.series),
            "page": [max(page, 0) for page in pages],
            "missing": [page < 0 for page in pages],
            "height": each(image.height),
            "width": each(image.width),
            "dtype": each(image.dtype),
            "stage_y_um": each(stage_y),
            "stage_x_um": each(stage_x),
            "stage_z_um": each(nan if image.stage_z_um is None else image.stage_z_um),
            "time_s": each(nan if time is None else time),
        }
        for name, values in row.items():
            parts.setdefault(name, []).extend(values)
    return parts


def _clocks(
    found: dict[str, Container], pairs: list[tuple[str, SiteImage]]
) -> list[npt.NDArray[np.float64] | None]:
    """Times of each image from the first plane of the acquisition.

    Without the date of every file, each file counts from its own first plane.
    """
    starts = {name: found[name].start_s for name, _ in pairs}
    dated = all(start is not None for start in starts.values())
    times = [
        None if image.time_s is None else image.time_s + (starts[name] or 0.0 if dated else 0.0)
        for name, image in pairs
    ]
    first: dict[str, float] = {}
    for (name, _), time in zip(pairs, times, strict=True):
        if time is not None and np.isfinite(time).any():
            group = "" if dated else name
            first[group] = min(first.get(group, np.inf), float(np.nanmin(time)))
    return [
        None if time is None else time - first.get("" if dated else name, 0.0)
        for (name, _), time in zip(pairs, times, strict=True)
    ]


def _grouped(found: dict[str, Container]) -> list[Oddity]:
    """What is odd about files, each oddity once with the names of all files that have it."""
    files: dict[Oddity, list[str]] = {}
    for name, container in found.items():
        for oddity in dict.fromkeys(container.oddities):
            files.setdefault(oddity, []).append(name)
    return [
        Oddity(
            oddity.kind,
            f"{examples(names) if len(names) > 1 else repr(names[0])}: {oddity.message}",
        )
        for oddity, names in files.items()
    ]


def _again(pairs: list[tuple[str, SiteImage]]) -> list[Oddity]:
    """Files that hold the places of others once more: acquisitions that should be told apart."""
    first: dict[tuple[object, ...], str] = {}
    again: list[str] = []
    for name, image in pairs:
        if image.well is None:  # such files are told of anyway
            continue
        place = image.stage_yx_um or (image.name, basename(name))
        if first.setdefault((image.plate, image.well, place), name) != name:
            again.append(name)
    if not again:
        return []
    return [
        Oddity(
            "doubtful",
            f"{examples(list(dict.fromkeys(again)))}: sites at places of a well where another file "
            "has sites already. If the folder holds several acquisitions, add each by itself; here "
            "all their sites are numbered on.",
        )
    ]


def _mixed(images: list[SiteImage]) -> list[Oddity]:
    """What should be the same for all sites and is not."""
    facts = {
        "Image sizes (y × x)": Counter(f"{image.height} × {image.width}" for image in images),
        "Pixel types": Counter(image.dtype for image in images),
        "Pixel sizes (µm)": Counter(
            "unknown" if image.pixel_size_um is None else f"{image.pixel_size_um[0]:.5g}"
            for image in images
        ),
    }
    return [
        Oddity(
            "mixed",
            f"{what} differ: "
            + ", ".join(f"{value} ({counted(n, 'site')})" for value, n in counts.most_common(5))
            + ".",
        )
        for what, counts in facts.items()
        if len(counts) > 1
    ]


def _first(values: Iterable[Any]) -> Any:
    """The most frequent of the values that are known; of equals the first; None without any."""
    counts = Counter(value for value in values if value is not None)
    return counts.most_common(1)[0][0] if counts else None
