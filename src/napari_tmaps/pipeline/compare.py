"""What two ways to find objects on one site have in common, and where they differ."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_tmaps.measure.agreement import object_f1

Labels = npt.NDArray[np.int32]

ONLY_HERE, ONLY_THERE = 1, 2


@dataclass(frozen=True, eq=False)
class Comparison:
    """One object type, found in two ways.

    Attributes
    ----------
    here, there
        Numbers of objects.
    f1
        From 0 (nothing in common) to 1; objects match where they share half of their pixels.
    differs
        uint8 of the shape of the labels: `ONLY_HERE`, `ONLY_THERE`, 0 where both agree on what is
        an object.
    """

    object_type: str
    here: int
    there: int
    f1: float
    differs: npt.NDArray[np.uint8]

    def sentence(self, there: str) -> str:
        """E.g. "Nuclei: 79 here, 82 in 'v1', F1 0.96"."""
        return f"{self.object_type}: {self.here} here, {self.there} in {there}, F1 {self.f1:.3f}"


def compare_objects(
    here: Mapping[str, Labels], there: Mapping[str, Labels]
) -> tuple[Comparison, ...]:
    """Compare the objects of the types that both have.

    Parameters
    ----------
    here, there
        Labels of one site by object type, of one shape; an axis z of one plane may be left out.

    Raises
    ------
    InputError
        The shapes differ.
    """
    found = []
    for name, mine in here.items():
        if name not in there:
            continue
        other = there[name]
        if other.ndim != mine.ndim:
            other, mine = (each.reshape(-1, *each.shape[-2:]) for each in (other, mine))
        score = object_f1(other, mine)
        differs = np.zeros(mine.shape, np.uint8)
        differs[(mine > 0) & (other == 0)] = ONLY_HERE
        differs[(mine == 0) & (other > 0)] = ONLY_THERE
        count, others = (int(np.unique(each[each > 0]).size) for each in (mine, other))
        shown = differs.reshape(here[name].shape)
        found.append(Comparison(name, count, others, score.f1, shown))
    return tuple(found)
