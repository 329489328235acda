"""What MetaXpress and MetaMorph write into the description of each TIFF: MetaSeries.

It is XML with one `prop` a fact. The facts that matter are taken out by name, without reading the
rest: a screen has a description of ten kilobytes in each of 100,000 files.
"""

from __future__ import annotations

import html
import re
import struct
from dataclasses import dataclass
from pathlib import Path

from napari_tmaps.model.channels import Channel
from napari_tmaps.vendors.opening import number

_DESCRIPTION, _ASCII = 270, 2
_MOST_ENTRIES, _LONGEST = 1000, 1 << 20
_HEAD = 1 << 14

_FACTS = (
    *("stage-position-x", "stage-position-y", "z-position", "acquisition-time-local"),
    *("spatial-calibration-state", "spatial-calibration-x", "spatial-calibration-y"),
    *("spatial-calibration-units", "wavelength", "camera-binning-x", "ApplicationVersion"),
    *("_IllumSetting_", "_MagSetting_", "_MagNA_", "Exposure Time", "Camera Bit Depth"),
    *("Z Step", "Z Projection Method", "Z Projection Step Size"),
)
_PROP = re.compile(
    rf'<(?:custom-)?prop id="({"|".join(map(re.escape, _FACTS))})" type="[^"]*" value="([^"]*)"'
)
_MOMENT = re.compile(r"(\d{4})(\d\d)(\d\d) (\d\d:\d\d:\d\d(?:\.\d+)?)")


@dataclass(frozen=True, slots=True)
class MetaSeries:
    """Facts of one image, as texts by their name; empty where there are none."""

    facts: dict[str, str]

    def number(self, name: str) -> float:
        """A number; NaN where it is none."""
        value = number(self.facts.get(name))
        return float("nan") if value is None else value

    @property
    def moment(self) -> str:
        """When the image was taken, as ISO 8601 in the local time of the microscope; or ""."""
        match = _MOMENT.fullmatch(self.facts.get("acquisition-time-local", ""))
        return f"{match[1]}-{match[2]}-{match[3]}T{match[4]}" if match else ""

    @property
    def pixel_size_um(self) -> tuple[float | None, float | None]:
        """Size of a pixel (y, x), None where it was not calibrated."""
        if self.facts.get("spatial-calibration-state") == "off" or self.facts.get(
            "spatial-calibration-units"
        ) not in {"um", "µm", "microns"}:
            return None, None
        return (
            number(self.facts.get("spatial-calibration-y")),
            number(self.facts.get("spatial-calibration-x")),
        )

    @property
    def objective(self) -> str:
        """Name of the objective with its aperture; or ""."""
        aperture = number(self.facts.get("_MagNA_"))
        name = self.facts.get("_MagSetting_", "")
        return f"{name} NA {aperture:g}" if name and aperture else name

    def channel(self, name: str) -> Channel:
        """The channel of the image under that name."""
        exposure, _, unit = self.facts.get("Exposure Time", "").partition(" ")
        milliseconds = {"ms": 1, "s": 1000}.get(unit, 0)
        bits = number(self.facts.get("Camera Bit Depth"))
        return Channel(
            name,
            emission_nm=number(self.facts.get("wavelength")) or None,
            exposure_ms=(number(exposure) or 0) * milliseconds or None,
            bit_depth=int(bits) if bits and 0 < bits <= 64 else None,
        )


def read_metaseries(path: Path | str) -> MetaSeries:
    """The facts in the description of a TIFF; empty for a file that has none or is damaged."""
    return MetaSeries(
        {name: html.unescape(value) for name, value in _PROP.findall(read_description(path))}
    )


def read_description(path: Path | str) -> str:
    """The description of the first page of a classic TIFF; "" where it cannot be read.

    Damaged files are told by the reader of headers, which opens them too.
    """
    try:
        with open(path, "rb", buffering=_HEAD) as file:
            head = file.read(8)
            order = {b"II*\0": "<", b"MM\0*": ">"}.get(head[:4])
            if order is None:
                return ""
            file.seek(struct.unpack(f"{order}I", head[4:])[0])
            (entries,) = struct.unpack(f"{order}H", file.read(2))
            table = file.read(12 * min(entries, _MOST_ENTRIES))
            for tag, kind, count, offset in struct.iter_unpack(f"{order}HHII", table):
                if tag == _DESCRIPTION and kind == _ASCII:
                    file.seek(offset)
                    return file.read(min(count, _LONGEST)).rstrip(b"\0").decode("utf-8", "replace")
    except (OSError, struct.error):
        pass
    return ""
