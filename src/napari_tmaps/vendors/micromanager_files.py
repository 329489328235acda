"""What lies on the disk in an acquisition of Micro-Manager, plane by plane.

Three ways of writing: NDTiff (version 3: `NDTiff.index` and `*_NDTiffStack*.tif`), image stacks
(`*_MMStack*.ome.tif`) and image sequences (`img_*.tif` beside `metadata.txt`). All three carry for
every plane one JSON object of the same kind, and one for the acquisition ("Summary").

Source: the specification of NDTiff 3 (https://github.com/micro-manager/NDTiffStorage), and
"Micro-Manager Metadata" and "Micro-Manager Image Stack File Format" of https://micro-manager.org.
"""

from __future__ import annotations

import json
import os
import re
import struct
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from posixpath import basename, dirname, join
from typing import Any, BinaryIO

from napari_tmaps.errors import FormatError
from napari_tmaps.vendors.listing import Listing, examples

INDEX = "NDTiff.index"
METADATA = "metadata.txt"

STACK = re.compile(r"(?:^|/)([^/]*MMStack)[^/]*\.tiff?$")
# The second kind of names is that of version 1.4.
SEQUENCE = (
    re.compile(r"img_channel(?P<c>\d+)_position(?P<p>\d+)_time(?P<t>\d+)_z(?P<z>\d+)\.tiff?$"),
    re.compile(r"img_(?P<t>\d+)_(?P<c>.+)_(?P<z>\d+)\.tiff?$"),
)

# Stands before the JSON object of the acquisition in the head of a TIFF.
_SUMMARY = 2355492
_WIDTH, _HEIGHT, _SAMPLES = 256, 257, 277
_STRIPS, _STRIP_BYTES, _METADATA_TAG = 273, 279, 51123
# What NDTiff says of its pixels: bits for each colour, and how many colours.
_ND_PIXELS = {0: ("uint8", 1), 1: ("uint16", 1), 2: ("uint8", 3), 3: ("uint16", 1),
              4: ("uint16", 1), 5: ("uint16", 1), 6: ("uint16", 1)}  # fmt: skip


@dataclass(slots=True)
class StoredPlane:
    """One plane as it is stored.

    Attributes
    ----------
    axes
        Place along the axes: "position", "time", "channel", "z", or whatever NDTiff was told.
    page
        IFD in the file; -1 where the file or the page is not there.
    facts
        The JSON object of the plane; empty where it cannot be read.
    """

    path: str
    page: int
    axes: dict[str, int | str]
    facts: dict[str, Any]
    height: int = 0
    width: int = 0
    dtype: str = ""
    colours: int = 1


@dataclass(slots=True)
class Stored:
    """One acquisition: its planes in the order of writing, and its summary."""

    planes: list[StoredPlane]
    summary: dict[str, Any] = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


# -- NDTiff ---------------------------------------------------------------------------------


def read_ndtiff(root: Path, name: str) -> Stored:
    """An acquisition by its NDTiff.index.

    Raises
    ------
    FormatError
        The index is empty or damaged.
    """
    entries = list(_index_entries(root / name))
    if not entries:
        raise FormatError("it lists no images")
    stored = Stored([])
    with ExitStack() as stack:
        files: dict[str, _Pages | None] = {}
        for axes, file_name, numbers in entries:
            pixels, width, height, kind, _, start, length, _ = numbers
            if kind not in _ND_PIXELS:
                raise FormatError(f"it lists pixels of an unknown type ({kind})")
            path = join(dirname(name), basename(file_name.replace("\\", "/")))
            if path not in files:
                files[path] = _open(root / path, stack)
            file = files[path]
            page = -1 if file is None else file.by_pixels.get(pixels, -1)
            facts = {} if file is None or page < 0 else file.json_at(start, length)
            stored.planes.append(
                StoredPlane(path, page, axes, facts, height, width, *_ND_PIXELS[kind])
            )
        stored.lost = [path for path, file in files.items() if file is None]
        listed = Counter(plane.path for plane in stored.planes)
        for path, file in files.items():
            told = listed[path]
            if file is not None and len(file.by_pixels) > told:
                stored.notes.append(
                    f"'{path}' holds {len(file.by_pixels)} images, but its index lists {told}: "
                    "it is cut off, and the others are left out."
                )
        there = [file for file in files.values() if file is not None]
        stored.summary = there[0].summary() if there else {}
    return stored


