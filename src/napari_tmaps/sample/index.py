"""The index files that a Yokogawa CellVoyager CV8000 writes beside its images.

`MeasurementData.mlf` has a record an image, `MeasurementDetail.mrf` the plate and the cameras, the
`.mes` file the settings, the `.wpi` file the plate again. All are XML of one schema.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from xml.sax.saxutils import escape, quoteattr

from napari_tmaps.model.wells import PlateFormat, WellName

TITLE = "SamplePlate"
PIXEL_UM = 0.325
PLATE = PlateFormat(8, 12)

_SCHEMA = "http://www.yokogawa.co.jp/BTS/BTSSchema/1.0"
_BEGIN = datetime(2024, 3, 4, 9, 0, tzinfo=timezone(timedelta(hours=1)))
_EXPOSURE = timedelta(milliseconds=210)


@dataclass(frozen=True, slots=True)
class Light:
    """A channel of the microscope: number, stain, wavelengths of lamp and filter in nm, colour."""

    number: int
    stain: str
    excitation_nm: int
    filter_nm: tuple[int, int]
    color: str


CHANNELS = (
    Light(1, "DAPI", 405, (445, 45), "#FF002FFF"),
    Light(2, "Actin", 561, (600, 37), "#FFFF8200"),
)


@dataclass(frozen=True, slots=True)
class Picture:
    """One image: where it was taken, and how its file is named.

    Attributes
    ----------
    stage_yx_um
        Centre of the field, from the centre of the well, y upwards.
    """

    well: WellName
    site: int
    channel: Light
    stage_yx_um: tuple[float, float]

    @property
    def name(self) -> str:
        """Name of the file."""
        ch = self.channel.number
        return f"{TITLE}_{self.well}_T0001F{self.site:03d}L01A{ch:02d}Z01C{ch:02d}.tif"


def index_files(pictures: Sequence[Picture], size: int) -> dict[str, bytes]:
    """Content of the index files by name; `size` is that of the images in pixels.

    The record of images comes last: without it a folder is no measurement.
    """
    return {
        f"{TITLE}.wpi": _document(_plate()),
        f"{TITLE}.mes": _document(_settings(pictures)),
        "MeasurementDetail.mrf": _document(_detail(pictures, size)),
        # of all these files it alone begins without byte order mark
        "MeasurementData.mlf": _document(_records(pictures), "utf-8"),
    }


def _document(root: str, encoding: str = "utf-8-sig") -> bytes:
    return f'<?xml version="1.0" encoding="utf-8"?>\n{root}\n'.encode(encoding)


def _element(name: str, attributes: Mapping[str, object], *content: str) -> str:
    """An element; content of several lines is indented, a single text is not."""
    named = "".join(f" bts:{key}={quoteattr(str(value))}" for key, value in attributes.items())
    if not content:
        return f"<bts:{name}{named} />"
    if len(content) == 1 and not content[0].startswith("<"):
        return f"<bts:{name}{named}>{escape(content[0])}</bts:{name}>"
    inner = "\n".join("  " + line for part in content for line in part.split("\n"))
    return f"<bts:{name}{named}>\n{inner}\n</bts:{name}>"


def _root(name: str, attributes: Mapping[str, object], *content: str) -> str:
    text = _element(name, {"Version": "1.0", **attributes}, *content)
    # the first bracket ends the root's own tag: values of attributes have theirs escaped
    return text.replace(">", f' xmlns:bts="{_SCHEMA}">', 1)


def _records(pictures: Sequence[Picture]) -> str:
    records = []
    for number, picture in enumerate(pictures, start=1):
        y, x = picture.stage_yx_um
        attributes = {
            "Type": "IMG",
            "Time": (_BEGIN + number * _EXPOSURE).isoformat(timespec="milliseconds"),
            "Column": picture.well.column,
            "Row": picture.well.row_index + 1,
            "TimePoint": 1,
            "FieldIndex": picture.site,
            "ZIndex": 1,
            "TimelineIndex": 1,
            "ActionIndex": picture.channel.number,
            "Action": "2D",
            "X": f"{x:.3f}",
            "Y": f"{y:.3f}",
            "Z": "0.0",
            "Ch": picture.channel.number,
        }
        records.append(_element("MeasurementRecord", attributes, picture.name))
    return _root("MeasurementData", {}, *records)


def _detail(pictures: Sequence[Picture], size: int) -> str:
    channels = (
        _element(
            "MeasurementChannel",
            {
                "Ch": light.number,
                "HorizontalPixelDimension": PIXEL_UM,
                "VerticalPixelDimension": PIXEL_UM,
                "CameraNumber": 3,
                "InputBitDepth": 12,
                "InputLevel": 4095,
                "HorizontalPixels": size,
                "VerticalPixels": size,
                "FilterWheelPosition": 6,
                "FilterPosition": light.number,
                "ShadingCorrectionSource": "",
                "ObjectiveMagnificationRatio": 1,
                "OriginalHorizontalPixels": size,
                "OriginalVerticalPixels": size,
            },
        )
        for light in CHANNELS
    )
    end = _BEGIN + (len(pictures) + 1) * _EXPOSURE
    attributes = {
        "OperatorName": "napari-tmaps",
        "Title": TITLE,
        "Application": "",
        "BeginTime": _BEGIN.isoformat(timespec="microseconds"),
        "EndTime": end.isoformat(timespec="microseconds"),
        "MeasurementSettingFileName": f"{TITLE}.mes",
        "ColumnCount": PLATE.columns,
        "RowCount": PLATE.rows,
        "TimePointCount": 1,
        "FieldCount": max(picture.site for picture in pictures),
        "ZCount": 1,
        "TargetSystem": "CV8000",
        "ReleaseNumber": "R2.06.03",
        "Status": 0,
    }
    plate = {"Name": TITLE, "WellPlateFileName": f"{TITLE}.wpi", "WellPlateProductFileName": ""}
    return _root(
        "MeasurementDetail", attributes, _element("MeasurementSamplePlate", plate), *channels
    )


def _plate() -> str:
    attributes = {
        "Name": TITLE,
        "ProductID": "",
        "Usage": "SamplePlate",
        "DensityUnit": "uM",
        "Columns": PLATE.columns,
        "Rows": PLATE.rows,
    }
    return _root("WellPlate", attributes, _element("Description", {}, "Made by napari-tmaps"))


def _settings(pictures: Sequence[Picture]) -> str:
    # one programme serves all wells; small errors of the stage are in the records alone
    first = {picture.site: picture for picture in reversed(pictures)}
    wells = [
        _element("TargetWell", {"Column": well.column, "Row": well.row_index + 1}, "true")
        for well in dict.fromkeys(picture.well for picture in pictures)
    ]
    points = [
        _element("Point", {"X": first[site].stage_yx_um[1], "Y": first[site].stage_yx_um[0]})
        for site in sorted(first)
    ]
    focus = {"XOffset": 0, "YOffset": 0, "AFShiftBase": 5, "UseSoftFocus": "false"}
    actions = [
        _element("ActionAcquire", focus, _element("Ch", {}, str(light.number)))
        for light in CHANNELS
    ]
    timeline = _element(
        "Timeline",
        {"Name": "Time Line 1", "InitialTime": 0, "Period": 0, "Interval": 0},
        _element("WellSequence", {"IsSelected": "true"}, *wells),
        _element(
            "PointSequence",
            {"Method": "FixedPosition"},
            _element("FixedPosition", {"IsProportional": "false"}, *points),
        ),
        _element("ActionList", {"RunMode": "sequential", "AFSearch": "afparam"}, *actions),
    )
    sources = [
        _element(
            "LightSource",
            {
                "Name": f"{light.excitation_nm}nm",
                "Type": "Laser",
                "WaveLength": light.excitation_nm,
                "Power": 50,
            },
        )
        for light in CHANNELS
    ]
    attributes = {
        "ProductID": "",
        "Application": "",
        "Columns": PLATE.columns,
        "Rows": PLATE.rows,
    }
    return _root(
        "MeasurementSetting",
        attributes,
        _element("Timelapse", {}, timeline),
        _element("LightSourceList", {"UseCalibratedLaserPower": "true"}, *sources),
        _element("ChannelList", {}, *map(_channel, CHANNELS)),
    )


def _channel(light: Light) -> str:
    center, width = light.filter_nm
    attributes = {
        "Ch": light.number,
        "Target": light.excitation_nm,
        "ObjectiveID": 20200,
        "Objective": "20x v2",
        "Magnification": 20,
        "MethodID": 1,
        "Method": "Fluorescence",
        "FilterID": light.number,
        "Acquisition": f"BP{center}/{width}",
        "ExposureTime": 100,
        "Binning": 1,
        "Color": light.color,
        "MinLevel": 0,
        "MaxLevel": 0.5,
        "Kind": "Fluorescence",
        "CameraType": "DCAM",
        "InputLevel": 4095,
        "Fluorophore": light.stain,
    }
    return _element(
        "Channel", attributes, _element("LightSourceName", {}, f"{light.excitation_nm}nm")
    )
