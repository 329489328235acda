"""Molecular Devices ImageXpress (MetaXpress): exported plates and folders of its database.

Images are named `<plate>_<well>[_s<site>][_w<wave>][<GUID>].tif` and lie in folders `TimePoint_<t>`
and `ZStep_<z>`, either of which may be absent; the plan of an exported plate stands in its .HTD
file. Stage positions, sizes of pixels, times and wavelengths are those of the description of each
image, never those of the resolution tags, which are nonsense (25,400 µm). The stage counts y
downwards, as we do.

What a folder says of z is not reliable: `ZStep_0`, or the folder above the `ZStep` folders, holds
projections of stacks, and of waves that were recorded in one plane, each `ZStep` folder of an
export has a copy. Each image's own description decides. Projections count only for waves that have
nothing else.
"""

from __future__ import annotations

import re
from typing import Any

import pandas as pd

from napari_tmaps.errors import FormatError, InputError
from napari_tmaps.model.channels import Channel
from napari_tmaps.model.planes import Oddity, Scan, dense, make_planes, sort_planes
from napari_tmaps.model.wells import WellName, sorted_wells
from napari_tmaps.vendors import checks
from napari_tmaps.vendors.containers import unique_channels
from napari_tmaps.vendors.imagexpress_htd import Plan, is_plan, read_plan
from napari_tmaps.vendors.listing import Listing, examples
from napari_tmaps.vendors.metaseries import MetaSeries, read_metaseries
from napari_tmaps.vendors.singles import check_files, pixel_size

NAME = "Molecular Devices ImageXpress"
INDEX = (".htd",)

_GUID = r"[0-9A-F]{8}(?:-[0-9A-F]{4}){3}-[0-9A-F]{12}"
_IMAGE = re.compile(
    r"(?P<folder>(?:.*/)?)(?P<plate>[^/]+)_(?P<well>(?-i:[A-Z]{1,2})(?:0[1-9]|[1-9]\d))"
    r"(?:_s(?P<site>\d{1,5}))?(?:_w(?P<wave>\d{1,2}))?(?P<thumb>_thumb)?"
    rf"(?P<guid>{_GUID})?\.tiff?",
    re.IGNORECASE,
)
_LEVEL = re.compile(r"(TimePoint|ZStep)_(\d{1,6})/", re.IGNORECASE)
_PLACE = ["well", "site", "wave", "t"]
_COPIES = "copies of the same image in other ZStep folders"
_UNKNOWN = "without a description, in ZStep folders where their wavelength has no other image"
_PROJECTIONS = "projections of stacks that are there"


def recognise(listing: Listing) -> bool:
    """True if there is an .HTD file of a plate, or an image named by MetaXpress."""
    return bool(_plans(listing)) or any(_is_named(name) for name in listing.names)


def scan(listing: Listing) -> Scan:
    """The plate in a folder or anywhere below it.

    Raises
    ------
    FormatError
        The .HTD file is damaged, there are several measurements, or no image is there.
    InputError
        A well lies outside of the plate.
    """
    images, thumbnails = _named(listing)
    plans = _plans(listing)
    plan = read_plan(listing.root / plans[0]) if plans else Plan()
    lost_plan: list[Oddity] = []
    if not plans and (unread := listing.ending(*INDEX)):
        text = f"{examples(unread)} cannot be read as the plan of a plate. The layout comes from "
        lost_plan.append(
            Oddity("unreadable", text + "the images alone; whether any miss is unknown.")
        )
    facts = {name: read_metaseries(f"{listing.root}/{name}") for name in images["path"]}
    kept, set_aside, oddities = _chosen(images, facts)
    _check_wells(kept, plan)
    channels, wave_oddities = _channels(kept, facts, plan)
    planes, found, unreadable = _planes(listing, kept, facts, channels, plan)
    scale, scale_oddities = pixel_size(
        [facts[name].pixel_size_um for name in kept["path"]], "the descriptions of the images"
    )
    step, step_oddities = _z_step(planes, facts)
    first = facts[kept["path"].iloc[0]]
    about = {
        "objective": first.objective,
        "binning": first.facts.get("camera-binning-x"),
        "software": first.facts.get("ApplicationVersion"),
        **plan.facts,
    }
    return Scan(
        vendor=NAME,
        root=listing.root,
        planes=planes,
        channels=tuple(channels.values()),
        pixel_size_um=scale,
        z_step_um=step,
        plate_format=plan.plate,
        oddities=(
            *lost_plan,
            *found,
            *oddities,
            *wave_oddities,
            *_against_plan(planes, plan),
            *scale_oddities,
            *step_oddities,
        ),
        metadata={
            **{key: text for key, text in about.items() if text},
            "stage_y_of_microscope": "grows downwards, as stage_y_um",
            "set_aside": {"thumbnails": thumbnails, **set_aside},
            "unreadable": unreadable,
        },
    )


