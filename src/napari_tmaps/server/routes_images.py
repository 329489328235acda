"""Cycles, sites, channels, and the images of channels."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import closing
from enum import StrEnum
from itertools import groupby
from typing import Annotated, Any
from urllib.parse import quote

import numpy as np
import pandas as pd
from fastapi import APIRouter, Query, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from napari_tmaps.client.ids import decode, encode
from napari_tmaps.errors import InputError, MissingError, NotFoundError, unknown
from napari_tmaps.model.wells import WellName
from napari_tmaps.server.access import Readable, Reading, ServerOf
from napari_tmaps.server.kept_open import Layout
from napari_tmaps.server.png import Piece, png
from napari_tmaps.server.tiff import tiff
from napari_tmaps.store.images import SiteImage
from napari_tmaps.store.prepared import read_prepared

router = APIRouter(prefix="/api/experiments/{experiment_id}", tags=["images"])

Text = Annotated[str, Query(max_length=200)]
Position = Annotated[int, Query(ge=0, le=10**6)]


_SMALL = 4096
"""Bytes; to send fewer takes as long as to send so many."""


class Format(StrEnum):
    """How pixels are sent; raw: little-endian, with shape and dtype in headers."""

    PNG = "png"
    TIFF = "tiff"
    RAW = "raw"


class Place(BaseModel):
    """A plane of a site, by the names of the guide."""

    plate_name: str = Field(max_length=200)
    well_name: str = Field(max_length=10)
    well_pos_y: int = Field(0, ge=0, le=10**6)
    well_pos_x: int = Field(0, ge=0, le=10**6)
    tpoint: int = Field(0, ge=0, le=10**6)
    zplane: int = Field(0, ge=0, le=10**6)

    def site(self, experiment: Reading) -> tuple[str, str, int]:
        """(plate, well, site).

        Raises
        ------
        NotFoundError
            There is no site in that place.
        """
        well = str(WellName.parse(self.well_name))
        sites = experiment.sites(self.plate_name, well)
        here = sites[(sites["y"] == self.well_pos_y) & (sites["x"] == self.well_pos_x)]
        if here.empty:
            places = sites[["y", "x"]].itertuples(index=False, name=None)
            raise unknown(f"site of well {well}", (self.well_pos_y, self.well_pos_x), list(places))
        return self.plate_name, well, int(here.iloc[0]["site"])

    def file_part(self) -> str:
        """How file names tell the place, e.g. "plate01_D03_y000_x000_z000_t000"."""
        return (
            f"{self.plate_name}_{WellName.parse(self.well_name)}_y{self.well_pos_y:03d}"
            f"_x{self.well_pos_x:03d}_z{self.zplane:03d}_t{self.tpoint:03d}"
        )


class ImagePlace(Place):
    """The same for the image of a channel."""

    cycle_index: int = Field(0, ge=0, le=10**6)
    correct: bool = False
    align: bool = False
    format: Format = Format.PNG


@router.get("/cycles")
def get_cycles(experiment: Reading) -> dict[str, Any]:
    """Staining cycles."""
    cycles = sorted({int(cycle) for cycle in experiment.catalogue.channels()["cycle"]})
    return {"data": [{"id": encode(cycle), "index": cycle} for cycle in cycles]}


@router.get("/sites")
def get_sites(
    experiment: Reading,
    plate_name: Text = "",
    well_name: Text = "",
    well_pos_y: Position | None = None,
    well_pos_x: Position | None = None,
) -> dict[str, Any]:
    """Sites: where they lie in their well, and their size in pixels."""
    sites = experiment.catalogue.sites()
    wanted = {"plate": plate_name, "well": well_name, "y": well_pos_y, "x": well_pos_x}
    for column, value in wanted.items():
        if value not in ("", None):
            sites = sites[sites[column] == value]
    return {"data": sites_json(sites)}


def sites_json(sites: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows of sites, with their plates and wells, as clients see them."""
    return [
        {
            "id": encode(row["plate"], row["well"], row["site"]),
            "number": row["site"],
            "plate_name": row["plate"],
            "well_name": row["well"],
            "well_pos_y": row["y"],
            "well_pos_x": row["x"],
            "height": row["height"],
            "width": row["width"],
        }
        for row in sites.to_dict("records")
    ]