def _index_entries(path: Path) -> Iterator[tuple[dict[str, int | str], str, tuple[int, ...]]]:
    """Axes, name of the file, and eight numbers: offset of the pixels, width, height, pixel type,
    compression of the pixels; offset, length and compression of the metadata."""
    data = path.read_bytes()
    at = 0
    while at < len(data):
        try:
            axes, at = _text(data, at)
            name, at = _text(data, at)
            numbers = struct.unpack_from("<8I", data, at)
            at += 32
            parsed = json.loads(axes)
        except (struct.error, ValueError) as error:
            raise FormatError(f"its index is damaged at byte {at} of {len(data)}") from error
        if not isinstance(parsed, dict) or any(
            not isinstance(value, int | str) for value in parsed.values()
        ):
            raise FormatError(f"its index is damaged at byte {at}: {axes!r} are no axes")
        yield parsed, name, numbers


def _text(data: bytes, at: int) -> tuple[str, int]:
    (length,) = struct.unpack_from("<I", data, at)
    end = at + 4 + length
    if end > len(data):
        raise ValueError("cut off")
    return data[at + 4 : end].decode(), end


# -- image stacks ---------------------------------------------------------------------------


def is_stack(path: Path) -> bool:
    """True if Micro-Manager wrote the file: others save copies under its names."""
    try:
        with open(path, "rb") as file:
            mark = file.read(36)[32:]
    except OSError:
        return False
    return mark in (struct.pack("<I", _SUMMARY), struct.pack(">I", _SUMMARY))


def read_stack(root: Path, names: list[str]) -> Stored:
    """An acquisition of image stacks.

    Raises
    ------
    FormatError
        None of the files can be read.
    """
    stored = Stored([])
    silent: list[str] = []
    for name in names:
        with ExitStack() as stack:
            file = _open(root / name, stack)
            if file is None:
                stored.lost.append(name)
                continue
            stored.summary = stored.summary or file.summary()
            for page, facts in enumerate(file.metadata()):
                axes = {axis: facts.get(key) for axis, key in _INDICES.items()}
                indices = {axis: value for axis, value in axes.items() if isinstance(value, int)}
                if len(indices) == len(axes):
                    shape = file.shapes[page]
                    stored.planes.append(StoredPlane(name, page, {**indices}, facts, *shape))
                else:
                    silent.append(f"{name}, page {page}")
    if silent:
        stored.notes.append(
            f"{examples(silent, 'image')} left out: they do not tell their channel, z, time and "
            "position."
        )
    if not stored.planes:
        raise FormatError("none of its images can be read, or tells what it shows")
    return stored


_INDICES = {"position": "PositionIndex", "time": "FrameIndex", "channel": "ChannelIndex",
            "z": "SliceIndex"}  # fmt: skip


# -- image sequences ------------------------------------------------------------------------


def read_sequence(listing: Listing, name: str) -> Stored:
    """An acquisition, or one position of it, of single images, by its metadata.txt."""
    folder = dirname(name)
    text, notes = _sequence_json(listing.root / name)
    facts: dict[str, dict[str, Any]] = {}
    coords: dict[str, dict[str, Any]] = {}
    keyed: dict[tuple[int, str, int], dict[str, Any]] = {}
    for key, value in text.items():
        if not isinstance(value, dict):
            continue
        if key.startswith("Metadata-"):
            facts[basename(key[9:])] = value
        elif key.startswith("Coords-"):
            coords[basename(key[7:])] = value
        elif key.startswith("FrameKey-"):
            facts[basename(str(value.get("FileName", key)))] = value
            if match := re.fullmatch(r"FrameKey-(\d+)-(\d+)-(\d+)", key):
                keyed[int(match[1]), str(value.get("Channel", match[2])), int(match[3])] = value
    stored = Stored([], text.get("Summary") or {}, notes=notes)
    there = {basename(path): path for path in listing.names if dirname(path) == folder}
    for file_name in dict.fromkeys([*there, *coords, *facts]):
        match = next(filter(None, (kind.fullmatch(file_name) for kind in SEQUENCE)), None)
        if match is None:
            continue
        groups = match.groupdict()
        axes: dict[str, int | str] = {"time": int(groups["t"]), "z": int(groups["z"])}
        if "p" in groups:
            axes |= {"channel": int(groups["c"]), "position": int(groups["p"])}
        else:
            axes |= {"channel": groups["c"], "position": basename(folder)}
        known = (
            facts.get(file_name)
            or keyed.get((int(groups["t"]), groups["c"], int(groups["z"])))
            or {}
        )
        page = 0 if file_name in there else -1
        stored.planes.append(StoredPlane(join(folder, file_name), page, axes, known))
        if page < 0:
            stored.lost.append(join(folder, file_name))
    if not stored.planes:
        raise FormatError("there are no images of the sequence beside it")
    return stored


