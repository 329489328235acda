"""The files of MetaMorph and VisiView as they are: the .nd list, and stacks (STK) or TIFFs."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_tmaps.errors import FormatError, MissingError, StorageError
from napari_tmaps.vendors.metaseries import MetaSeries, read_metaseries
from napari_tmaps.vendors.opening import DAMAGE, number

_MARK = b"NDInfoFile"
_LINE = re.compile(r'\s*"([^"]+)"\s*,\s*(.*?)\s*')
_LARGEST = 4 * 1024 * 1024
_LARGEST_UM = 1e6
_MOST, _MOST_WAVES = 1_000_000, 99
_BITS = re.compile(r"^Digitizer: .*\b(\d{1,2}) Bit\b", re.MULTILINE | re.IGNORECASE)
_EXPOSURE = re.compile(r"Exposure: ([\d.]+) (ms|sec|s)\b")


@dataclass(frozen=True)
class NdFile:
    """What an .nd file says was planned.

    Attributes
    ----------
    stages
        Labels of the positions by their number from 1; empty without several positions.
    waves
        Names of the wavelengths by their number from 1; empty without several.
    z_of_waves
        Is a stack taken, by the number of the wave?
    time_points, z_steps
        1 where none are planned.
    """

    stages: dict[int, str] = field(default_factory=dict)
    waves: dict[int, str] = field(default_factory=dict)
    z_of_waves: dict[int, bool] = field(default_factory=dict)
    time_points: int = 1
    z_steps: int = 1
    z_step_um: float | None = None
    started: str = ""


@dataclass(frozen=True)
class Stack:
    """What an image file says of its planes.

    Attributes
    ----------
    planes
        Number of planes.
    stage_xy_um
        Position of the stage; None where the file does not tell.
    heights_um, moments
        One a plane; NaN and "" where the file does not tell.
    """

    planes: int
    stage_xy_um: tuple[float, float] | None = None
    heights_um: tuple[float, ...] = ()
    moments: tuple[str, ...] = ()
    pixel_size_um: tuple[float | None, float | None] = (None, None)
    z_step_um: float | None = None
    emission_nm: float | None = None
    exposure_ms: float | None = None
    bit_depth: int | None = None
    objective: str = ""


def is_nd(path: Path) -> bool:
    """True if the file begins like an .nd file."""
    try:
        with open(path, "rb") as file:
            return _MARK in file.read(200)
    except OSError:
        return False


def read_nd(path: Path) -> NdFile:
    """Read an .nd file.

    Raises
    ------
    FormatError
        A number in it is none, or it is cut off.
    MissingError, StorageError
        The file is gone or cannot be read.
    """
    values = _values(path)

    def count(key: str, when: str, most: int = _MOST) -> int:
        text = values.get(key, "") if _is_true(values, when) else ""
        if not re.fullmatch(r"[0-9]{0,9}", text) or int(text or 1) > most:
            raise FormatError(
                f"'{path}': {key} is '{text}', but must be a whole number from 0 to {most}. Copy "
                "the file again from the microscope."
            )
        return int(text or 0)

    waves = range(1, count("NWavelengths", "DoWave", _MOST_WAVES) + 1)
    return NdFile(
        stages={
            n: values.get(f"Stage{n}", "")
            for n in range(1, count("NStagePositions", "DoStage") + 1)
        },
        waves={n: values.get(f"WaveName{n}", "") for n in waves},
        z_of_waves={n: _is_true(values, f"WaveDoZ{n}") for n in waves},
        time_points=count("NTimePoints", "DoTimelapse") or 1,
        z_steps=count("NZSteps", "DoZSeries") or 1,
        z_step_um=number(values.get("ZStepSize")) or None,
        started=values.get("StartTime1", ""),
    )


def _values(path: Path) -> dict[str, str]:
    try:
        with open(path, "rb") as file:
            text = file.read(_LARGEST).decode("latin-1")
    except FileNotFoundError as error:
        raise MissingError(f"'{path}' is not there any more.") from error
    except OSError as error:
        raise StorageError(f"'{path}' cannot be read: {error.strerror}.") from error
    if '"EndFile"' not in text:
        raise FormatError(
            f"'{path}' is cut off: its last line \"EndFile\" is absent. Copy it again from the "
            "microscope."
        )
    matches = [match for line in text.splitlines() if (match := _LINE.fullmatch(line))]
    return {match[1]: match[2].strip('"') for match in matches}


def _is_true(values: dict[str, str], key: str) -> bool:
    return values.get(key, "").upper() == "TRUE"


def read_stack(path: Path) -> Stack:
    """Read what an image file says of its planes.

    Raises
    ------
    FormatError
        The file is damaged or cut off.
    """
    import tifffile

    try:
        # Damaged tags divide by zero; what comes of it is not finite and left out.
        with np.errstate(all="ignore"), tifffile.TiffFile(path) as file:
            if not len(file.pages):
                raise ValueError("it is cut off before its first page")
            if not file.is_stk:
                return _plain(len(file.pages), read_metaseries(path))
            series = file.series[0]
            if (
                series.dataoffset is None
                or series.dataoffset + series.nbytes > file.filehandle.size
            ):
                raise ValueError("its last planes are cut off")
            return _stk(dict(file.stk_metadata or {}), file.pages.first.description)
    except DAMAGE as error:
        raise FormatError(
            f"'{path}' cannot be read: {error}. Copy it again from the microscope."
        ) from error


def _plain(pages: int, series: MetaSeries) -> Stack:
    x, y = series.number("stage-position-x"), series.number("stage-position-y")
    channel = series.channel("any")
    return Stack(
        planes=pages,
        stage_xy_um=_position(np.array([x, y])),
        heights_um=(series.number("z-position"),) * pages,
        moments=(series.moment,) * pages,
        pixel_size_um=series.pixel_size_um,
        emission_nm=channel.emission_nm,
        exposure_ms=channel.exposure_ms,
        bit_depth=channel.bit_depth,
        objective=series.objective,
    )


def _stk(facts: dict[str, Any], description: str) -> Stack:
    planes = int(facts["NumberPlanes"])
    positions = np.asarray(facts.get("StagePosition", []), float)
    heights = np.asarray(facts.get("AbsoluteZ", []), float)
    steps = np.asarray(facts.get("ZDistance", []), float)
    moments = [str(moment) for moment in facts.get("DatetimeCreated", [])]
    lights = np.asarray(facts.get("Wavelengths", []), float)
    exposure, bits = _EXPOSURE.match(description), _BITS.search(description)
    calibrated = facts.get("SpatialCalibration") and facts.get("CalibrationUnits") in {"um", "µm"}
    objectives = [
        str(each["value"])
        for each in facts.get("PlaneProperty", [])
        if each.get("name") == "_MagSetting_"
    ]
    return Stack(
        planes=planes,
        stage_xy_um=_position(positions[0]) if positions.shape == (planes, 2) else None,
        heights_um=tuple(heights) if heights.shape == (planes,) else (np.nan,) * planes,
        moments=tuple(moments) if len(moments) == planes else ("",) * planes,
        pixel_size_um=(
            (float(facts.get("YCalibration", 0)), float(facts.get("XCalibration", 0)))
            if calibrated
            else (None, None)
        ),
        z_step_um=float(steps[-1]) if planes > 1 and steps.size and steps[-1] > 0 else None,
        emission_nm=float(lights[0]) if lights.size and lights[0] > 0 else None,
        exposure_ms=(
            (number(exposure[1]) or 0) * (1 if exposure[2] == "ms" else 1000) or None
            if exposure
            else None
        ),
        bit_depth=int(bits[1]) if bits else None,
        objective=objectives[0] if objectives else "",
    )


def _position(xy: npt.NDArray[np.float64]) -> tuple[float, float] | None:
    """A position on a stage; None for numbers that no stage has, as misread negative ones."""
    x, y = float(xy[0]), float(xy[1])
    return (x, y) if max(abs(x), abs(y)) < _LARGEST_UM else None
