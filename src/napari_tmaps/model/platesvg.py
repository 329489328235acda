"""A plate as a small SVG picture, for notebooks."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from napari_tmaps.model.wells import PlateFormat, WellName, row_letters

_STEP, _EDGE = 14, 22


def plate_svg(plate_format: PlateFormat, wells: Mapping[str, str], title: str = "") -> str:
    """The wells of a plate as circles; those that are given are filled, and named when pointed at.

    Parameters
    ----------
    wells
        Name of a well → what to say of it.

    >>> plate_svg(PlateFormat(1, 2), {"A1": "4 sites"}).count("<circle")
    2
    """
    names = {WellName.parse(name): text for name, text in wells.items()}
    parts = []
    for row in range(plate_format.rows):
        y = _EDGE + row * _STEP
        parts.append(
            f'<text x="{_EDGE - 10}" y="{y + 3}" text-anchor="end">{row_letters(row)}</text>'
        )
        for column in range(plate_format.columns):
            x = _EDGE + column * _STEP
            name = WellName(row_letters(row), column + 1)
            here = name in names
            text = f"<title>{escape(f'{name}: {names[name]}')}</title>" if here else ""
            fill = "#3B8EEA" if here else "none"
            parts.append(
                f'<circle cx="{x}" cy="{y}" r="5" fill="{fill}" stroke="#888">{text}</circle>'
            )
    for column in range(plate_format.columns):
        x = _EDGE + column * _STEP
        parts.append(f'<text x="{x}" y="{_EDGE - 9}" text-anchor="middle">{column + 1}</text>')
    width = _EDGE + plate_format.columns * _STEP
    height = _EDGE + plate_format.rows * _STEP
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'font-size="8" fill="currentColor" role="img" aria-label="{escape(title)}">'
        f"{''.join(parts)}</svg>"
    )