def _sequence_json(path: Path) -> tuple[dict[str, Any], list[str]]:
    """The metadata.txt; one that was never finished is read as far as it goes."""
    text = path.read_text(encoding="utf-8", errors="replace")
    cut = text.rstrip().rstrip(",")
    for candidate in (text, cut + "}"):
        try:
            value = json.loads(candidate)
        except ValueError:
            continue
        if isinstance(value, dict):
            return value, [] if candidate is text else ["metadata.txt was never finished."]
    return {}, ["metadata.txt is damaged; only the names of the images are known."]


# -- TIFF as Micro-Manager writes it --------------------------------------------------------


class _Pages:
    """The pages of a classic TIFF: where their pixels and their JSON objects lie.

    Each page is one strip without compression, as Micro-Manager writes it. A file that was never
    finished, because the program crashed, has pages up to its end.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._size = os.fstat(file.fileno()).st_size
        head = file.read(64)
        self._order = {b"II": "<", b"MM": ">"}.get(head[:2], "")
        if not self._order or len(head) < 64 or head[2:4] not in (b"*\0", b"\0*"):
            raise FormatError("no TIFF")
        self._head = head
        self.by_pixels: dict[int, int] = {}
        self.shapes: list[tuple[int, int, str, int]] = []
        self._objects: list[tuple[int, int]] = []
        self._walk(struct.unpack_from(self._order + "I", head, 4)[0])

    def _walk(self, offset: int) -> None:
        entry = struct.Struct(self._order + "HHI4s")
        seen: set[int] = set()
        while offset and offset not in seen and offset + 2 <= self._size:
            seen.add(offset)
            self._file.seek(offset)
            (count,) = struct.unpack(self._order + "H", self._file.read(2))
            table = self._file.read(count * 12 + 4)
            if not count or len(table) < count * 12 + 4:
                return
            tags = {}
            for tag, kind, number, inline in entry.iter_unpack(table[:-4]):
                short = kind == 3 and number == 1
                value = struct.unpack_from(self._order + ("H" if short else "I"), inline)[0]
                tags[tag] = value, number
            if not self._add({tag: value for tag, (value, _) in tags.items()}):
                return
            self._objects.append(tags.get(_METADATA_TAG, (0, 0)))
            (offset,) = struct.unpack(self._order + "I", table[-4:])

    def _add(self, tags: dict[int, int]) -> bool:
        """Remember a page; False if its pixels are cut off."""
        start, length = tags.get(_STRIPS, 0), tags.get(_STRIP_BYTES, 0)
        if not length or start + length > self._size:
            return False
        self.by_pixels[start] = len(self.shapes)
        height, width, samples = tags.get(_HEIGHT, 0), tags.get(_WIDTH, 0), tags.get(_SAMPLES, 1)
        bits = 8 * length // max(1, height * width * samples)
        self.shapes.append((height, width, f"uint{bits}" if bits in (8, 16, 32) else "", samples))
        return True

    def metadata(self) -> Iterator[dict[str, Any]]:
        """The JSON object of each page."""
        for start, length in self._objects:
            yield self.json_at(start, length)

    def json_at(self, start: int, length: int) -> dict[str, Any]:
        """A JSON object; empty if there is none."""
        if not length or start + length > self._size:
            return {}
        self._file.seek(start)
        try:
            value = json.loads(self._file.read(length).rstrip(b"\0"))
        except ValueError:
            return {}
        return value if isinstance(value, dict) else {}

    def summary(self) -> dict[str, Any]:
        """The JSON object of the acquisition, from the head of the file; empty if there is none.

        A mark, its length, then the text; the mark stands at byte 16 in NDTiff 3.0, at 20 in later
        ones, and at 32 in image stacks.
        """
        for at in (16, 20, 32):
            mark, length = struct.unpack_from(self._order + "II", self._head, at)
            if mark == _SUMMARY:
                return self.json_at(at + 8, length)
        return {}


def _open(path: Path, stack: ExitStack) -> _Pages | None:
    """The pages of a file until the stack is left; None if it is gone, empty or no TIFF."""
    try:
        return _Pages(stack.enter_context(open(path, "rb")))
    except (OSError, FormatError):
        return None
