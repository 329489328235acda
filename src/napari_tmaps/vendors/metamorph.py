"""MetaMorph and VisiView: an .nd file beside its images, stacks (STK) or TIFFs.

Images are named `<name of the .nd>[_w<wave>[<its name>]][_s<stage>][_t<time>].stk` or `.tif`. The
.nd file declares stages, wavelengths and z planes, the latter for each wavelength on its own; what
it says of time is not reliable (VisiView writes DoTimelapse FALSE for series), so the names count
as well. Stage positions, times and sizes of pixels are those that the images carry (UIC tags or a
MetaSeries description). The stage counts y downwards, as we do.

Labels of stages that are wells ("B03", "B03 : Site 2") put the stages into these wells, if all are;
else all stages are sites of well A01. One .nd file is read: the one that is chosen, or the only one
with images in the folder.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from napari_tmaps.errors import FormatError
from napari_tmaps.model.channels import Channel
from napari_tmaps.model.planes import Oddity, Scan, make_planes
from napari_tmaps.vendors import checks
from napari_tmaps.vendors.containers import unique_channels, well_in
from napari_tmaps.vendors.listing import Listing, examples, list_files
from napari_tmaps.vendors.metamorph_files import NdFile, Stack, is_nd, read_nd, read_stack
from napari_tmaps.vendors.singles import check_files, pixel_size

NAME = "MetaMorph"
CLUE = (".nd",)

_TAIL = re.compile(
    r"(?:_w(?P<wave>\d.*?))?(?:_s(?P<stage>\d{1,6}))?(?:_t(?P<time>\d{1,6}))?\.(?:stk|tiff?)",
    re.IGNORECASE,
)
# Labels such as S2 and P1 count stages, although plates have such rows.
_WELL = re.compile(r"(?![PS]\d+$)([A-Z]{1,2}\d{1,2})(?:[\s:_,-].*)?")


def recognise(listing: Listing) -> bool:
    """True if there is an .nd file."""
    return any(is_nd(listing.root / name) for name in listing.ending(".nd"))


def scan(listing: Listing) -> Scan:
    """The acquisition of an .nd file.

    Raises
    ------
    FormatError
        The .nd file is damaged, there are several, or none of its images is there.
    """
    name, images = _acquisition(listing)
    stacks, reasons = _read(listing.root, images)
    nd, plan_oddities = _believed(read_nd(listing.root / name), images, stacks)
    channels = _channels(images, stacks, nd)
    table = _table(images, stacks, channels, nd)
    planes, found, _ = check_files(
        listing.root,
        make_planes(**{str(column): table[column].array for column in table}),
        fill=False,
        stacks={path: stack.planes for path, stack in stacks.items()},
    )
    scale, scale_oddities = pixel_size(
        [stack.pixel_size_um for stack in stacks.values()], "the images"
    )
    first = next(iter(stacks.values()), Stack(0))
    steps = [nd.z_step_um, *(stack.z_step_um for stack in stacks.values())]
    facts = {"objective": first.objective, "started": nd.started}
    return Scan(
        vendor=NAME,
        root=listing.root,
        planes=planes,
        channels=tuple(channels.values()),
        pixel_size_um=scale,
        z_step_um=next(filter(None, steps), None) if planes["z"].max() > 0 else None,
        reader="tiffsamples",
        oddities=(*found, *checks.unreadable(reasons), *plan_oddities, *scale_oddities),
        metadata={
            **{key: text for key, text in facts.items() if text},
            "stages": {str(number): label for number, label in nd.stages.items()},
            "stage_y_of_microscope": "grows downwards, as stage_y_um",
            "unreadable": list(reasons),
        },
    )


@dataclass(frozen=True)
class _Image:
    """A file by its name; stage, wave and time count from 1."""

    path: str
    stage: int
    wave: int
    time: int


def _acquisition(listing: Listing) -> tuple[str, list[_Image]]:
    """The .nd file that counts, and its images."""
    alone = len(listing.names) == 1
    # Of an .nd file that was chosen itself, the images are its neighbours.
    beside = list_files(listing.root) if alone else listing
    names = [name for name in listing.ending(".nd") if is_nd(listing.root / name)]
    if not names:
        raise FormatError(f"The .nd file in '{listing.root}' is gone or cannot be read any more.")
    found = {name: _images(beside, name, read_nd(listing.root / name)) for name in names}
    used = [name for name, images in found.items() if images]
    if not used:
        raise FormatError(
            f"None of the images of {examples(names)} is there in '{listing.root}', only "
            f"{beside.describe()}. Copy the images beside the .nd file; their names begin with its "
            "own."
        )
    if len(used) > 1:
        raise FormatError(
            f"'{listing.root}' holds {len(used)} acquisitions: {examples(used)}. Choose the .nd "
            "file of one, and add each as an acquisition of its own."
        )
    return used[0], found[used[0]]


def _images(listing: Listing, name: str, nd: NdFile) -> list[_Image]:
    folder = posixpath.dirname(name)
    stem = posixpath.splitext(posixpath.basename(name))[0]
    images = []
    for path in listing.names:
        base = posixpath.basename(path)
        match = _TAIL.fullmatch(base, len(stem)) if base.startswith(stem) else None
        if match and posixpath.dirname(path) == folder and "_thumb" not in base.lower():
            wave = _wave(match["wave"], nd)
            images.append(_Image(path, int(match["stage"] or 1), wave, int(match["time"] or 1)))
    return images


def _wave(text: str | None, nd: NdFile) -> int:
    """Number of the wave in "1Laser405": names may begin with digits, so the .nd file decides."""
    if text is None:
        return 1
    for number, name in nd.waves.items():
        if text in {f"{number}", f"{number}{name}"}:
            return number
    digits = re.match(r"\d{1,6}", text)
    longest = digits[0] if digits else "1"
    fits = [longest[:end] for end in range(len(longest), 0, -1) if int(longest[:end]) in nd.waves]
    return int(fits[0] if fits else longest)


def _read(root: Path, images: list[_Image]) -> tuple[dict[str, Stack], dict[str, str]]:
    """What the files say of themselves, and why some cannot be read."""
    stacks: dict[str, Stack] = {}
    reasons: dict[str, str] = {}
    for image in images:
        try:
            stacks[image.path] = read_stack(root / image.path)
        except FormatError as error:
            reasons[image.path] = str(error)
    return stacks, reasons


def _channels(images: list[_Image], stacks: dict[str, Stack], nd: NdFile) -> dict[int, Channel]:
    """Channels by the number of their wave: those of the .nd file, and those that have images."""
    first: dict[int, Stack] = {}
    for image in images:
        if image.path in stacks:
            first.setdefault(image.wave, stacks[image.path])
    numbers = sorted({*nd.waves, *(image.wave for image in images)})
    named = []
    for number in numbers:
        facts = first.get(number, Stack(0))
        name = nd.waves.get(number, "").strip() or f"w{number}"
        named.append(
            Channel(
                name,
                emission_nm=facts.emission_nm,
                exposure_ms=facts.exposure_ms,
                bit_depth=facts.bit_depth,
            )
        )
    return dict(zip(numbers, unique_channels(named), strict=True))


def _table(
    images: list[_Image], stacks: dict[str, Stack], channels: dict[int, Channel], nd: NdFile
) -> pd.DataFrame:
    """Columns of the plane table, with rows for all that is planned."""
    there = {(image.stage, image.wave, image.time): image.path for image in images}
    stages = sorted({*(nd.stages or {1: ""}), *(image.stage for image in images)})
    times = sorted({*range(1, nd.time_points + 1), *(image.time for image in images)})
    places = _places(stages, nd)
    positions = _positions(images, stacks)
    depths = {wave: _depth(wave, images, stacks, nd) for wave in channels}
    rows = []
    for stage in stages:
        well, site = places[stage]
        for t, time in enumerate(times):
            for wave, channel in channels.items():
                path = there.get((stage, wave, time), "")
                stack = stacks.get(path)
                path = path if stack else ""
                for z in range(depths[wave]):
                    lost = stack is None or z >= stack.planes
                    rows.append(
                        {
                            "well": well,
                            "site": site,
                            "channel": channel.name,
                            "z": z,
                            "t": t,
                            "path": "" if lost else path,
                            "page": 0 if lost else z,
                            "missing": lost,
                            "stage_x_um": positions.get(stage, (np.nan, np.nan))[0],
                            "stage_y_um": positions.get(stage, (np.nan, np.nan))[1],
                            "stage_z_um": stack.heights_um[z] if stack and not lost else np.nan,
                            "moment": stack.moments[z] if stack and not lost else "",
                        }
                    )
    table = pd.DataFrame(rows)
    table["time_s"] = checks.seconds_since_first(table["moment"])
    return table.drop(columns="moment")


def _places(stages: list[int], nd: NdFile) -> dict[int, tuple[str, int]]:
    """Well and site of each stage."""
    matches = [_WELL.fullmatch(nd.stages.get(stage, "")) for stage in stages]
    wells = [well_in(match[1]) if match else None for match in matches]
    if not all(wells):
        return {stage: ("A01", stage) for stage in stages}
    return {
        stage: (str(well), wells[: n + 1].count(well))
        for n, (stage, well) in enumerate(zip(stages, wells, strict=True))
    }


def _positions(images: list[_Image], stacks: dict[str, Stack]) -> dict[int, tuple[float, float]]:
    """Position (x, y) of each stage, µm: that of its first image that has one."""
    positions: dict[int, tuple[float, float]] = {}
    for image in images:
        stack = stacks.get(image.path)
        if stack and stack.stage_xy_um:
            positions.setdefault(image.stage, stack.stage_xy_um)
    return positions


def _depth(wave: int, images: list[_Image], stacks: dict[str, Stack], nd: NdFile) -> int:
    """Number of z planes of a wave: as planned, or as many as an image has, if these are more."""
    planned = nd.z_steps if nd.z_of_waves.get(wave, not nd.waves) else 1
    there = [
        stacks[each.path].planes for each in images if each.wave == wave and each.path in stacks
    ]
    return max([planned, *there])


def _believed(
    nd: NdFile, images: list[_Image], stacks: dict[str, Stack]
) -> tuple[NdFile, list[Oddity]]:
    """The plan as far as the images bear it out, and where they differ."""
    there = sum(stack.planes for stack in stacks.values())
    waves = sum(nd.z_steps if nd.z_of_waves[wave] else 1 for wave in nd.waves) or nd.z_steps
    planned = waves * nd.time_points * max(len(nd.stages), 1)
    if planned > checks.SPARSEST * there:
        text = (
            f"The .nd file plans {planned} planes, but there are {there}: its plan is not used, "
            "and gaps are not listed."
        )
        return replace(nd, stages={}, time_points=1, z_steps=1), [Oddity("doubtful", text)]
    recorded = max((stack.planes for stack in stacks.values()), default=0)
    oddities = checks.incomplete([("z planes", nd.z_steps, recorded)])
    last = max((image.time for image in images), default=1)
    if last > nd.time_points:
        text = (
            f"The images are named by time up to {last}, but the .nd file plans "
            f"{nd.time_points}; the names are used."
        )
        oddities.append(Oddity("doubtful", text))
    return nd, oddities
