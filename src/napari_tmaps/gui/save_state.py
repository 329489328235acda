"""What the save widget offers, worked out from what is open: pure values, no Qt."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from napari_tmaps.gui.state import Choice
from napari_tmaps.store.export import SaveChoice
from napari_tmaps.streams.layers import FORMATS


class What(StrEnum):
    """What is saved; the value is what is offered to the user."""

    LAYERS = "Chosen layers"
    SITE = "This site"
    WELL = "This well"
    PLATE = "This plate"
    SELECTION = "A selection of objects"


@dataclass(frozen=True)
class SaveState:
    """What is shown.

    Attributes
    ----------
    offered
        What can be saved now.
    sentence
        What will be saved, in words; what is missing where nothing can be.
    choice
        The sites; None where layers are saved, or nothing.
    """

    offered: tuple[What, ...]
    what: What
    sentence: str
    choice: SaveChoice | None
    can_save: bool
    name: str


def save_state(
    what: What,
    layers: Sequence[str],
    choice: Choice,
    selections: Mapping[str, Sequence[str]],
    selection: tuple[str, str],
) -> SaveState:
    """What to show.

    Parameters
    ----------
    layers
        Names of the image and labels layers that are chosen.
    choice
        What the Experiment widget shows.
    selections
        Object type → names of its selections.
    selection
        Object type and name of the chosen one.
    """
    offered = [What.LAYERS]
    if choice.well:
        offered += [What.SITE, What.WELL]
    if choice.plate:
        offered.append(What.PLATE)
    if any(selections.values()):
        offered.append(What.SELECTION)
    what = what if what in offered else What.LAYERS
    sites: SaveChoice | None = None
    match what:
        case What.LAYERS:
            shown = ", ".join(layers)
            sentence = shown or "Choose image or labels layers in the list of layers."
            name = layers[0] if layers else ""
        case What.SITE:
            sites = SaveChoice(choice.plate, (choice.well,), choice.site)
            sentence = f"{choice.well} site {choice.site} of {choice.plate}: channels and labels."
            name = f"{choice.plate}_{choice.well}_{choice.site}"
        case What.WELL:
            sites = SaveChoice(choice.plate, (choice.well,))
            sentence = f"All sites of {choice.well} of {choice.plate}."
            name = f"{choice.plate}_{choice.well}"
        case What.PLATE:
            sites = SaveChoice(choice.plate)
            sentence = f"All wells of {choice.plate}."
            name = choice.plate
        case What.SELECTION:
            object_type, chosen = selection
            if chosen not in selections.get(object_type, ()):
                object_type = next(each for each, names in selections.items() if names)
                chosen = selections[object_type][0]
            sites = SaveChoice(choice.plate, object_type=object_type, selection=chosen)
            sentence = f"{object_type} in '{chosen}', on the sites of {choice.plate} that have any."
            name = f"{choice.plate}_{chosen}"
    return SaveState(
        offered=tuple(offered),
        what=what,
        sentence=sentence,
        choice=sites,
        can_save=bool(layers) or sites is not None,
        name=re.sub(r"[^\w. +-]", "_", name).strip(". "),
    )


def proposed_path(folder: Path, state: SaveState, kind: str) -> Path:
    """A path that is not taken yet, for a format ("ome-tiff" or "ome-zarr")."""
    many = state.choice is not None and not state.choice.is_one_image
    ending = ".ome.zarr" if kind == "ome-zarr" else "" if many else ".ome.tiff"
    path = folder / f"{state.name or 'image'}{ending}"
    number = 2
    while path.exists():
        path = folder / f"{state.name or 'image'}-{number}{ending}"
        number += 1
    return path


def with_ending(path: str, kind: str) -> str:
    """The path with the ending of a format where it has that of the other."""
    for other, endings in FORMATS.items():
        for ending in endings if other != kind else ():
            if path.endswith(ending):
                return path.removesuffix(ending) + FORMATS[kind][0]
    return path


def size_text(number: float) -> str:
    """E.g. "34 kB", "1.2 GB"."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if number < 1000:
            return (
                f"{number:.0f} {unit}"
                if number >= 10 or unit == "bytes"
                else f"{number:.1f} {unit}"
            )
        number /= 1000
    return f"{number:.1f} TB"
