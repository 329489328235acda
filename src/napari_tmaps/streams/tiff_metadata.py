"""The OME-XML of a stream in TIFF files: made while frames come, and read back to go on."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_tmaps.streams.acquisition import AcquisitionSettings
from napari_tmaps.streams.describe import ome_image, other_facts, plane_facts
from napari_tmaps.streams.omexml import PageRun, Stored
from napari_tmaps.streams.omexml_writer import image_omexml, note_xml, plane_xml
from napari_tmaps.streams.order import Place, runs

if TYPE_CHECKING:
    from napari_tmaps.streams.tiff_files import TiffImage
    from napari_tmaps.streams.tiff_stream import TiffStream

STATE = "napari-tmaps/stream"
FRAME = "napari-tmaps/frame"
CHECKSUMS = "napari-tmaps/checksums"


def note_texts(
    settings: AcquisitionSettings, position: int, place: Place, facts: Mapping[str, Any]
) -> tuple[str, str]:
    """The element Plane of a frame, and the annotation that holds what OME has no field for."""
    others = other_facts(facts)
    name = f"Annotation:frame-{position}-" + "-".join(map(str, place))
    plane = plane_xml(plane_facts(settings, place, facts), name if others else None)
    return plane, note_xml(name, FRAME, others) if others else ""


def dimension_order(settings: AcquisitionSettings) -> str:
    """DimensionOrder of OME, fastest first."""
    names = [dim.name.upper() for dim in settings.storage_index_dimensions]
    return "XY" + "".join([*reversed(names), *(name for name in "ZCT" if name not in names)])


def document(stream: TiffStream, positions: Sequence[int], uuid: str) -> str:
    """The OME-XML of these positions."""
    settings = stream.settings
    described, stored = [], []
    for position in positions:
        image = stream.images[position]
        notes = {}
        if settings.checksums:
            frames = json.dumps(image.checksums.rows())
            notes[CHECKSUMS] = {"algorithm": "crc32c", "frames": frames}
        described.append(ome_image(settings, position, image.seen.shape, stream.acquired, notes))
        where = (None, None) if stream.single else (image.file.path.name, image.file.uuid)
        stored.append(
            Stored(
                dimension_order(settings),
                page_runs(settings, image, *where),
                planes="".join(t for place, t in image.planes.items() if place in image.seen),
                notes="".join(t for place, t in image.annotations.items() if place in image.seen),
            )
        )
    globals_ = {
        namespace: {
            key: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            for key, value in values.items()
        }
        for namespace, values in stream.notes.items()
    }
    notes = {STATE: {"state": stream.state_text()}, **globals_}
    return image_omexml(*described, stored=stored, notes=notes, uuid=uuid)


def page_runs(
    settings: AcquisitionSettings, image: TiffImage, file: str | None, uuid: str | None
) -> tuple[PageRun, ...]:
    """Which planes are on which pages, in as few entries as can be."""
    places, pages = image.seen.pages.listed()
    if not len(pages):
        return ()
    # Names of the stored dimensions, slowest first, as the order of OME has them.
    names = [dim.name for dim in settings.storage_index_dimensions]
    linear = np.zeros(len(places), np.int64)
    for axis, size in enumerate(image.seen.shape):
        linear = linear * size + places[:, axis]
    turn = np.argsort(pages)
    places, pages, linear = places[turn], pages[turn], linear[turn]
    found = []
    step = np.where(np.diff(pages) == 1, np.diff(linear), 0)
    numbers = np.concatenate([[0], np.cumsum(np.where(step == 1, 1, 2))])
    for first, last in runs(numbers):
        at = dict(zip(names, places[first].tolist(), strict=True))
        t, c, z = (at.get(axis, 0) for axis in "tcz")
        found.append(PageRun((t, c, z), int(pages[first]), last - first, file, uuid))
    return tuple(found)


@dataclass
class Recorded:
    """What the file of an interrupted stream says of one position."""

    shape: Place
    state: dict[str, Any]
    pages: dict[Place, int] = field(default_factory=dict)
    facts: dict[Place, dict[str, Any]] = field(default_factory=dict)
    checksums: dict[Place, int] = field(default_factory=dict)


def read_back(stream: TiffStream) -> dict[int, Recorded]:
    """Position → what is recorded of it, from all files that are there."""
    import tifffile
    from ome_types import from_xml

    texts: list[tuple[str, list[int]]] = []
    everyone = list(range(len(stream.settings.positions)))
    if stream.mode == "companion-file":
        if stream.companion.exists():
            texts.append((stream.companion.read_text(encoding="utf-8"), everyone))
    else:
        for file in stream.files[: 1 if stream.mode == "master-tiff" else None]:
            if file.path.exists() and file.path.stat().st_size > 16:
                with tifffile.TiffFile(file.path) as tiff:
                    texts.append((tiff.ome_metadata or "", file.positions))
    found: dict[int, Recorded] = {}
    for text, _ in texts:
        ome = from_xml(text)
        notes = {
            note.id: (note.namespace, {m.k: m.value for m in note.value.ms} if note.value else {})
            for note in (ome.structured_annotations.map_annotations if ome.structured_annotations
                         else ())
        }  # fmt: skip
        state: dict[str, Any] = next(
            (json.loads(v["state"]) for n, v in notes.values() if n == STATE), {}
        )
        names = [place.name for place in stream.settings.positions]
        for number, image in enumerate(ome.images):
            position = _position(stream, image, number, names, found)
            found[position] = _recorded(stream, image, notes, state)
    return found


def _position(
    stream: TiffStream, image: Any, number: int, names: list[str], found: Mapping[int, Recorded]
) -> int:
    """Which position an image is: that of its file, else the next of its name."""
    for run in image.pixels.tiff_data_blocks:
        if run.uuid is not None and run.uuid.file_name is not None:
            files = [file.path.name for file in stream.files]
            if run.uuid.file_name in files:
                return stream.files[files.index(run.uuid.file_name)].positions[0]
    alike = [n for n, name in enumerate(names) if name == image.name and n not in found]
    return alike[0] if alike else number


def _recorded(
    stream: TiffStream, image: Any, notes: Mapping[str, Any], state: dict[str, Any]
) -> Recorded:
    pixels = image.pixels
    sizes = {"t": pixels.size_t, "c": pixels.size_c, "z": pixels.size_z}
    names = [dim.name for dim in stream.settings.storage_index_dimensions]
    shape = tuple(sizes[name] for name in names)
    recorded = Recorded(shape, state)
    for run in pixels.tiff_data_blocks:
        first = {"t": run.first_t, "c": run.first_c, "z": run.first_z}
        begin = int(np.ravel_multi_index([first[n] for n in names], shape)) if names else 0
        for step in range(run.plane_count or 0):
            place = tuple(map(int, np.unravel_index(begin + step, shape))) if names else ()
            recorded.pages[place] = (run.ifd or 0) + step
    for plane in pixels.planes:
        at = {"t": plane.the_t, "c": plane.the_c, "z": plane.the_z}
        place = tuple(at[name] for name in names)
        facts: dict[str, Any] = {}
        if plane.delta_t is not None:
            facts["delta_t"] = plane.delta_t
        if plane.exposure_time is not None:
            facts["exposure_time"] = plane.exposure_time / 1000
        for axis in "xyz":
            value = getattr(plane, f"position_{axis}")
            if value is not None:
                facts[f"position_{axis}"] = value
        for reference in plane.annotation_refs:
            facts |= {key: _value(value) for key, value in notes[reference.id][1].items()}
        if facts:
            recorded.facts[place] = facts
    for reference in image.annotation_refs:
        namespace, values = notes[reference.id]
        if namespace == CHECKSUMS:
            for *place_, crc in json.loads(values["frames"]):
                recorded.checksums[tuple(place_)] = crc
    return recorded


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
