"""A stream that is kept in memory, or in plain files without a standard."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_tmaps.errors import ExistsError, InputError, StorageError
from napari_tmaps.streams.acquisition import AcquisitionSettings
from napari_tmaps.streams.atomic import disk_errors, write_json
from napari_tmaps.streams.formats import ScratchFormat, scratch_folder
from napari_tmaps.streams.order import FrameOrder, Place, Seen
from napari_tmaps.streams.workers import Workers


class ScratchStream:
    """Holds the frames of all positions."""

    def __init__(self, settings: AcquisitionSettings, order: FrameOrder, workers: Workers) -> None:
        assert isinstance(settings.format, ScratchFormat)
        self.settings = settings
        self.order = order
        self.workers = workers
        self.notes: dict[str, Any] = {}
        self.state: dict[str, Any] = {}
        self.folder = Path(settings.root_path).absolute() if settings.root_path else None
        self._temporary: Path | None = None
        self._plane = tuple(dim.count or 1 for dim in settings.frame_dimensions)
        self._dtype = np.dtype(settings.dtype)
        self.frame_bytes = int(np.prod(self._plane)) * self._dtype.itemsize
        self.block_bytes = self.frame_bytes
        self._arrays: dict[int, npt.NDArray[Any]] = {}
        self._seen: dict[int, Seen] = {}
        self.facts: dict[int, dict[Place, dict[str, Any]]] = {}

    def create(self) -> None:
        """Make the folder, if there is one.

        Raises
        ------
        ExistsError
            Something is there already.
        """
        if self.folder is None:
            return
        if self.folder.exists():
            ours = (self.folder / "manifest.json").is_file()
            if not (self.settings.overwrite and ours):
                raise ExistsError(
                    f"'{self.folder}' exists already. Choose another root_path, or overwrite=True "
                    "to replace a scratch stream."
                )
            for path in (*self.folder.glob("pos_*.dat"), *self.folder.glob("*.json*")):
                path.unlink()
        with disk_errors(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
        self.flush()

    def resume(self) -> Mapping[str, Any]:
        """Scratch streams are not for keeping.

        Raises
        ------
        InputError
            Always.
        """
        raise InputError("A scratch stream cannot be resumed; use ome-zarr or ome-tiff for that.")

    def has(self, position: int, place: Place) -> bool:
        """Whether that frame has come."""
        return position in self._seen and place in self._seen[position]

    def write(
        self, position: int, place: Place, frame: npt.NDArray[Any], facts: dict[str, Any] | None
    ) -> None:
        """Take a frame."""
        self._room(position, place)[place] = frame
        self._seen[position].add(place)
        if facts:
            self.facts.setdefault(position, {})[place] = facts

    def skip(self, position: int, place: Place) -> None:
        """There will be no frame there."""
        self._room(position, place)
        self._seen[position].reach(place)

    def read(self, position: int, place: Place) -> npt.NDArray[Any] | None:
        """A frame that has come; None if it has not."""
        if position not in self._seen or place not in self._seen[position]:
            return None
        frame: npt.NDArray[Any] = self._arrays[position][place].copy()
        return frame

    def flush(self) -> None:
        """Write down what the files hold."""
        if self.folder is None:
            return
        shapes = {n: [*seen.shape, *self._plane] for n, seen in self._seen.items()}
        manifest = {
            "settings": self.settings.model_dump(mode="json"),
            "dtype": self._dtype.name,
            "position_shapes": {str(n): list(map(int, shape)) for n, shape in shapes.items()},
            "allocated_shapes": {str(n): list(a.shape) for n, a in self._arrays.items()},
            "global_metadata": self.notes,
        }
        write_json(self.folder / "manifest.json", manifest)
        lines = [
            json.dumps({"position": n, "storage_index": list(place), **known}) + "\n"
            for n, notes in self.facts.items()
            for place, known in list(notes.items())
        ]
        with disk_errors(self.folder):
            (self.folder / "frame_metadata.jsonl").write_text("".join(lines), encoding="utf-8")

    def close(self) -> None:
        """Write down what is left. Arrays in a temporary folder live as long as the stream."""
        self.flush()

    def forget(self) -> None:
        """Remove the temporary folder."""
        if self._temporary is not None:
            shutil.rmtree(self._temporary, ignore_errors=True)

    def get_metadata(self) -> dict[int, dict[str, Any]]:
        """Facts of frames and of the stream, by position."""
        return {
            n: {
                "frame_metadata": [
                    {**facts, "storage_index": list(place)}
                    for place, facts in self.facts.get(n, {}).items()
                ],
                **self.notes,
            }
            for n in self._seen
        }

    def update_metadata(self, changes: Mapping[Any, Any]) -> None:
        """Further facts of the stream, by name."""
        self.notes.update(changes)

    def set_global(self, namespace: str, values: Any) -> None:
        """Facts of the whole stream."""
        self.notes[namespace] = values

    def _room(self, position: int, place: Place) -> npt.NDArray[Any]:
        if position not in self._seen:
            self._seen[position] = Seen(self.order.stored_counts)
            self._arrays[position] = self._new(
                position, [count or 1 for count in self.order.stored_counts]
            )
        array = self._arrays[position]
        if place and any(i >= size for i, size in zip(place, array.shape, strict=False)):
            sizes = list(array.shape[:-2])
            for axis, index in enumerate(place):
                if index >= sizes[axis]:
                    sizes[axis] = max(index + 1, sizes[axis] * 3 // 2)
            bigger = self._new(position, sizes)
            bigger[tuple(map(slice, array.shape[:-2]))] = array
            self._arrays[position] = array = bigger
        return array

    def _new(self, position: int, sizes: list[int]) -> npt.NDArray[Any]:
        shape = (*sizes, *self._plane)
        need = int(np.prod(shape, dtype=np.int64)) * self._dtype.itemsize
        held = sum(array.nbytes for array in self._arrays.values())
        spill = held + need > self.settings.format.max_memory_bytes  # type: ignore[union-attr]
        if self.folder is None and not spill:
            return np.zeros(shape, self._dtype)
        if self.folder is None and not self.settings.format.spill_to_disk:  # type: ignore[union-attr]
            raise StorageError(
                f"{(held + need) / 2**30:.1f} GiB of frames do not fit into max_memory_bytes of "
                "the scratch format. Allow more, or spill_to_disk=True."
            )
        if self.folder is None and self._temporary is None:
            self._temporary = scratch_folder()
        folder = self.folder or self._temporary
        assert folder is not None
        path = folder / f"pos_{position}.dat"
        if path.exists():
            path.rename(path.with_suffix(".old"))
            path.with_suffix(".old").unlink()
        with disk_errors(path):
            return np.memmap(path, self._dtype, "w+", shape=shape)