@router.get("/sites/{site_id}")
def get_site(experiment: Reading, site_id: str) -> dict[str, Any]:
    """One site."""
    plate, well, number = decode(site_id, 3)
    for row in sites_json(experiment.sites(plate, well).assign(plate=plate, well=well)):
        if str(row["number"]) == number:
            return {"data": row}
    raise NotFoundError(f"Well {well} of plate '{plate}' has no site {number}.")


@router.get("/channels")
def get_channels(experiment: Reading, name: Text = "") -> dict[str, Any]:
    """Channels."""
    rows = experiment.catalogue.channels().to_dict("records")
    return {
        "data": [
            {
                "id": encode(row["name"]),
                "name": row["name"],
                "wavelength": row["wavelength"],
                "cycle_index": row["cycle"],
            }
            for row in rows
            if name in ("", row["name"])
        ]
    }


@router.get("/channels/{channel_id}/image-file", response_class=Response)
@router.get("/channels/{channel_id}/image-files", response_class=Response)
def get_image(
    server: ServerOf, entry: Readable, channel_id: str, place: Annotated[ImagePlace, Query()]
) -> Response:
    """One plane of a channel: PNG of the original bit depth, TIFF, or raw bytes."""
    (channel,) = decode(channel_id)
    with server.layouts.use(entry.path) as layout:
        experiment, cycle = layout.experiment, layout.cycle(channel)
        well = str(WellName.parse(place.well_name))
        site = layout.site(place.plate_name, well, place.well_pos_y, place.well_pos_x)
        window = experiment.shifts.window(*site) if place.align else None
        if place.align and window is None:
            raise MissingError(f"Well {site[1]} site {site[2]} was not aligned. Run align.")
        with closing(_image(layout, site, cycle)) as image:
            if place.tpoint >= image.times:
                raise NotFoundError(
                    f"There is no time point {place.tpoint}; there are {image.times}."
                )
            pixels = read_prepared(
                image,
                channel,
                place.tpoint,
                site=site,
                cycle=cycle,
                z=place.zplane,
                correct=experiment.path / "illumination" if place.correct else None,
                window=window,
            )
        stem = f"{experiment.name}_{place.file_part()}_{channel}"
    return image_answer(pixels[0], place.format, stem)


def _image(layout: Layout, site: tuple[str, str, int], cycle: int) -> SiteImage:
    try:
        return layout.folders[site[0]].image(*site[1:], cycle)
    except NotFoundError:  # not converted: from the microscope's files
        return layout.experiment.site_image(*site, cycle)


def image_answer(pixels: np.ndarray[Any, Any], form: Format, stem: str) -> Response:
    """Pixels (y, x) as a file.

    Raises
    ------
    InputError
        PNG cannot hold pixels of that type.
    """
    headers = attachment(f"{stem}.{form.value}")
    if form is Format.RAW:
        headers["X-Shape"] = ",".join(map(str, pixels.shape))
        headers["X-Dtype"] = pixels.dtype.newbyteorder("<").str
        little = np.ascontiguousarray(pixels, pixels.dtype.newbyteorder("<"))
        raw = little.data.cast("B")
        return Response(raw, media_type="application/octet-stream", headers=headers)
    if form is Format.PNG and pixels.dtype not in (np.uint8, np.uint16):
        raise InputError(f"PNG cannot hold {pixels.dtype}; ask for format=tiff or format=raw.")
    pieces = png(pixels) if form is Format.PNG else tiff(pixels)
    headers["Content-Length"] = str(sum(map(len, pieces)))
    return StreamingResponse(_sent(pieces), media_type=f"image/{form}", headers=headers)


async def _sent(pieces: tuple[Piece, ...]) -> AsyncIterator[Piece]:
    """Large pieces as they are: joined, they would be copied once more. Small ones together."""
    for is_small, some in groupby(pieces, lambda piece: len(piece) < _SMALL):
        for piece in [b"".join(some)] if is_small else some:
            yield piece


def attachment(name: str) -> dict[str, str]:
    """The header that names a file; other letters than ASCII in the form of RFC 6266."""
    plain = name.encode("ascii", "replace").decode().replace('"', "_").replace("?", "_")
    plain = "".join(letter for letter in plain if letter.isprintable() and letter not in "\\/")
    value = f'attachment; filename="{plain}"'
    if plain != name:
        value += f"; filename*=UTF-8''{quote(name, safe='')}"
    return {"Content-Disposition": value}