def _plans(listing: Listing) -> list[str]:
    """.HTD files, the one nearest to the top first; exports have a copy in each folder."""
    found = [name for name in listing.ending(*INDEX) if is_plan(listing.root / name)]
    return sorted(found, key=lambda name: name.count("/"))


def _is_named(name: str) -> bool:
    """Does the name alone tell that MetaXpress wrote it?"""
    match = _IMAGE.fullmatch(name)
    return match is not None and bool(
        match["guid"] or (match["site"] and match["wave"]) or _LEVEL.search(name)
    )


def _named(listing: Listing) -> tuple[pd.DataFrame, list[str]]:
    """One row an image, by their names, without thumbnails; and these."""
    matches = [match for match in map(_IMAGE.fullmatch, listing.names) if match]
    thumbnails = [match.string for match in matches if match["thumb"]]
    rows = [_row(match) for match in matches if not match["thumb"]]
    if not rows:
        raise FormatError(
            f"No image of the plate in '{listing.root}' is there, only {listing.describe()}. Copy "
            "the folders TimePoint_1 … with the images beside the .HTD file."
        )
    table = pd.DataFrame(rows)
    places = table[["top", "plate"]].drop_duplicates()
    if len(places) > 1:
        names = [f"{top}{plate}" for top, plate in places.itertuples(index=False)]
        raise FormatError(
            f"'{listing.root}' holds {len(places)} measurements: {examples(names)}. Choose the "
            "folder of one, and add each as an acquisition of its own."
        )
    return table, thumbnails


def _row(match: re.Match[str]) -> dict[str, Any]:
    levels = {level.lower(): int(number) for level, number in _LEVEL.findall(match["folder"])}
    return {
        "path": match.string,
        "top": _LEVEL.sub("", match["folder"]),
        "plate": match["plate"],
        "well": str(WellName.parse(match["well"])),
        "site": int(match["site"] or 1),
        "wave": int(match["wave"] or 1),
        "t": levels.get("timepoint", 1),
        "folder_z": levels.get("zstep", -1),
    }


# -- which images count ---------------------------------------------------------------------


def _chosen(
    images: pd.DataFrame, facts: dict[str, MetaSeries]
) -> tuple[pd.DataFrame, dict[str, list[str]], list[Oddity]]:
    """Images with their step in z, 1 and up, each once; the others by the reason; oddities."""
    table = images.assign(
        step=[facts[name].number("Z Step") for name in images["path"]],
        projected=["Z Projection Method" in facts[name].facts for name in images["path"]],
        moment=[facts[name].moment for name in images["path"]],
    )
    in_folder = table["folder_z"].gt(0)
    has_folders = in_folder.groupby([table[name] for name in _PLACE]).transform("any")
    silent = table["step"].isna() & table["moment"].eq("")
    table["projected"] |= silent & (
        table["folder_z"].eq(0) | (has_folders & table["folder_z"].lt(0))
    )
    table["step"] = table["step"].fillna(table["folder_z"].where(in_folder, 1))
    table.loc[table["projected"], "step"] = 1
    # One damaged image must not make a stack of a wave that was recorded in one plane.
    steps = table[~silent & ~table["projected"]].groupby("wave")["step"].agg(set).to_dict()
    pairs = zip(table["wave"], table["step"], strict=True)
    unknown = [step not in steps.get(wave, {step}) for wave, step in pairs]
    strange = silent & pd.Series(unknown, index=table.index, dtype=bool)
    stacked = table["wave"].isin(table.loc[~table["projected"], "wave"])
    aside = table["projected"] & stacked
    kept = table[~aside & ~strange]
    again = kept.duplicated([*_PLACE, "step", "moment"]) & kept["moment"].ne("")
    reasons = {
        _PROJECTIONS: table.loc[aside, "path"].tolist(),
        _UNKNOWN: table.loc[strange & ~aside, "path"].tolist(),
        _COPIES: kept.loc[again, "path"].tolist(),
    }
    alone = sorted(kept.loc[kept["projected"], "wave"].unique())
    oddities = []
    if alone:
        shown = ", ".join(f"w{wave}" for wave in alone)
        text = (
            f"Of wavelength {shown} only projections of stacks were kept; they are read as its "
            "single plane, z 0."
        )
        oddities.append(Oddity("doubtful", text))
    return kept[~again].reset_index(drop=True), reasons, oddities


