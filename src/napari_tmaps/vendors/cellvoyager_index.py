"""The index files of a Yokogawa CellVoyager measurement, read as they are.

All are XML of the schema http://www.yokogawa.co.jp/BTS/BTSSchema/1.0; what it means for planes is
decided in cellvoyager.py.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from napari_tmaps.errors import FormatError, InputError
from napari_tmaps.model.wells import PlateFormat, WellName
from napari_tmaps.vendors.xmlfile import Element, read_elements, read_tree

_LARGEST = 10**9


@dataclass(frozen=True)
class Detail:
    """MeasurementDetail.mrf: what was planned.

    Attributes
    ----------
    declared
        Number of fields, z planes and time points by the name that people give them.
    channels
        Attributes of each channel by its number.
    """

    title: str = ""
    plate: PlateFormat | None = None
    declared: dict[str, int] = field(default_factory=dict)
    channels: dict[int, dict[str, str]] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Settings:
    """The .mes file: how it was recorded.

    Attributes
    ----------
    channels
        Attributes of each channel by its number; `LightSources` are the names of its lights.
    lights
        Wavelength of each light, nm.
    wells
        Wells that were selected.
    """

    channels: dict[int, dict[str, str]] = field(default_factory=dict)
    lights: dict[str, float] = field(default_factory=dict)
    wells: tuple[str, ...] = ()


def read_records(path: Path) -> tuple[list[Element], list[Element]]:
    """Records of images, and of everything else (failures), of a MeasurementData.mlf.

    Raises
    ------
    FormatError
        The file is damaged.
    """
    images: list[Element] = []
    failures: list[Element] = []
    for element in read_elements(path, "MeasurementRecord"):
        (images if element.get("Type") == "IMG" else failures).append(element)
    return images, failures


def record_table(path: Path, records: Sequence[Element]) -> pd.DataFrame:
    """Attributes of records as columns: well, site, time, timeline, action, z, ch, stage, moment.

    Raises
    ------
    FormatError
        An attribute is absent or no number.
    InputError
        Row and column are no well.
    """

    def column(name: str, kind: Callable[[str], Any], default: str = "") -> list[Any]:
        values = []
        try:
            for record in records:
                values.append(kind(record.attributes.get(name, default)))
        except ValueError as error:
            raise FormatError(
                f"'{path}', record {len(values) + 1} ('{record.text}'): {name} is "
                f"'{record.attributes.get(name, default)}', but must be {kind.__doc__}. Copy the "
                "file again from the microscope."
            ) from error
        return values

    places = list(zip(column("Row", _whole), column("Column", _whole), strict=True))
    try:
        wells = {place: str(WellName.at(place[0] - 1, place[1] - 1)) for place in set(places)}
    except InputError as error:
        raise InputError(f"'{path}': {error}") from error
    return pd.DataFrame(
        {
            "well": pd.Series([wells[place] for place in places], dtype="str"),
            "site": column("FieldIndex", _whole),
            "time": column("TimePoint", _whole),
            "timeline": column("TimelineIndex", _whole, "1"),
            "action": column("ActionIndex", _whole, "1"),
            "z": column("ZIndex", _whole),
            "ch": column("Ch", _whole),
            "stage_y_um": [-value for value in column("Y", _real, "nan")],
            "stage_x_um": column("X", _real, "nan"),
            "stage_z_um": column("Z", _real, "nan"),
            "moment": pd.Series([record.get("Time") for record in records], dtype="str"),
        }
    )


def read_detail(path: Path) -> Detail:
    """Read MeasurementDetail.mrf.

    Raises
    ------
    FormatError
        The file is damaged, or a number in it is none.
    """
    root = read_tree(path)
    rows, columns = _number(path, root, "RowCount"), _number(path, root, "ColumnCount")
    plate = root.first("MeasurementSamplePlate")
    facts = {
        "microscope": root.get("TargetSystem"),
        "software": root.get("ReleaseNumber"),
        "operator": root.get("OperatorName"),
        "started": root.get("BeginTime"),
        "ended": root.get("EndTime"),
        "plate_product": plate.get("WellPlateProductFileName").removesuffix(".wpp"),
    }
    declared = {"fields": "FieldCount", "z planes": "ZCount", "time points": "TimePointCount"}
    return Detail(
        title=root.get("Title").strip(),
        plate=PlateFormat(rows, columns) if rows and columns else None,
        declared={name: _number(path, root, key) for name, key in declared.items()},
        channels=_channels(path, root.all("MeasurementChannel")),
        facts={name: text for name, text in facts.items() if text},
    )


def read_settings(path: Path) -> Settings:
    """Read a .mes file.

    Raises
    ------
    FormatError
        The file is damaged, or a number in it is none.
    """
    root = read_tree(path)
    channels = list(root.all("Channel"))
    for channel in channels:
        sources = [source.text for source in channel.all("LightSourceName")]
        channel.attributes["LightSources"] = "\n".join(sources)
    wells = [
        str(WellName.at(_number(path, well, "Row") - 1, _number(path, well, "Column") - 1))
        for well in root.all("TargetWell")
        if well.text == "true"
    ]
    return Settings(
        channels=_channels(path, channels),
        lights={
            e.get("Name"): float_or_none(e.get("WaveLength")) or 0 for e in root.all("LightSource")
        },
        wells=tuple(dict.fromkeys(wells)),
    )


def _channels(path: Path, elements: Any) -> dict[int, dict[str, str]]:
    return {_number(path, element, "Ch"): element.attributes for element in elements}


def _number(path: Path, element: Element, name: str) -> int:
    """A whole number of a header; 0 where it is absent."""
    text = element.attributes.get(name, "0")
    try:
        return _whole(text)
    except ValueError as error:
        raise FormatError(
            f"'{path}': {name} of {element.tag} is '{text}', but must be {_whole.__doc__}. Copy "
            "the file again from the microscope."
        ) from error


def _whole(text: str) -> int:
    """a whole number from 0"""
    value = int(text)
    if not 0 <= value <= _LARGEST:
        raise ValueError
    return value


def _real(text: str) -> float:
    """a number"""
    value = float(text)
    return value if abs(value) <= _LARGEST else math.nan


def float_or_none(text: str) -> float | None:
    """A positive number, None where the text is none."""
    if not re.fullmatch(r"\s*\d{1,12}(\.\d+)?([eE][+-]?\d{1,3})?\s*", text):
        return None
    value = float(text)
    return value if 0 < value < _LARGEST else None
