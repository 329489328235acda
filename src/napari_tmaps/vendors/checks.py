"""Checks that all microscopes share: are the images there, readable, alike and complete?

Each takes the table of source planes and gives it back with what it found out, and with oddities.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from napari_tmaps.errors import FormatError, MissingError, StorageError
from napari_tmaps.model.planes import KEY, Oddity, make_planes, sort_planes
from napari_tmaps.model.words import counted
from napari_tmaps.vendors.listing import examples
from napari_tmaps.vendors.opening import DAMAGE, sentence
from napari_tmaps.vendors.tiff import Alike, TiffHeader, read_header

SITE = ["plate", "well", "site", "cycle"]

# More places than this for each image there is, and the "grid" is none: gaps are not filled in.
SPARSEST = 20


def incomplete(counts: Iterable[tuple[str, float, int]]) -> list[Oddity]:
    """Less was recorded than was planned; given are what, how many planned, how many recorded."""
    return [
        Oddity("incomplete", f"{planned:.0f} {what} were planned, {recorded} recorded.")
        for what, planned, recorded in counts
        if recorded < planned
    ]


def read_headers(root: Path, names: Iterable[str]) -> tuple[dict[str, TiffHeader], dict[str, str]]:
    """Headers of TIFF files, and of those that cannot be read the reason; "" is passed over.

    Colour pictures count as unreadable: their pixels are no planes of a channel.
    """
    headers: dict[str, TiffHeader] = {}
    reasons: dict[str, str] = {}
    alike = Alike()
    for name in filter(None, names):
        try:
            header = read_header(f"{root}/{name}", alike)
        except (FormatError, MissingError, StorageError) as error:
            reasons[name] = str(error)
            continue
        if header.samples == 1:
            headers[name] = header
        else:
            reasons[name] = f"'{root / name}' is a colour picture of {header.samples} samples."
    return headers, reasons


def read_picture_headers(
    root: Path, names: Iterable[str]
) -> tuple[dict[str, TiffHeader], dict[str, str]]:
    """Headers of PNG, JPEG and the like, their colours as pages; and why others cannot be read."""
    from imageio.v3 import improps

    headers: dict[str, TiffHeader] = {}
    reasons: dict[str, str] = {}
    for name in names:
        try:
            facts = improps(root / name, plugin="pillow")
        except DAMAGE as error:
            reasons[name] = f"'{root / name}': {sentence(error)}"
            continue
        height, width, *colours = facts.shape
        # Of a picture with transparency the colours count.
        pages = 3 if colours and colours[0] >= 3 else 1
        headers[name] = TiffHeader(height, width, facts.dtype.name, pages)
    return headers, reasons


def apply_headers(planes: pd.DataFrame, headers: Mapping[str, TiffHeader]) -> pd.DataFrame:
    """The planes with size and pixel type; those whose file has no header become missing."""
    found = [headers.get(path) for path in planes["path"].to_numpy()]
    known = np.array([header is not None for header in found], dtype=bool)
    # With their types stated, as those of no planes at all would be guessed.
    return planes.assign(
        height=np.array([header.height if header else -1 for header in found], dtype=np.int64),
        width=np.array([header.width if header else -1 for header in found], dtype=np.int64),
        dtype=pd.Series([header.dtype if header else "" for header in found], dtype="str"),
        path=planes["path"] if known.all() else planes["path"].where(pd.Series(known), ""),
        missing=~known,
    )


def unreadable(reasons: dict[str, str]) -> list[Oddity]:
    """One oddity for files that cannot be read, with the first reason in full."""
    if not reasons:
        return []
    return [
        Oddity(
            "unreadable",
            f"{examples(list(reasons), 'image')} cannot be read, and "
            f"{'counts' if len(reasons) == 1 else 'count'} as missing. "
            f"{next(iter(reasons.values()))}",
        )
    ]


def mixed(planes: pd.DataFrame) -> list[Oddity]:
    """Oddities for sizes or pixel types that differ within the acquisition."""
    oddities = []
    known = planes[(planes["height"] > 0) & ~planes["missing"]]
    sizes = Counter(zip(known["height"], known["width"], strict=True))
    if len(sizes) > 1:
        shown = ", ".join(f"{y} × {x} ({n} planes)" for (y, x), n in sizes.most_common(5))
        oddities.append(Oddity("mixed", f"Images differ in size (y × x): {shown}."))
    types = known["dtype"].value_counts()
    if len(types) > 1:
        shown = ", ".join(f"{name} ({number} planes)" for name, number in types.items())
        oddities.append(Oddity("mixed", f"Images differ in pixel type: {shown}."))
    return oddities


def first_of_each(planes: pd.DataFrame) -> tuple[pd.DataFrame, list[Oddity]]:
    """Keep the first image of planes that are there more than once, and say so."""
    planes = planes.sort_values("missing", kind="stable")
    again = planes.duplicated(KEY)
    extra = again & ~planes["missing"]
    kept = sort_planes(planes[~again])
    if not extra.any():
        return kept, []
    names = planes.loc[extra, "path"].tolist()
    return kept, [
        Oddity(
            "duplicate",
            f"{examples(names, 'image')} claim a plane that another image has already; the first "
            "of each is kept.",
        )
    ]


def complete(
    planes: pd.DataFrame, group: pd.Series | None = None
) -> tuple[pd.DataFrame, list[Oddity]]:
    """Add missing rows where a site lacks a channel, z or t that other sites have.

    Parameters
    ----------
    planes
        Source planes, each once.
    group
        Sites are compared with those of the same group only, e.g. of the same programme of the
        microscope; one value a row of `planes`. Default: all with all.

    Returns
    -------
    The planes with the rows that are missing, which carry the position of their site; and an
    oddity where sites have so little in common that nothing was added.
    """
    key = pd.Series(0, index=planes.index) if group is None else group
    table = planes.assign(_group=key)
    combinations = table[["_group", "channel", "z", "t"]].drop_duplicates()
    sites = table[["_group", *SITE]].drop_duplicates()
    places = int((sites["_group"].value_counts() * combinations["_group"].value_counts()).sum())
    if places > SPARSEST * len(planes):
        return planes, [
            Oddity(
                "doubtful",
                f"Sites have little in common: channels, z planes and time points would make "
                f"{places} planes, but there are {len(planes)}. Gaps are not listed; check how "
                "well, site, z and t are told.",
            )
        ]
    wanted = sites.merge(combinations, on="_group").drop_duplicates(KEY)
    absent = wanted.merge(planes[KEY], on=KEY, how="left", indicator=True)
    absent = absent.loc[absent["_merge"] == "left_only", KEY]
    if absent.empty:
        return planes, []
    where = planes.groupby(SITE, as_index=False)[["stage_y_um", "stage_x_um"]].first()
    absent = absent.merge(where, on=SITE)
    rows = make_planes(**{name: absent[name].array for name in absent.columns}, missing=True)
    return sort_planes(pd.concat([planes, rows], ignore_index=True)), []


def gaps(planes: pd.DataFrame) -> list[Oddity]:
    """Oddities for missing planes and for wells with fewer sites than others."""
    oddities = []
    missing = planes[planes["missing"]]
    if len(missing):
        wells = missing["well"].unique().tolist()
        first = missing.iloc[0]
        oddities.append(
            Oddity(
                "missing",
                f"{len(missing)} of {len(planes)} planes are missing, in "
                f"{counted(len(wells), 'well')} ({', '.join(wells[:5])}"
                f"{' …' if len(wells) > 5 else ''}); the first is well {first['well']}, site "
                f"{first['site']}, channel {first['channel']}, z {first['z']}, t {first['t']}.",
            )
        )
    sites = planes.groupby(["plate", "well"])["site"].nunique()
    fewer = sites[sites < sites.max()].reset_index()
    if len(fewer):
        some = zip(fewer["well"][:5], fewer["site"][:5], strict=True)
        shown = ", ".join(f"{well} has {number}" for well, number in some)
        oddities.append(
            Oddity(
                "incomplete",
                f"{len(fewer)} of {len(sites)} wells have fewer sites than the others, which have "
                f"{sites.max()}: {shown}{' …' if len(fewer) > 5 else ''}.",
            )
        )
    return oddities


def z_step(planes: pd.DataFrame) -> tuple[float | None, list[Oddity]]:
    """Distance of neighbouring z planes, µm, from their heights; None without any.

    Steps that differ by more than 1 % (and 1 nm) are an oddity; the median counts.
    """
    there = planes[planes["stage_z_um"].notna()].sort_values([*SITE, "channel", "t", "z"])
    near = there["z"].diff().eq(1)
    for name in (*SITE, "channel", "t"):
        near &= there[name].eq(there[name].shift())
    steps = there["stage_z_um"].diff()[near].abs()
    if steps.empty or steps.median() <= 0:
        return None, []
    step = round(float(steps.median()), 6)
    if steps.max() - steps.min() > max(0.01 * step, 0.001):
        return step, [
            Oddity(
                "doubtful",
                f"Steps between z planes differ: from {steps.min():g} to {steps.max():g} µm; "
                f"{step:g} µm, the median, is used.",
            )
        ]
    return step, []


def seconds_since_first(times: pd.Series) -> pd.Series:
    """Seconds from the earliest of some ISO 8601 times; NaN where a text is none, or a placeholder.

    Years outside of 1970 to 2200 are placeholders.
    """
    moments = pd.to_datetime(times, format="ISO8601", utc=True, errors="coerce")
    moments = moments.where(moments.dt.year.between(1970, 2200))
    return (moments - moments.min()).dt.total_seconds()
