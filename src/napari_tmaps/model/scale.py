"""The colours of numbers, on plate maps and in reports."""

from __future__ import annotations

import numpy as np

# Viridis at equal distances: its lightness grows evenly, so every kind of eye can read it.
SCALE = np.array(
    [
        (68, 1, 84),
        (71, 45, 123),
        (59, 82, 139),
        (44, 114, 142),
        (33, 145, 140),
        (40, 174, 128),
        (94, 201, 98),
        (173, 220, 48),
        (253, 231, 37),
    ],
    float,
)
