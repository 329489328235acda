"""Images on their way to the disk: OME-Zarr and OME-TIFF, with their JSON.

Frame by frame: `create_stream` with `AcquisitionSettings`. Names are loaded when first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_tmaps.streams.acquisition import AcquisitionSettings, Plate
    from napari_tmaps.streams.dimensions import (
        Channel,
        Dimension,
        Position,
        PositionDimension,
        StandardAxis,
        dims_from_standard_axes,
    )
    from napari_tmaps.streams.events import CoordUpdate
    from napari_tmaps.streams.formats import OmeTiffFormat, OmeZarrFormat, ScratchFormat
    from napari_tmaps.streams.stream import AcquisitionStream, OMEStream, create_stream
    from napari_tmaps.streams.useq import dims_from_useq, useq_to_acquisition_settings
    from napari_tmaps.streams.verify import verify_path
    from napari_tmaps.streams.view import StreamView

_WHERE = {
    "AcquisitionSettings": "acquisition",
    "AcquisitionStream": "stream",
    "Channel": "dimensions",
    "CoordUpdate": "events",
    "Dimension": "dimensions",
    "OMEStream": "stream",
    "OmeTiffFormat": "formats",
    "OmeZarrFormat": "formats",
    "Plate": "acquisition",
    "Position": "dimensions",
    "PositionDimension": "dimensions",
    "ScratchFormat": "formats",
    "StandardAxis": "dimensions",
    "StreamView": "view",
    "create_stream": "stream",
    "dims_from_standard_axes": "dimensions",
    "dims_from_useq": "useq",
    "useq_to_acquisition_settings": "useq",
    "verify_path": "verify",
}

__all__ = [
    "AcquisitionSettings",
    "AcquisitionStream",
    "Channel",
    "CoordUpdate",
    "Dimension",
    "OMEStream",
    "OmeTiffFormat",
    "OmeZarrFormat",
    "Plate",
    "Position",
    "PositionDimension",
    "ScratchFormat",
    "StandardAxis",
    "StreamView",
    "create_stream",
    "dims_from_standard_axes",
    "dims_from_useq",
    "useq_to_acquisition_settings",
    "verify_path",
]


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    return getattr(importlib.import_module(f"{__name__}.{_WHERE[name]}"), name)
