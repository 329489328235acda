"""Which files are containers of images, by the ends of their names."""

from __future__ import annotations

from os.path import splitext
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_tmaps.vendors.listing import Listing

# Kinds of container files by the ends of their names; the first that fits.
KINDS: dict[str, tuple[str, ...]] = {
    "OME-Zarr": (".zarr",),
    "ZEISS CZI": (".czi",),
    "Nikon ND2": (".nd2",),
    "Leica LIF": (".lif",),
    "Olympus OIB/OIF": (".oib", ".oif"),
    "OME-TIFF": (
        *(f".ome.{end}" for end in ("tif", "tiff", "tf2", "tf8", "btf")),
        ".companion.ome",
    ),
    "TIFF": (".tif", ".tiff", ".tf8", ".btf", ".lsm", ".stk"),
    "DeltaVision": (".dv", ".r3d", ".r3d_d3d"),
    "pictures": (".png", ".jpg", ".jpeg", ".bmp", ".gif"),
}

KIND_SUFFIXES = frozenset(splitext("name" + end)[1] for ends in KINDS.values() for end in ends)
"""Last suffixes of all container files."""


def kind_of(name: str) -> str | None:
    """The kind of container that a file of this name is; None for any other file."""
    lower = name.lower()
    return next((kind for kind, ends in KINDS.items() if lower.endswith(ends)), None)


def dominant(listing: Listing) -> str | None:
    """The kind of most container files of the folder; None without any."""
    return max(KINDS, key=lambda kind: listing.kinds[kind]) if listing.kinds else None


def of_kind(listing: Listing, *kinds: str) -> list[str]:
    """The files of these kinds, as people count."""
    return [name for name in listing.names if kind_of(name) in kinds]
