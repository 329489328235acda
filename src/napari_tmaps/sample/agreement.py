"""How well an analysis of the sample plate agrees with its truth."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt


def sample_agreement(
    folder: Path, read: Callable[[str, int, str], npt.NDArray[Any]], object_type: str
) -> list[float]:
    """F1 at an intersection over union of 0.5 of each site of the sample plate.

    Parameters
    ----------
    folder
        Of the sample plate.
    read
        Gives the labels (y, x) that were found, by well, site and object type.
    object_type
        "Nuclei" or "Cells".
    """
    import tifffile

    from napari_tmaps.measure.agreement import object_f1

    scores = []
    pattern = f"*_F???_{object_type.lower()}.tif"
    for path in sorted((folder / "ground_truth" / "labels").glob(pattern)):
        well, field, _ = path.stem.split("_")
        found = read(well, int(field[1:]), object_type)
        scores.append(float(object_f1(np.asarray(tifffile.imread(path)), found).f1))
    return scores
