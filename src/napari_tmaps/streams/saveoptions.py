"""How layers are saved: format, version, compression, chunks, pyramid."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from napari_tmaps.errors import InputError

COMPRESSIONS = {
    "ome-tiff": ("zlib", "zstd", "lzw", "none"),
    "ome-zarr": ("blosc", "zstd", "none"),
}
"""Of each format; the first is what "auto" takes (labels in OME-Zarr: zstd)."""


class SaveOptions(BaseModel):
    """How to save; forms and options of the command line are made from it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Annotated[
        Literal["ome-tiff", "ome-zarr"],
        Field(description="OME-TIFF: one file an image. OME-Zarr: a folder an image"),
    ] = "ome-tiff"
    version: Annotated[
        Literal["0.5", "0.4"],
        Field(description="of OME-Zarr; 0.4 for programs that do not know 0.5"),
    ] = "0.5"
    compression: Annotated[
        Literal["auto", "zlib", "lzw", "blosc", "zstd", "none"],
        Field(
            description="of pixels, without loss. OME-TIFF: zlib, zstd, lzw or none; OME-Zarr: "
            "blosc, zstd or none. auto: what most programs read"
        ),
    ] = "auto"
    chunk: Annotated[
        int,
        Field(
            ge=16,
            le=8192,
            multiple_of=16,
            json_schema_extra={"step": 16},
            description="longest side of a chunk of OME-Zarr, or of a tile of OME-TIFF, in pixels",
        ),
    ] = 512
    shards: Annotated[
        bool, Field(description="OME-Zarr 0.5: all chunks of a plane in one file")
    ] = True
    levels: Annotated[
        int,
        Field(ge=0, le=12, description="levels of the pyramid; 0: as many as the size asks for"),
    ] = 0
    replace: Annotated[
        bool, Field(description="replace files that are there already; else they are refused")
    ] = False

    def check(self) -> None:
        """Refuse what does not go together.

        Raises
        ------
        InputError
            A compression that the format does not have.
        """
        if self.compression not in ("auto", *COMPRESSIONS[self.format]):
            name = {"ome-tiff": "OME-TIFF", "ome-zarr": "OME-Zarr"}[self.format]
            raise InputError(
                f"{name} has no compression '{self.compression}'; it has auto, "
                f"{', '.join(COMPRESSIONS[self.format])}."
            )

    @property
    def unused(self) -> frozenset[str]:
        """Options that change nothing beside the others."""
        if self.format == "ome-tiff":
            return frozenset({"version", "shards"})
        return frozenset({"shards"} if self.version == "0.4" else ())

    def tiff(self) -> dict[str, Any]:
        """Arguments for `ometiff.writing_planes`."""
        return {
            "compression": "zlib" if self.compression == "auto" else self.compression,
            "levels": self.levels or None,
            "tile": self.chunk,
        }

    def zarr(self) -> dict[str, Any]:
        """Arguments for `ngff.ImageWriter`."""
        return {
            "version": self.version,
            "compression": None if self.compression == "auto" else self.compression,
            "levels": self.levels or None,
            "chunk": self.chunk,
            "sharded": self.shards,
        }
