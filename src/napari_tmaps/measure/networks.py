"""Medians of small windows by comparing and exchanging, all pixels of a row at once.

The columns of a window are sorted, then its rows. Then few places are left in which the median can
be; of sorting these, only the steps are taken that the median depends on. All values of a window
stay in vector registers, which is why every step is written out. After Batcher, "Sorting networks
and their applications" (1968).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from napari_tmaps.measure.compile import kernel
from napari_tmaps.measure.runs import Ints

Image = npt.NDArray[np.uint16]


@kernel
def median_of_three(wide: Image, rows: Ints) -> Image:
    """Median of 3 × 3 pixels.

    The image (y, x) is 2 pixels wider than the result; its rows `rows` stand above each other,
    2 more than the result has.
    """
    height, width = rows.size - 2, wide.shape[1] - 2
    result = np.empty((height, width), np.uint16)
    sorted_ = np.empty((3, wide.shape[1]), np.uint16)
    line_0, line_1, line_2 = sorted_[0], sorted_[1], sorted_[2]
    for y in range(height):
        row_0, row_1, row_2 = wide[rows[y]], wide[rows[y + 1]], wide[rows[y + 2]]
        for x in range(wide.shape[1]):
            v0, v1, v2 = row_0[x], row_1[x], row_2[x]
            v0, v2 = min(v0, v2), max(v0, v2)
            v0, v1 = min(v0, v1), max(v0, v1)
            v1, v2 = min(v1, v2), max(v1, v2)
            line_0[x], line_1[x], line_2[x] = v0, v1, v2
        line = result[y]
        for x in range(np.uintp(width)):
            a0, b0, c0 = line_0[x], line_0[x + np.uintp(1)], line_0[x + np.uintp(2)]
            a1, b1, c1 = line_1[x], line_1[x + np.uintp(1)], line_1[x + np.uintp(2)]
            a2, b2, c2 = line_2[x], line_2[x + np.uintp(1)], line_2[x + np.uintp(2)]
            a0, c0 = min(a0, c0), max(a0, c0)
            b0 = max(a0, b0)
            c0 = max(b0, c0)
            a1, c1 = min(a1, c1), max(a1, c1)
            b1 = max(a1, b1)
            b1 = min(b1, c1)
            a2 = min(a2, c2)
            a2 = min(a2, b2)
            c0, a2 = min(c0, a2), max(c0, a2)
            b1 = max(c0, b1)
            b1 = min(b1, a2)
            line[x] = b1
    return result


@kernel
def median_of_five(wide: Image, rows: Ints) -> Image:
    """Median of 5 × 5 pixels.

    The image (y, x) is 4 pixels wider than the result; its rows `rows` stand above each other,
    4 more than the result has.
    """
    height, width = rows.size - 4, wide.shape[1] - 4
    result = np.empty((height, width), np.uint16)
    sorted_ = np.empty((5, wide.shape[1]), np.uint16)
    line_0, line_1, line_2, line_3, line_4 = (
        sorted_[0],
        sorted_[1],
        sorted_[2],
        sorted_[3],
        sorted_[4],
    )
    for y in range(height):
        row_0, row_1, row_2, row_3, row_4 = (
            wide[rows[y]],
            wide[rows[y + 1]],
            wide[rows[y + 2]],
            wide[rows[y + 3]],
            wide[rows[y + 4]],
        )
        for x in range(wide.shape[1]):
            v0, v1, v2, v3, v4 = row_0[x], row_1[x], row_2[x], row_3[x], row_4[x]
            v0, v4 = min(v0, v4), max(v0, v4)
            v0, v2 = min(v0, v2), max(v0, v2)
            v1, v3 = min(v1, v3), max(v1, v3)
            v2, v4 = min(v2, v4), max(v2, v4)
            v0, v1 = min(v0, v1), max(v0, v1)
            v2, v3 = min(v2, v3), max(v2, v3)
            v1, v4 = min(v1, v4), max(v1, v4)
            v1, v2 = min(v1, v2), max(v1, v2)
            v3, v4 = min(v3, v4), max(v3, v4)
            line_0[x], line_1[x], line_2[x], line_3[x], line_4[x] = v0, v1, v2, v3, v4
        line = result[y]
        for x in range(np.uintp(width)):
            a0, b0, c0, d0, e0 = (
                line_0[x],
                line_0[x + np.uintp(1)],
                line_0[x + np.uintp(2)],
                line_0[x + np.uintp(3)],
                line_0[x + np.uintp(4)],
            )
            a1, b1, c1, d1, e1 = (
                line_1[x],
                line_1[x + np.uintp(1)],
                line_1[x + np.uintp(2)],
                line_1[x + np.uintp(3)],
                line_1[x + np.uintp(4)],
            )
            a2, b2, c2, d2, e2 = (
                line_2[x],
                line_2[x + np.uintp(1)],
                line_2[x + np.uintp(2)],
                line_2[x + np.uintp(3)],
                line_2[x + np.uintp(4)],
            )
            a3, b3, c3, d3, e3 = (
                line_3[x],
                line_3[x + np.uintp(1)],
                line_3[x + np.uintp(2)],
                line_3[x + np.uintp(3)],
                line_3[x + np.uintp(4)],
            )
            a4, b4, c4, d4, e4 = (
                line_4[x],
                line_4[x + np.uintp(1)],
                line_4[x + np.uintp(2)],
                line_4[x + np.uintp(3)],
                line_4[x + np.uintp(4)],
            )
            a0, e0 = min(a0, e0), max(a0, e0)
            a0, c0 = min(a0, c0), max(a0, c0)
            b0, d0 = min(b0, d0), max(b0, d0)
            c0, e0 = min(c0, e0), max(c0, e0)
            b0 = max(a0, b0)
            d0 = max(c0, d0)
            e0 = max(b0, e0)
            d0, e0 = min(d0, e0), max(d0, e0)
            a1, e1 = min(a1, e1), max(a1, e1)
            a1, c1 = min(a1, c1), max(a1, c1)
            b1, d1 = min(b1, d1), max(b1, d1)
            c1, e1 = min(c1, e1), max(c1, e1)
            b1 = max(a1, b1)
            c1, d1 = min(c1, d1), max(c1, d1)
            b1, e1 = min(b1, e1), max(b1, e1)
            c1 = max(b1, c1)
            d1, e1 = min(d1, e1), max(d1, e1)
            a2, e2 = min(a2, e2), max(a2, e2)
            a2, c2 = min(a2, c2), max(a2, c2)
            b2, d2 = min(b2, d2), max(b2, d2)
            c2, e2 = min(c2, e2), max(c2, e2)
            b2 = max(a2, b2)
            c2, d2 = min(c2, d2), max(c2, d2)
            b2, e2 = min(b2, e2), max(b2, e2)
            b2, c2 = min(b2, c2), max(b2, c2)
            d2 = min(d2, e2)
            a3, e3 = min(a3, e3), max(a3, e3)
            a3, c3 = min(a3, c3), max(a3, c3)
            b3, d3 = min(b3, d3), max(b3, d3)
            c3, e3 = min(c3, e3), max(c3, e3)
            a3, b3 = min(a3, b3), max(a3, b3)
            c3 = min(c3, d3)
            b3 = min(b3, e3)
            b3, c3 = min(b3, c3), max(b3, c3)
            a4, e4 = min(a4, e4), max(a4, e4)
            a4, c4 = min(a4, c4), max(a4, c4)
            b4, d4 = min(b4, d4), max(b4, d4)
            c4, e4 = min(c4, e4), max(c4, e4)
            a4, b4 = min(a4, b4), max(a4, b4)
            c4 = min(c4, d4)
            b4 = min(b4, e4)
            b4 = min(b4, c4)
            d0, a4 = min(d0, a4), max(d0, a4)
            c1, e1 = min(c1, e1), max(c1, e1)
            b2, d2 = min(b2, d2), max(b2, d2)
            a3, c3 = min(a3, c3), max(a3, c3)
            e0, b4 = min(e0, b4), max(e0, b4)
            d0, e0 = min(d0, e0), max(d0, e0)
            c1, d1 = min(c1, d1), max(c1, d1)
            b2, c2 = min(b2, c2), max(b2, c2)
            a3, b3 = min(a3, b3), max(a3, b3)
            a4, b4 = min(a4, b4), max(a4, b4)
            e0, a4 = min(e0, a4), max(e0, a4)
            d1, e1 = min(d1, e1), max(d1, e1)
            c2, d2 = min(c2, d2), max(c2, d2)
            b3, c3 = min(b3, c3), max(b3, c3)
            d0, b2 = min(d0, b2), max(d0, b2)
            c1, a3 = min(c1, a3), max(c1, a3)
            e0, c2 = min(e0, c2), max(e0, c2)
            d1, b3 = min(d1, b3), max(d1, b3)
            a4, d2 = min(a4, d2), max(a4, d2)
            e1, c3 = min(e1, c3), max(e1, c3)
            b2, a4 = min(b2, a4), max(b2, a4)
            a3, e1 = min(a3, e1), max(a3, e1)
            c2, b4 = min(c2, b4), max(c2, b4)
            b2, e0 = min(b2, e0), max(b2, e0)
            a3, d1 = min(a3, d1), max(a3, d1)
            c2, a4 = min(c2, a4), max(c2, a4)
            b3, e1 = min(b3, e1), max(b3, e1)
            d2, b4 = min(d2, b4), max(d2, b4)
            c1 = max(d0, c1)
            a3 = max(b2, a3)
            d1 = max(e0, d1)
            c2 = min(c2, b3)
            a4 = min(a4, e1)
            d2 = min(d2, c3)
            a4 = max(c1, a4)
            a3 = min(a3, d2)
            d1 = min(d1, b4)
            c2 = max(a3, c2)
            d1 = min(d1, a4)
            c2 = max(d1, c2)
            line[x] = c2
    return result
