"""Layers of the map: channels as picture tiles, for maps in a browser and clients without Zarr."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
from fastapi import APIRouter, Query, Response

from napari_tmaps.client.ids import decode, encode
from napari_tmaps.errors import NotFoundError
from napari_tmaps.server.access import Readable, Reading, ServerOf
from napari_tmaps.server.png import png
from napari_tmaps.server.tiles import TILE, tile, zooms
from napari_tmaps.store.maps import PlateMap

router = APIRouter(prefix="/api/experiments/{experiment_id}", tags=["map"])

_QUALITY = 90
Text = Annotated[str, Query(max_length=200)]
Number = Annotated[int, Query(ge=0, le=10**7)]
Intensity = Annotated[float | None, Query(ge=0, le=65535, allow_inf_nan=False)]


class TileFormat(StrEnum):
    """How a tile is sent; png: grey of 16 bit as recorded, jpeg: contrast applied, 8 bit."""

    JPEG = "jpeg"
    PNG = "png"


@router.get("/channel_layers")
def get_channel_layers(
    server: ServerOf, experiment: Reading, plate_name: Text = ""
) -> dict[str, Any]:
    """A layer for each plate and channel; z of its tiles runs from 0 to `max_zoom`."""
    plates = [name for name in experiment.plate_names() if plate_name in ("", name)]
    layers = []
    for name in plates:
        try:
            with server.maps.use(experiment.path, name) as plate:
                layers += [_layer(plate, channel) for channel in plate.channels]
        except NotFoundError:  # a plate without a layout has no map yet
            continue
    return {"data": layers}


def _layer(plate: PlateMap, channel: str) -> dict[str, Any]:
    plan, contrast = plate.plan, plate.contrast(channel)
    low, high = contrast or (0.0, float(np.iinfo(plan.dtype).max))
    return {
        "id": encode(plan.plate, channel),
        "name": channel,
        "channel_name": channel,
        "plate_name": plan.plate,
        "max_zoom": zooms(plate),
        "tile_size": TILE,
        "image_height": plan.size[0],
        "image_width": plan.size[1],
        "tpoints": plan.times,
        "zplanes": plan.depth,
        "min_intensity": low,
        "max_intensity": high,
        "is_built": plate.built,
    }


@router.get("/channel_layers/{layer_id}/tiles", response_class=Response)
async def get_channel_tile(
    server: ServerOf,
    entry: Readable,
    layer_id: str,
    x: Number,
    y: Number,
    z: Annotated[int, Query(ge=0, le=30)],
    tpoint: Number = 0,
    zplane: Number = 0,
    low: Intensity = None,
    high: Intensity = None,
    form: Annotated[TileFormat, Query(alias="format")] = TileFormat.JPEG,
) -> Response:
    """One tile; black where nothing is. `low` and `high` are intensities of black and white."""
    plate_name, channel = decode(layer_id, 2)
    key = (channel, z, y, x, tpoint, zplane, low, high, form)
    media = f"image/{form}"
    known = server.maps.fresh(entry.path, plate_name)
    content = None if known is None else server.tiles.get(known, key)
    if content is not None:
        return Response(content, media_type=media)

    def make() -> Response:
        with server.maps.use(entry.path, plate_name) as plate:
            pixels = tile(plate, plate.channel(channel), z, y, x, tpoint, zplane)
            ends = plate.contrast(channel) or (0.0, float(np.iinfo(pixels.dtype).max))
            made = _picture(
                pixels, ends[0] if low is None else low, ends[1] if high is None else high, form
            )
            if plate.built and z < zooms(plate):  # what is read from the sites may change unseen
                server.tiles.keep(plate, key, made)
        return Response(made, media_type=media)

    return await server.picture(make)


def _picture(pixels: npt.NDArray[Any], black: float, white: float, form: TileFormat) -> bytes:
    if form is TileFormat.PNG:
        return b"".join(png(pixels))
    import imagecodecs

    scaled = (pixels.astype(np.float32) - black) * (255 / max(white - black, 1e-6))
    grey = np.ascontiguousarray(np.clip(scaled, 0, 255).astype(np.uint8))
    return bytes(imagecodecs.jpeg_encode(grey, level=_QUALITY))
