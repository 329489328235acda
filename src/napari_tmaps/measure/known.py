"""What was found of an image, kept for those who ask again."""

from __future__ import annotations

import weakref
from typing import Any, Generic, TypeVar

import numpy as np
import numpy.typing as npt

T = TypeVar("T")


class Known(Generic[T]):
    """Facts about arrays that nobody can change, for as long as the arrays live."""

    def __init__(self) -> None:
        self._facts: dict[int, tuple[weakref.ref[npt.NDArray[Any]], T]] = {}

    def of(self, array: npt.NDArray[Any]) -> T | None:
        """What is known of the array; None if nothing is."""
        known = self._facts.get(id(array))
        return known[1] if known and known[0]() is array and is_fixed(array) else None

    def keep(self, array: npt.NDArray[Any], fact: T) -> T:
        """The fact, which is kept if nobody can change the array."""
        if is_fixed(array):
            key, facts = id(array), self._facts
            facts[key] = (weakref.ref(array, lambda _: facts.pop(key, None)), fact)
        return fact

    def clear(self) -> None:
        """Forget everything."""
        self._facts.clear()


def is_fixed(array: npt.NDArray[np.generic]) -> bool:
    """Whether nobody can change the array: not through it, and not through what it is a view of."""
    return not array.flags.writeable and array.base is None
