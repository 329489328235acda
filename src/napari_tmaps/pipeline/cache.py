"""Results of steps, kept by what they were made from.

The key of a result is a hash of the module's name and version, its settings and the keys of its
inputs; the key of an image is a hash of its pixels. So a changed setting recomputes that step and
those downstream of it, and nothing else; going back to the old value finds the old results.
"""

from __future__ import annotations

import hashlib
import json
import weakref
from collections import OrderedDict
from collections.abc import Mapping
from threading import Lock
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_tmaps.modules.spec import ModuleSpec

Value = npt.NDArray[Any] | pd.DataFrame


class Cache:
    """The results used last, in memory; safe to share between threads.

    Parameters
    ----------
    max_bytes
        Room for results. When it is used up, those that were not used for longest go first.
    """

    def __init__(self, max_bytes: int = 2**30) -> None:
        self.max_bytes = max_bytes
        self._results: OrderedDict[str, tuple[Value, ...]] = OrderedDict()
        self._nbytes = 0
        self._hashed: dict[int, tuple[weakref.ref[npt.NDArray[Any]], str]] = {}
        self._lock = Lock()

    @property
    def nbytes(self) -> int:
        """Bytes in use."""
        return self._nbytes

    def __len__(self) -> int:
        return len(self._results)

    def get(self, key: str) -> tuple[Value, ...] | None:
        """The outputs kept under the key; None if there are none (any more)."""
        with self._lock:
            if key in self._results:
                self._results.move_to_end(key)
            return self._results.get(key)

    def put(self, key: str, outputs: tuple[Value, ...]) -> None:
        """Keep outputs; they must not be changed afterwards. Too large ones are not kept."""
        nbytes = _nbytes(outputs)
        with self._lock:
            if key in self._results or nbytes > self.max_bytes:
                return
            self._results[key] = outputs
            self._nbytes += nbytes
            while self._nbytes > self.max_bytes:
                _, oldest = self._results.popitem(last=False)
                self._nbytes -= _nbytes(oldest)

    def forget(self) -> None:
        """Forget all results, but not the hashes of images."""
        with self._lock:
            self._results.clear()
            self._nbytes = 0

    def clear(self) -> None:
        """Forget everything."""
        self.forget()
        with self._lock:
            self._hashed.clear()

    def image_key(self, image: npt.NDArray[Any]) -> str:
        """`array_key` of an image; computed once for an array that nobody can change."""
        if image.flags.writeable or image.base is not None:
            return array_key(image)
        with self._lock:
            known = self._hashed.get(id(image))
        if known is not None and known[0]() is image:
            return known[1]
        key = array_key(image)
        with self._lock:
            self._hashed = {n: pair for n, pair in self._hashed.items() if pair[0]() is not None}
            self._hashed[id(image)] = (weakref.ref(image), key)
        return key


def array_key(array: npt.NDArray[Any]) -> str:
    """Hash of the values, shape and type of an array."""
    digest = hashlib.blake2b(f"{array.dtype.str}{array.shape}".encode(), digest_size=16)
    digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def step_key(spec: ModuleSpec, settings: Mapping[str, Any], inputs: Mapping[str, str]) -> str:
    """Hash of a module, the values of its settings and the keys of its inputs."""
    code = spec.recipe(settings)
    recipe = json.dumps([spec.name, code, dict(settings), dict(inputs)], sort_keys=True)
    return hashlib.blake2b(recipe.encode(), digest_size=16).hexdigest()


def _nbytes(outputs: tuple[Value, ...]) -> int:
    return sum(
        value.nbytes
        if isinstance(value, np.ndarray)
        else int(value.memory_usage(index=True, deep=True).sum())
        for value in outputs
    )
