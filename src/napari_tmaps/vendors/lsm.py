"""What a Zeiss LSM file says of its channels, times and microscope, as tifffile gives it."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from napari_tmaps.model.channels import Channel


def lsm_channels(file: Any, count: int) -> list[Channel]:
    """Channels by name, dye, colour, laser and bit depth, as far as they are told."""
    table = file.lsm_metadata.get("ChannelColors") or {}
    names, colors = table.get("ColorNames") or [], table.get("Colors") or []
    recorded = _recorded(file)
    facts = recorded if len(recorded) == count else [{}] * count
    return [
        Channel(
            name=names[c] if c < len(names) and names[c].strip() else f"C{c + 1:02d}",
            color="#{:02X}{:02X}{:02X}".format(*colors[c][:3]) if c < len(colors) else None,
            excitation_nm=facts[c].get("excitation_nm"),
            bit_depth=facts[c].get("bit_depth"),
            fluorophore=facts[c].get("dye") or None,
        )
        for c in range(count)
    ]


def lsm_times(file: Any, shape: tuple[int, int, int]) -> npt.NDArray[np.float64] | None:
    """Seconds since the first time point, by (t, c, z); None where not each has a time."""
    stamps = np.asarray(file.lsm_metadata.get("TimeStamps", ()), dtype=float)
    if stamps.shape != (shape[0],):
        return None
    seconds: npt.NDArray[np.float64] = np.broadcast_to((stamps - stamps[0])[:, None, None], shape)
    return seconds


def lsm_facts(file: Any) -> dict[str, Any]:
    """Objective, operator, and the band of light (nm) of each channel."""
    scan = _scan(file)
    channels = _recorded(file)
    facts = {
        "objective": str(scan.get("Objective", "")).strip(),
        "operator": str(scan.get("User", "")).strip(),
        "detection_bands_nm": [each["band_nm"] for each in channels] or None,
    }
    return {key: value for key, value in facts.items() if value}


def _scan(file: Any) -> dict[str, Any]:
    return file.lsm_metadata.get("ScanInformation") or {}


def _recorded(file: Any) -> list[dict[str, Any]]:
    """Facts of the detectors that recorded, in the order of the channels."""
    found = []
    for track in _scan(file).get("Tracks", ()):
        lasers = [
            float(laser["Wavelength"])
            for laser in track.get("IlluminationChannels", ())
            if laser.get("Aquire") and laser.get("Wavelength")
        ]
        bits = {int(each.get("BitsPerSample", 0)) for each in track.get("DataChannels", ())}
        for detector in track.get("DetectionChannels", ()):
            if not detector.get("Acquire"):
                continue
            start, stop = (detector.get(f"SpiWavelength{end}", 0) for end in ("Start", "Stop"))
            found.append(
                {
                    "excitation_nm": round(lasers[0], 3) if len(lasers) == 1 else None,
                    "bit_depth": next(iter(bits)) or None if len(bits) == 1 else None,
                    "dye": str(detector.get("DyeName", "")).strip(),
                    "band_nm": [round(float(start), 1), round(float(stop), 1)],
                }
            )
    return found
