"""Pixels of a stream written by other libraries: zarr-python or tensorstore."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_tmaps.errors import InputError
from napari_tmaps.streams.array_plan import ArrayPlan
from napari_tmaps.streams.atomic import write_text

_FAR = 2**40
"""Size of a dimension whose end nobody knows; the file says how far it really reaches."""


class LibrarySink:
    """Has a library write whole blocks, which are shards where there are any.

    The library is told the final size from the start; the file that readers see has the true one.
    """

    def __init__(
        self,
        plan: ArrayPlan,
        counts: Sequence[int | None],
        open_array: Callable[[ArrayPlan, dict[str, Any]], Any],
    ) -> None:
        self._plan = plan
        self._counts = [count or _FAR for count in counts]
        (text,) = plan.describe(self._counts).values()
        self._array = open_array(plan, json.loads(text))
        # Whole shards go at once, but one shard of a plane that has several is read and written.
        self._lock = threading.Lock()

    @property
    def block(self) -> tuple[int, ...]:
        """Planes of a shard, so that none is written twice."""
        sizes = zip(self._plan.chunk[:-2], self._plan.shard[:-2], strict=True)
        return tuple(chunk * shard for chunk, shard in sizes)

    @property
    def tiles(self) -> None:
        """The library cuts planes itself."""
        return None

    def write(self, block: tuple[int, ...], planes: npt.NDArray[Any]) -> None:
        """Write the planes of a block."""
        first = [index * size for index, size in zip(block, self.block, strict=True)]
        last = [
            min(start + size, count)
            for start, size, count in zip(first, self.block, self._counts, strict=True)
        ]
        region = tuple(slice(a, b) for a, b in zip(first, last, strict=True))
        inside = tuple(slice(b - a) for a, b in zip(first, last, strict=True))
        pixels = np.ascontiguousarray(planes[inside])
        with self._lock:
            self._array[region] = pixels

    def publish(self, extent: Sequence[int]) -> None:
        """Tell readers how far the array reaches."""
        for name, text in self._plan.describe(extent).items():
            write_text(self._plan.folder / name, text)

    def close(self) -> None:
        """Nothing stays open."""


def zarr_python(plan: ArrayPlan, document: dict[str, Any]) -> Any:
    """An array of zarr-python with that description."""
    import zarr
    from zarr.core.metadata import ArrayV3Metadata
    from zarr.storage import LocalStore, StorePath

    return zarr.Array(
        zarr.AsyncArray(
            metadata=ArrayV3Metadata.from_dict(document),
            store_path=StorePath(LocalStore(plan.folder)),
            config={"write_empty_chunks": True},
        )
    )


def tensorstore(plan: ArrayPlan, document: dict[str, Any]) -> Any:
    """An array of tensorstore with that description.

    Raises
    ------
    InputError
        tensorstore is not installed.
    """
    try:
        import tensorstore as library
    except ModuleNotFoundError as error:
        raise InputError(
            "The backend 'tensorstore' is not installed. Install it (pip install tensorstore), or "
            "leave out the backend: our own writer needs nothing."
        ) from error
    spec = {
        "driver": "zarr3",
        "kvstore": {"driver": "file", "path": f"{plan.folder}/"},
        "metadata": {key: document[key] for key in _TENSORSTORE if key in document},
        "open": True,
        "assume_metadata": True,
        "store_data_equal_to_fill_value": True,
    }
    return library.open(spec).result()


_TENSORSTORE = ("zarr_format", "node_type", "shape", "data_type", "chunk_grid", "fill_value",
                "chunk_key_encoding", "codecs", "dimension_names")  # fmt: skip

LIBRARIES: dict[str, Callable[[ArrayPlan, dict[str, Any]], Any]] = {
    "zarr-python": zarr_python,
    "tensorstore": tensorstore,
}
