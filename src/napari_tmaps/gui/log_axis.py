"""The axis of a plot: on a logarithmic scale it names 1, 2 and 5 of each decade, as numbers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyqtgraph as pg

_FEW = 5
_NAMED = (1, 2, 5)


class LogAxis(pg.AxisItem):  # type: ignore[misc]
    """An axis whose names of ticks do not lie on each other when it is logarithmic."""

    def logTickStrings(self, values: Sequence[float], scale: float, spacing: float) -> list[str]:
        """Names of ticks at powers of ten; "" where there are many and it is none of 1, 2, 5."""
        numbers = 10.0 ** np.asarray(values, float) * scale
        powers: list[str] = super().logTickStrings(values, scale, spacing)
        strings = [
            f"{number:.6g}" if 1e-3 < number < 1e5 else power
            for number, power in zip(numbers, powers, strict=True)
        ]
        if len(strings) <= _FEW:
            return strings
        first = np.rint(numbers / 10.0 ** np.floor(np.log10(numbers) + 1e-9))
        return [
            string if digit in _NAMED else "" for string, digit in zip(strings, first, strict=True)
        ]
