"""A stream as OME-TIFF: one file, or one for each position, with the OME-XML kept up to date."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import numpy as np
import numpy.typing as npt

from napari_tmaps.errors import ExistsError, InputError, NotFoundError
from napari_tmaps.streams.acquisition import AcquisitionSettings
from napari_tmaps.streams.atomic import disk_errors, write_text
from napari_tmaps.streams.checksums import frame_checksum
from napari_tmaps.streams.describe import started
from napari_tmaps.streams.formats import OmeTiffFormat, split_suffix
from napari_tmaps.streams.older import check_same, check_tiff_ours, tiffs_in_the_way
from napari_tmaps.streams.omexml_writer import binary_only
from napari_tmaps.streams.order import FrameOrder, Place, PlaneNumbers, Seen
from napari_tmaps.streams.pixeltypes import IN_OME_TIFF, stored_type
from napari_tmaps.streams.pyramid import pyramid
from napari_tmaps.streams.tiff_files import TiffFileOfStream, TiffImage
from napari_tmaps.streams.tiff_metadata import document, note_texts, read_back
from napari_tmaps.streams.tiff_pages import TiffPages, encode_plane
from napari_tmaps.streams.units import to_micrometers
from napari_tmaps.streams.workers import Buffers, Workers

if TYPE_CHECKING:
    from ome_types import OME


_MOST_UNLINKED = 256
"""Frames that have no directory in the file yet."""


class TiffStream:
    """Writes all positions of a stream."""

    def __init__(self, settings: AcquisitionSettings, order: FrameOrder, workers: Workers) -> None:
        assert isinstance(settings.format, OmeTiffFormat)
        self.settings = settings
        self.order = order
        self.workers = workers
        self.notes: dict[str, Any] = {}
        self.state: dict[str, Any] = {}
        self.dtype = stored_type(settings.dtype, IN_OME_TIFF, "OME-TIFF")
        self.root = Path(settings.output_path).absolute()
        self.single = settings.format.is_single(len(settings.positions))
        self.acquired = started()
        self._levels = settings.levels
        self._buffers = Buffers(
            tuple(dim.count or 1 for dim in settings.frame_dimensions), self.dtype
        )
        self.frame_bytes = int(np.prod([d.count or 1 for d in settings.frame_dimensions]))
        self.frame_bytes *= self.dtype.itemsize
        self._closed = False
        self._lock = threading.RLock()
        stem = Path(split_suffix(settings.root_path)[0]).name
        everyone = list(range(len(settings.positions)))
        if self.single:
            self.files = [TiffFileOfStream(self.root, everyone)]
        else:
            suffix = split_suffix(settings.root_path)[1] or settings.format.suffix
            self.files = [
                TiffFileOfStream(self.root / f"{stem}_p{n:03d}{suffix}", [n]) for n in everyone
            ]
        name = settings.format.companion_file or f"{stem}.companion.ome"
        self.companion = self.root / name
        self.companion_uuid = f"urn:uuid:{uuid4()}"
        self.images: dict[int, TiffImage] = {}

    @property
    def mode(self) -> str:
        """Who tells of all files; with a single one there is no question."""
        return "redundant" if self.single else self.settings.format.multi_file_metadata  # type: ignore[union-attr]

    # -- beginning ------------------------------------------------------------------------------

    def create(self) -> None:
        """Make the file or folder; files of an older stream go if settings say so.

        Raises
        ------
        ExistsError
            Something is there that is not ours, or must not be replaced.
        """
        old = tiffs_in_the_way(self.root, [file.path for file in self.files], self.companion)
        if old and not self.settings.overwrite:
            raise ExistsError(
                f"'{self.root}' exists already. Choose another root_path, or overwrite=True to "
                "replace it."
            )
        for path in old:
            check_tiff_ours(path)
        with disk_errors(self.root):
            for path in old:
                path.unlink()
            self.root.parent.mkdir(parents=True, exist_ok=True)
            if self.single:
                self.files[0].pages = self._open(self.files[0])
            else:
                self.root.mkdir(exist_ok=True)
        self.flush()

    def resume(self) -> Mapping[str, Any]:
        """Take up an interrupted stream; returns its state.

        Raises
        ------
        FormatError
            There is no stream of ours, or one with other settings.
        """
        found = read_back(self)
        states = [each.state for each in found.values()]
        state = max(states, key=lambda each: each.get("handed", -1), default=None)
        check_same(self.root, state, self.settings)
        assert state is not None
        self.notes = dict(state.get("global", {}))
        self.acquired = datetime.fromisoformat(state["acquired"])
        for position, each in found.items():
            image = self._image(position)
            for place, page in each.pages.items():
                image.seen.add(place, page)
            image.seen.reach(tuple(size - 1 for size in each.shape))
            for place, facts in each.facts.items():
                self._note(image, position, place, facts)
            for place, crc in each.checksums.items():
                image.checksums[place] = crc
        for file in self.files:
            pages = [page for n in file.positions if n in found for page in found[n].pages.values()]
            if pages:
                file.pages = self._open(file, keep=max(pages) + 1)
                file.changed = True
            else:
                file.path.unlink(missing_ok=True)
        return state

    def _open(self, file: TiffFileOfStream, keep: int | None = None) -> TiffPages:
        y, x = (to_micrometers(dim.scale, dim.unit) for dim in self.settings.frame_dimensions)
        with disk_errors(file.path):
            return TiffPages(
                file.path, self.dtype, self.settings.compression or "none", (y, x), keep,
                apart=not self.single,
            )  # fmt: skip

    # -- frames ---------------------------------------------------------------------------------

    def has(self, position: int, place: Place) -> bool:
        """Whether that frame is on the disk."""
        return position in self.images and place in self.images[position].seen

    def write(
        self, position: int, place: Place, frame: npt.NDArray[Any], facts: dict[str, Any] | None
    ) -> None:
        """Take a frame."""
        image = self._image(position)
        if facts:
            self._note(image, position, place, facts)
        pixels = self._buffers.take()
        pixels[...] = frame
        number = image.file.handed
        image.file.handed += 1
        self.workers.submit(lambda: self._encode(number, position, place, pixels), pixels.nbytes)

    def skip(self, position: int, place: Place) -> None:
        """There will be no frame there."""
        image = self._image(position)
        with image.file.lock:
            image.seen.reach(place)
            image.file.changed = True

    def read(self, position: int, place: Place) -> npt.NDArray[Any] | None:
        """A frame that has come; None if it has not."""
        image = self.images.get(position)
        if image is None or image.file.pages is None:
            return None
        if place not in image.seen:
            self._link(image.file)
        page = image.seen.pages.get(place)
        return None if page is None else image.file.pages.read(page)

    def _image(self, position: int) -> TiffImage:
        if position not in self.images:
            file = self.files[0 if self.single else position]
            counts = self.order.stored_counts
            self.images[position] = TiffImage(file, Seen(counts), PlaneNumbers(counts))
        return self.images[position]

    def _note(self, image: TiffImage, position: int, place: Place, facts: dict[str, Any]) -> None:
        plane, annotation = note_texts(self.settings, position, place, facts)
        with image.file.lock:
            image.planes[place] = plane
            if annotation:
                image.annotations[place] = annotation

    def _encode(self, number: int, position: int, place: Place, pixels: npt.NDArray[Any]) -> None:
        """Encode a frame, and write its pixels."""
        compression = self.settings.compression or "none"
        image = self.images[position]
        file = image.file
        if self.settings.checksums:
            crc = frame_checksum(pixels)
            with file.lock:
                image.checksums[place] = crc
        levels = [encode_plane(level, compression) for level in pyramid(pixels, self._levels)]
        with file.lock:
            if file.pages is None:
                file.pages = self._open(file)
        page = file.pages.write(levels)
        self._buffers.give(pixels)
        with file.lock:
            file.stored[number] = position, place, page
            file.changed = True
        if len(file.stored) > _MOST_UNLINKED:
            self._link(file)

    def _link(self, file: TiffFileOfStream) -> None:
        """Make pages of the frames that have come, as far as none is missing before them."""
        with file.lock:
            frames = []
            while file.linked in file.stored:
                frames.append(file.stored.pop(file.linked))
                file.linked += 1
            if not frames:
                return
            assert file.pages is not None
            next_page = len(file.pages.offsets)
            for number, (position, place, _) in enumerate(frames):
                self.images[position].seen.add(place, next_page + number)
            text = "" if next_page else self._document(file)
            file.pages.link([page for *_, page in frames], text.encode())

    # -- descriptions ---------------------------------------------------------------------------

    def flush(self) -> None:
        """All that was written is readable from now on."""
        with self._lock:
            changed = False
            for file in self.files:
                self._link(file)
            for number, file in enumerate(self.files):
                if not file.changed:
                    continue
                changed = True
                if self.mode == "redundant" or (self.mode == "master-tiff" and number == 0):
                    self._describe(file)
            if self.mode == "master-tiff" and changed and not self.files[0].changed:
                self._describe(self.files[0])
            for file in self.files:
                file.changed = False
            if self.mode == "companion-file" and changed:
                write_text(self.companion, self._document(None))

    def close(self) -> None:
        """Write what is left. The workers are idle."""
        with self._lock:
            for file in self.files:
                file.changed = file.pages is not None
            self._closed = True
            self.flush()
            for file in self.files:
                if file.pages is not None:
                    file.pages.close()

    def _describe(self, file: TiffFileOfStream) -> None:
        with file.lock:
            if file.pages is not None:
                file.pages.describe(self._document(file).encode())

    def _document(self, file: TiffFileOfStream | None) -> str:
        """The OME-XML of a file, or of the companion (None).

        While frames come, a file of several tells only of itself: that of a plate would be long,
        and be written over and over.
        """
        if file is not None and not self.single:
            if self.mode == "companion-file":
                return binary_only(self.companion.name, self.companion_uuid, file.uuid)
            if self.mode == "master-tiff" and file is not self.files[0]:
                return binary_only(self.files[0].path.name, self.files[0].uuid, file.uuid)
        whole = file is None or self.single or self._closed or self.mode == "master-tiff"
        positions = sorted(self.images) if whole or file is None else file.positions
        return document(
            self, [n for n in positions if n in self.images],
            self.companion_uuid if file is None else file.uuid,
        )  # fmt: skip

    # -- metadata -------------------------------------------------------------------------------

    def get_metadata(self) -> dict[int, OME]:
        """The OME model of the file of each position; -1 is the companion."""
        from ome_types import from_xml
        from tifffile import tiffcomment

        self.flush()
        found = {}
        for number, file in enumerate(self.files):
            if file.pages is not None and file.pages.offsets:
                own = tiffcomment(file.path) if self._closed else self._document(file)
                found[number] = from_xml(own or "")
        if self.mode == "companion-file" and self.companion.exists():
            found[-1] = from_xml(self.companion.read_text(encoding="utf-8"))
        return found

    def update_metadata(self, changes: Mapping[int, OME]) -> None:
        """Put other OME models into files, once the stream is closed.

        Raises
        ------
        InputError
            The stream is not closed, or something is no OME model.
        NotFoundError
            There is no such position.
        """
        from ome_types import OME

        if not self._closed:
            raise InputError("Close the stream first: until then its metadata follow the frames.")
        for number, model in changes.items():
            if not isinstance(model, OME):
                raise InputError(f"The metadata of position {number} must be an ome_types.OME.")
            if number == -1 and self.companion.exists():
                write_text(self.companion, model.to_xml())
            elif not 0 <= number < len(self.files) or self.files[number].pages is None:
                raise NotFoundError(f"There is no file of position {number}.")
        for number, model in changes.items():
            if number >= 0:
                self._rewrite(self.files[number], model.to_xml())

    def set_global(self, namespace: str, values: Any) -> None:
        """Facts of the whole stream."""
        self.notes[namespace] = values
        with self._lock:
            if self._closed and self.mode == "companion-file":
                write_text(self.companion, self._document(None))
            for file in self.files:
                file.changed = not self._closed
                if self._closed and file.pages is not None and file.pages.offsets:
                    self._rewrite(file, self._document(file))

    def _rewrite(self, file: TiffFileOfStream, text: str) -> None:
        """Describe a file that is closed."""
        assert file.pages is not None
        pages = self._open(file, keep=len(file.pages.offsets))
        pages.describe(text.encode())
        pages.close()

    def state_text(self) -> str:
        """What `resume` needs to know, and the facts of the whole stream."""
        known = {
            "settings": self.settings.model_dump(mode="json", exclude={"overwrite", "root_path"}),
            "acquired": self.acquired.isoformat(),
            "global": self.notes,
            **self.state,
        }
        return json.dumps(known, ensure_ascii=False)
