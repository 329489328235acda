"""Two ways to find objects, compared."""

from __future__ import annotations

import numpy as np
import pytest

from napari_tmaps.errors import InputError
from napari_tmaps.pipeline.compare import ONLY_HERE, ONLY_THERE, compare_objects


def labels(*squares: tuple[int, int, int]) -> np.ndarray:
    image = np.zeros((30, 30), np.int32)
    for number, (y, x, size) in enumerate(squares, start=1):
        image[y : y + size, x : x + size] = number
    return image


def test_counts_score_and_where_they_differ():
    here = labels((0, 0, 5), (10, 10, 6), (20, 20, 4))
    there = labels((10, 10, 5), (0, 0, 5))  # the numbers do not matter
    (found,) = compare_objects({"Nuclei": here, "Cells": here}, {"Nuclei": there})
    assert (found.object_type, found.here, found.there) == ("Nuclei", 3, 2)
    assert found.f1 == pytest.approx(2 * 2 / (3 + 2))
    assert (found.differs == ONLY_HERE).sum() == 6 * 6 - 5 * 5 + 4 * 4
    assert not (found.differs == ONLY_THERE).any()
    assert found.sentence("'old'") == "Nuclei: 3 here, 2 in 'old', F1 0.800"
    (back,) = compare_objects({"Nuclei": there}, {"Nuclei": here})
    assert (back.differs == ONLY_THERE).sum() == 27


def test_a_plane_beside_a_stack_of_one_plane():
    here = labels((0, 0, 5))
    (found,) = compare_objects({"Nuclei": here}, {"Nuclei": here[np.newaxis]})
    assert (found.f1, found.differs.shape) == (1, here.shape)


def test_other_sites_are_refused():
    with pytest.raises(InputError, match="compared"):
        compare_objects({"Nuclei": labels()}, {"Nuclei": np.zeros((5, 5), np.int32)})
