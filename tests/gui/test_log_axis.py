"""Names of a logarithmic axis."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from napari_tmaps.gui.log_axis import LogAxis


@pytest.fixture
def axis(qtbot: Any) -> LogAxis:
    axis = LogAxis("left")
    axis.setLogMode(True)
    return axis


@pytest.mark.parametrize(
    ("low", "high", "named"),
    [
        (80, 3000, ["100", "200", "500", "1000", "2000"]),
        (2.5e4, 2.5e6, ["50000", "10⁵", "2·10⁵", "5·10⁵", "10⁶", "2·10⁶"]),
        (0.015, 0.15, ["0.02", "0.05", "0.1"]),
        (550, 950, ["600", "700", "800", "900"]),  # none of them begins with 1, 2 or 5
    ],
)
def test_names_of_ticks(axis: LogAxis, low: float, high: float, named: list[str]) -> None:
    found: dict[float, str] = {}
    for spacing, values in axis.tickValues(np.log10(low), np.log10(high), 150):
        for value, text in zip(values, axis.tickStrings(values, 1.0, spacing), strict=True):
            found[round(float(value), 6)] = text
    assert [found[at] for at in sorted(found) if found[at]] == named
