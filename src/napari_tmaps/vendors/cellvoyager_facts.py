"""What the .mrf and the .mes of a CellVoyager say of channels, plate and plan."""

from __future__ import annotations

import re

import pandas as pd

from napari_tmaps.errors import InputError
from napari_tmaps.model.channels import Channel
from napari_tmaps.model.planes import Oddity
from napari_tmaps.model.wells import WellName, sorted_wells
from napari_tmaps.vendors.cellvoyager_index import Detail, Settings, float_or_none
from napari_tmaps.vendors.checks import incomplete
from napari_tmaps.vendors.listing import examples


def check_wells(records: pd.DataFrame, detail: Detail) -> None:
    """Refuse wells that the plate does not have.

    Raises
    ------
    InputError
        There is one.
    """
    if detail.plate:
        for well in records["well"].unique():
            try:
                detail.plate.check(WellName.parse(well))
            except InputError as error:
                raise InputError(
                    f"MeasurementData.mlf and MeasurementDetail.mrf do not fit each other: {error}"
                ) from error


def fluorophores(numbers: dict[str, int], settings: Settings) -> dict[str, str]:
    """Names of the dyes, by which people know channels, if each channel has one of its own."""
    dyes = {
        name: settings.channels.get(ch, {}).get("Fluorophore", "").strip()
        for name, ch in numbers.items()
    }
    return dyes if all(dyes.values()) and len(set(dyes.values())) == len(dyes) else {}


def channel_of(name: str, ch: int, detail: Detail, settings: Settings) -> Channel:
    """A channel with its light, filter, exposure, colour and bit depth."""
    setting = settings.channels.get(ch, {})
    lights = [
        settings.lights.get(light, 0) for light in setting.get("LightSources", "").split("\n")
    ]
    color = re.fullmatch(r"#[0-9A-Fa-f]{2}([0-9A-Fa-f]{6})", setting.get("Color", ""))  # ARGB
    band = re.search(r"BP\s*(\d{3,4})(?!\d)", setting.get("Acquisition", ""))
    bits = float_or_none(detail.channels.get(ch, {}).get("InputBitDepth", ""))
    return Channel(
        name,
        color=f"#{color[1]}" if color else None,
        excitation_nm=lights[0] or None if len(lights) == 1 else None,
        emission_nm=float(band[1]) if band else None,
        exposure_ms=float_or_none(setting.get("ExposureTime", "")),
        bit_depth=int(bits) if bits else None,
        fluorophore=setting.get("Fluorophore", "").strip() or None,
    )


def objective_facts(numbers: dict[str, int], settings: Settings) -> dict[str, object]:
    """Objective, method and binning; by channel, where they differ."""
    facts: dict[str, object] = {}
    for key, name in (("objective", "Objective"), ("method", "Method"), ("binning", "Binning")):
        values = {
            channel: settings.channels[ch][name]
            for channel, ch in numbers.items()
            if settings.channels.get(ch, {}).get(name)
        }
        if values:
            alike = len(set(values.values())) == 1
            facts[key] = next(iter(values.values())) if alike else values
    return facts


def pixel_size(
    numbers: list[int], detail: Detail
) -> tuple[tuple[float, float] | None, list[Oddity]]:
    """Size of a pixel (y, x), µm, of the channels that were recorded."""
    keys = ("VerticalPixelDimension", "HorizontalPixelDimension")
    stated = [detail.channels[ch] for ch in numbers if ch in detail.channels]
    sizes = [tuple(float_or_none(channel.get(key, "")) for key in keys) for channel in stated]
    if not sizes:
        return None, []
    y, x = sizes[0]
    if y is None or x is None:
        text = "MeasurementDetail.mrf states no size of pixels that makes sense; it is unknown."
        return None, [Oddity("doubtful", text)]
    oddities = []
    if len(set(sizes)) > 1:
        text = f"Channels differ in size of pixels: {sorted(set(map(str, sizes)))} µm (y, x)."
        oddities.append(Oddity("mixed", f"{text} That of the first channel is used."))
    if not 0.01 <= min(y, x) <= max(y, x) <= 100:
        oddities.append(Oddity("doubtful", f"Pixels of {y:g} × {x:g} µm are not plausible."))
    return (y, x), oddities


def against_plan(planes: pd.DataFrame, detail: Detail, settings: Settings) -> list[Oddity]:
    """Less was recorded than was planned."""
    columns = {"fields": "site", "z planes": "z", "time points": "t"}
    oddities = incomplete(
        (name, planned, planes[columns[name]].nunique())
        for name, planned in detail.declared.items()
    )
    absent = sorted_wells(set(settings.wells) - set(planes["well"]))
    if absent:
        text = f"{examples(absent, 'well')} selected in the settings have no image."
        oddities.append(Oddity("incomplete", text))
    return oddities


def against_detail(planes: pd.DataFrame, numbers: dict[str, int], detail: Detail) -> list[Oddity]:
    """Images have another size than the .mrf says."""
    oddities = []
    for channel, ch in numbers.items():
        stated = detail.channels.get(ch, {})
        size = stated.get("VerticalPixels"), stated.get("HorizontalPixels")
        there = planes[(planes["channel"] == channel) & (planes["height"] > 0)]
        if there.empty or None in size:
            continue
        height, width = there[["height", "width"]].iloc[0]
        if size != (str(height), str(width)):
            oddities.append(
                Oddity(
                    "doubtful",
                    f"Images of channel {channel} have {height} × {width} pixels, but "
                    f"MeasurementDetail.mrf says {size[0]} × {size[1]}; the size of pixels stated "
                    "there may be wrong.",
                )
            )
    return oddities