def _channels(
    images: pd.DataFrame, facts: dict[str, MetaSeries], plan: Plan
) -> tuple[dict[int, Channel], list[Oddity]]:
    """Channels by the number of their wave, named by the plan, else by their light."""
    ordered = images.sort_values("wave", kind="stable").drop_duplicates("wave")
    pairs = zip(ordered["wave"].tolist(), ordered["path"].tolist(), strict=True)
    firsts = {wave: facts[name] for wave, name in pairs}
    lights = {wave: first.facts.get("_IllumSetting_", "").strip() for wave, first in firsts.items()}
    distinct = all(lights.values()) and len(set(lights.values())) == len(lights)
    names = plan.waves or (lights if distinct else {})
    named = [first.channel(names.get(wave) or f"w{wave}") for wave, first in firsts.items()]
    absent = [name for wave, name in plan.waves.items() if wave not in firsts]
    oddities = []
    if absent:
        text = f"{examples(absent, 'wavelength')} of the .HTD file: no image."
        oddities.append(Oddity("incomplete", text))
    return dict(zip(firsts, unique_channels(named), strict=True)), oddities


def _planes(
    listing: Listing,
    images: pd.DataFrame,
    facts: dict[str, MetaSeries],
    channels: dict[int, Channel],
    plan: Plan,
) -> tuple[pd.DataFrame, list[Oddity], list[str]]:
    described = [facts[name] for name in images["path"]]
    # Far more steps than images are no plan, and would all be listed as missing.
    believable = 0 < plan.z_steps <= checks.SPARSEST * len(images)
    planned = believable and images["step"].between(1, plan.z_steps).all()
    table = pd.DataFrame(
        {
            "plate": images["plate"],
            "well": images["well"],
            "site": images["site"],
            "channel": images["wave"].map({w: c.name for w, c in channels.items()}).astype("str"),
            "z": images["step"].astype("int64") - 1 if planned else dense(images["step"]),
            "t": dense(images["t"]),
            "path": images["path"],
            "stage_y_um": [each.number("stage-position-y") for each in described],
            "stage_x_um": [each.number("stage-position-x") for each in described],
            "stage_z_um": [each.number("z-position") for each in described],
            "time_s": checks.seconds_since_first(pd.Series([each.moment for each in described])),
            "missing": False,
        }
    )
    table = pd.concat([table, _lost_steps(table, plan if planned else Plan())], ignore_index=True)
    planes = make_planes(**{str(name): table[name].array for name in table})
    return check_files(listing.root, sort_planes(planes))


def _lost_steps(planes: pd.DataFrame, plan: Plan) -> pd.DataFrame:
    """Rows for planned steps that no image has, of channels that were recorded as stacks."""
    top = planes.groupby("channel")["z"].transform("max")
    first = planes[planes["z"].eq(0) & top.gt(0)].drop(columns=["stage_z_um", "time_s"])
    rows = [
        first[first["channel"].eq(channel)].assign(z=z, path="", missing=True)
        for channel in first["channel"].unique()
        for z in set(range(plan.z_steps)) - set(planes.loc[planes["channel"].eq(channel), "z"])
    ]
    return pd.concat(rows) if rows else planes[:0]


def _z_step(
    planes: pd.DataFrame, facts: dict[str, MetaSeries]
) -> tuple[float | None, list[Oddity]]:
    """Distance of z planes: as projections state it, else as the heights tell, which jitter."""
    numbers = {each.number("Z Projection Step Size") for each in facts.values()}
    stated = [step for step in numbers if step > 0]
    if planes["z"].max() > 0 and len(stated) == 1:
        return stated[0], []
    return checks.z_step(planes)


# -- against the plan -----------------------------------------------------------------------


def _check_wells(images: pd.DataFrame, plan: Plan) -> None:
    if plan.plate is None:
        return
    for well in images["well"].unique():
        try:
            plan.plate.check(WellName.parse(well))
        except InputError as error:
            raise InputError(
                f"The names of the images and the .HTD file do not fit each other: {error}"
            ) from error


def _against_plan(planes: pd.DataFrame, plan: Plan) -> list[Oddity]:
    """Less was recorded than was planned."""
    recorded = planes.loc[~planes["missing"], ["site", "z", "t"]].nunique()
    oddities = checks.incomplete(
        (
            ("sites a well", plan.sites, recorded["site"]),
            ("z planes", plan.z_steps, recorded["z"]),
            ("time points", plan.time_points, recorded["t"]),
        )
    )
    absent = sorted_wells(set(plan.wells) - set(planes["well"]))
    if absent:
        text = f"{examples(absent, 'well')} selected in the .HTD file: no image."
        oddities.append(Oddity("incomplete", text))
    return oddities
