"""A map that lives on, though what its plate is called or said to be has changed: not its pixels.

That a map is up to date is known by digests of what it was made of, such words included. These are
made anew; a layer of a well that was out of date before still is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from napari_tmaps.store.mapfiles import MapFiles, read_state
from napari_tmaps.store.mapplan import MapPlan, plan_map
from napari_tmaps.store.mapsources import well_sources
from napari_tmaps.streams.atomic import disk_errors, write_json

if TYPE_CHECKING:
    from napari_tmaps.store.experiment import Experiment

Keys = dict[str, dict[str, str]]
"""Digest of what each layer of a well would be made of, by well and layer."""


def keys_of_map(
    experiment: Experiment, plan: MapPlan, digests: Mapping[str, str] | None = None
) -> Keys | None:
    """Digests that the map of a plate would have if it were built now; None if it is another one.

    Parameters
    ----------
    digests
        Digests of images to take in the place of others.
    """
    state = read_state(experiment.path / "maps" / plan.plate)
    if state.get("image") != plan.folder:
        return None
    works = well_sources(experiment, plan, state["settings"], digests)
    return {work["well"]: work["keys"] for work in works}


def carry_map(
    experiment: Experiment, plate: str, keys: Keys, renamed: Mapping[str, str] | None = None
) -> None:
    """Make the map of a plate that of today; what was interrupted is finished by doing it again.

    Parameters
    ----------
    keys
        Of `keys_of_map`, before the change.
    renamed
        New names of channels by the old ones.
    """
    folder = experiment.path / "maps" / plate
    state, plan = read_state(folder), plan_map(experiment, plate)
    new = dict(renamed or {})
    names = {f"channel:{old}": f"channel:{name}" for old, name in new.items()}
    corrected = [new.get(name, name) for name in state["settings"]["corrected"]]
    settings = {**state["settings"], "corrected": corrected}
    now = {work["well"]: work["keys"] for work in well_sources(experiment, plan, settings)}
    wells = {}
    for well, facts in state["wells"].items():
        here = {}
        for layer, key in facts["keys"].items():
            name = names.get(layer, layer)
            fresh = keys.get(well, {}).get(layer) == key
            here[name] = now.get(well, {}).get(name, key) if fresh else key
        lost = [[site, names.get(layer, layer)] for site, layer in facts["lost"]]
        wells[well] = {**facts, "keys": here, "lost": lost}
    contrast: Mapping[str, Any] = {
        names.get(layer, layer): ends for layer, ends in state["contrast"].items()
    }
    files = MapFiles(folder, plan)
    with disk_errors(folder):
        if (folder / state["image"]).is_dir():  # else it was interrupted after that
            (folder / state["image"]).replace(files.image)
    layers = {layer.partition(":") for facts in wells.values() for layer in facts["keys"]}
    types = {name for kind, _, name in layers if kind == "labels"}
    ends = [tuple(contrast.get(f"channel:{facts['name']}", (0, 1))) for facts in plan.channels]
    files.write_metadata(ends, sorted(types))
    changed = {"image": plan.folder, "settings": settings, "wells": wells, "contrast": contrast}
    write_json(folder / "map.json", {**state, **changed})
