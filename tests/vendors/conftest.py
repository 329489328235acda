"""Small measurements as a Yokogawa CellVoyager writes them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import tifffile

SCHEMA = 'xmlns:bts="http://www.yokogawa.co.jp/BTS/BTSSchema/1.0"'
TITLE = "Screen 1"


@dataclass(frozen=True)
class Record:
    """One image; the stage puts field 1 at (x, y) = (-325, 10) µm and field 2 at (325, 10)."""

    row: int
    column: int
    field: int
    z: int
    ch: int
    time: int = 1
    timeline: int = 1
    action: int = 1

    @property
    def name(self) -> str:
        well = f"{chr(64 + self.row)}{self.column:02d}"
        return (
            f"{TITLE}_{well}_T{self.time:04d}F{self.field:03d}L{self.timeline:02d}"
            f"A{self.action:02d}Z{self.z:02d}C{self.ch:02d}.tif"
        )

    @property
    def value(self) -> int:
        """Value of all pixels of the image, different for each image of a row."""
        return self.row * 10_000 + self.field * 100 + self.z * 10 + self.ch

    def line(self) -> str:
        return (
            f'<bts:MeasurementRecord bts:Type="IMG" bts:Time="2024-05-01T10:00:'
            f'{10 * self.time + self.z:02d}.500+02:00" bts:Column="{self.column}" '
            f'bts:Row="{self.row}" bts:TimePoint="{self.time}" bts:FieldIndex="{self.field}" '
            f'bts:ZIndex="{self.z}" bts:TimelineIndex="{self.timeline}" '
            f'bts:ActionIndex="{self.action}" bts:Action="3D" bts:X="{650 * self.field - 975}" '
            f'bts:Y="10" bts:Z="{1.5 * (self.z - 1)}" bts:Ch="{self.ch}">{self.name}'
            "</bts:MeasurementRecord>"
        )


def records(
    *,
    wells: Iterable[tuple[int, int]] = ((2, 3), (3, 11)),
    fields: Iterable[int] = (1, 2),
    zs: Iterable[int] = (1, 2),
    channels: Iterable[int] = (1, 3),
) -> list[Record]:
    """Two wells (B03, C11) × two fields × two channels (1, 3) × two z."""
    return [Record(*well, f, z, ch) for well, f, ch, z in product(wells, fields, channels, zs)]


MRF = f"""\ufeff<?xml version="1.0" encoding="utf-8"?>
<bts:MeasurementDetail bts:Version="1.0" bts:OperatorName="Zoë" bts:Title="{TITLE}"
  bts:BeginTime="2024-05-01T10:00:00+02:00" bts:ColumnCount="12" bts:RowCount="8"
  bts:TimePointCount="1" bts:FieldCount="2" bts:ZCount="2" bts:TargetSystem="CV8000" {SCHEMA}>
  <bts:MeasurementChannel bts:Ch="1" bts:HorizontalPixelDimension="0.325"
    bts:VerticalPixelDimension="0.65" bts:InputBitDepth="14" bts:HorizontalPixels="6"
    bts:VerticalPixels="4" />
  <bts:MeasurementChannel bts:Ch="2" bts:HorizontalPixelDimension="9" bts:VerticalPixelDimension="9"
    bts:InputBitDepth="16" bts:HorizontalPixels="1" bts:VerticalPixels="1" />
  <bts:MeasurementChannel bts:Ch="3" bts:HorizontalPixelDimension="0.325"
    bts:VerticalPixelDimension="0.65" bts:InputBitDepth="14" bts:HorizontalPixels="6"
    bts:VerticalPixels="4" />
</bts:MeasurementDetail>
"""

MES = f"""<?xml version="1.0" encoding="utf-8"?>
<bts:MeasurementSetting bts:Version="1.0" {SCHEMA}>
  <bts:TargetWell bts:Column="3" bts:Row="2">true</bts:TargetWell>
  <bts:TargetWell bts:Column="11" bts:Row="3">true</bts:TargetWell>
  <bts:LightSourceList>
    <bts:LightSource bts:Name="405nm" bts:Type="Laser" bts:WaveLength="405" />
    <bts:LightSource bts:Name="Lamp" bts:Type="Lamp" bts:WaveLength="0" />
  </bts:LightSourceList>
  <bts:ChannelList>
    <bts:Channel bts:Ch="1" bts:Objective="20x" bts:Acquisition="BP445/45" bts:ExposureTime="150"
      bts:Color="#FF002FFF"><bts:LightSourceName>405nm</bts:LightSourceName></bts:Channel>
    <bts:Channel bts:Ch="3" bts:Objective="20x" bts:Acquisition="Through" bts:ExposureTime="20"
      bts:Color="white"><bts:LightSourceName>Lamp</bts:LightSourceName></bts:Channel>
  </bts:ChannelList>
</bts:MeasurementSetting>
"""


def mlf(lines: Iterable[str]) -> str:
    body = "\n".join(lines)
    return (
        f'<?xml version="1.0" encoding="utf-8"?>\n<bts:MeasurementData bts:Version="1.0" {SCHEMA}>'
        f"\n{body}\n</bts:MeasurementData>\n"
    )


def write_image(path: Path, value: int, shape: tuple[int, ...] = (4, 6)) -> None:
    tifffile.imwrite(path, np.full(shape, value, dtype=np.uint16), metadata=None)


def write_measurement(
    folder: Path, images: Iterable[Record] | None = None, *, extra: Iterable[str] = ()
) -> Path:
    """Images, index and settings of the records (default: `records()`), with further lines."""
    images = records() if images is None else list(images)
    folder.mkdir(parents=True, exist_ok=True)
    for image in images:
        write_image(folder / image.name, image.value)
    lines = [*(image.line() for image in images), *extra]
    (folder / "MeasurementData.mlf").write_text(mlf(lines), encoding="utf-8")
    (folder / "MeasurementDetail.mrf").write_text(MRF, encoding="utf-8")
    (folder / "settings.mes").write_text(MES, encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def cellvoyager() -> SimpleNamespace:
    """Writer of small measurements: write, records, record, image."""
    return SimpleNamespace(
        write=write_measurement, records=records, record=Record, image=write_image
    )


@pytest.fixture
def measurement(tmp_path: Path) -> Path:
    """A complete measurement: wells B03 and C11, 2 fields, 2 channels, 2 z, images 4 × 6."""
    return write_measurement(tmp_path / "measurement")
