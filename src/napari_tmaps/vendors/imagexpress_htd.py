"""The .HTD file of an ImageXpress plate: what was planned. A list of quoted keys and values."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from napari_tmaps.errors import FormatError, MissingError, StorageError
from napari_tmaps.model.wells import PlateFormat, WellName

_MARK = "HTSInfoFile"
_LINE = re.compile(r'\s*"([^"]+)"\s*,(.*)')
_LARGEST = 4 * 1024 * 1024


@dataclass(frozen=True)
class Plan:
    """What was planned; empty where there is no .HTD file.

    Attributes
    ----------
    waves
        Names of the wavelengths by their number from 1.
    wells
        Names of the wells that were selected.
    sites
        Sites of each well; 0 where it is not told, as the next ones.
    """

    plate: PlateFormat | None = None
    waves: dict[int, str] = field(default_factory=dict)
    wells: tuple[str, ...] = ()
    sites: int = 0
    z_steps: int = 0
    time_points: int = 0
    facts: dict[str, str] = field(default_factory=dict)


def is_plan(path: Path) -> bool:
    """True if the file begins like an .HTD file."""
    try:
        with open(path, "rb") as file:
            return _MARK.encode() in file.read(200)
    except OSError:
        return False


def read_plan(path: Path) -> Plan:
    """Read an .HTD file.

    Raises
    ------
    FormatError
        A number in it is none, or it is cut off.
    MissingError, StorageError
        The file is gone or cannot be read.
    """
    values = _values(path)
    rows, columns = _number(path, values, "YWells"), _number(path, values, "XWells")
    plausible = 1 <= rows <= 702 and 1 <= columns <= 99
    series = _first(values, "ZSeries").upper() == "TRUE"
    facts = {"description": "Description", "plate_id": "UniquePlateIdentifier"}
    return Plan(
        plate=PlateFormat(rows, columns) if plausible else None,
        waves={
            wave: name
            for wave in range(1, min(_number(path, values, "NWavelengths"), 99) + 1)
            if (name := _first(values, f"WaveName{wave}").strip())
        },
        wells=tuple(
            str(WellName.at(row, column))
            for row in range(rows if plausible else 0)
            for column, chosen in enumerate(values.get(f"WellsSelection{row + 1}", [])[:columns])
            if chosen.upper() == "TRUE"
        ),
        sites=sum(
            chosen.upper() == "TRUE"
            for key, texts in values.items()
            if key.startswith("SiteSelection")
            for chosen in texts
        ),
        z_steps=_number(path, values, "ZSteps") if series else 0,
        time_points=_number(path, values, "TimePoints"),
        facts={key: text for key, name in facts.items() if (text := _first(values, name))},
    )


def _values(path: Path) -> dict[str, list[str]]:
    try:
        with open(path, "rb") as file:
            data = file.read(_LARGEST)
    except FileNotFoundError as error:
        raise MissingError(f"'{path}' is not there any more.") from error
    except OSError as error:
        raise StorageError(f"'{path}' cannot be read: {error.strerror}.") from error
    # Line breaks inside of texts stand there as these two bytes.
    text = data.replace(b"\x82\x81", b"; ").decode("latin-1")
    values = {}
    for line in text.splitlines():
        if match := _LINE.fullmatch(line):
            texts = re.findall(r'"([^"]*)"|([^\s,][^,]*)', match[2])
            values[match[1]] = [quoted or plain.strip() for quoted, plain in texts]
    if '"EndFile"' not in text:
        raise FormatError(
            f"'{path}' is cut off: its last line \"EndFile\" is absent. Copy it again from the "
            "microscope."
        )
    return values


def _first(values: dict[str, list[str]], key: str) -> str:
    return next(iter(values.get(key, [])), "")


def _number(path: Path, values: dict[str, list[str]], key: str) -> int:
    """A whole number; 0 where it is absent."""
    text = _first(values, key) or "0"
    if not re.fullmatch(r"[0-9]{1,6}", text):
        raise FormatError(
            f"'{path}': {key} is '{text}', but must be a whole number from 0. Copy the file again "
            "from the microscope."
        )
    return int(text)
