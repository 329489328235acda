"""Another name for a channel, wherever an experiment has it; nothing is converted or built anew.

Images and maps keep their pixels. That they are up to date is known by digests of what they were
made of, names included: these are made anew with the new name. What was measured keeps its names.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from napari_tmaps.errors import ExistsError, FormatError, InputError, NotFoundError, unknown
from napari_tmaps.model.channels import name_in_cycle
from napari_tmaps.store.mapcarried import carry_map, keys_of_map
from napari_tmaps.store.mapfiles import read_state
from napari_tmaps.store.mapplan import plan_map
from napari_tmaps.store.plan import ImagePlanner

if TYPE_CHECKING:
    from napari_tmaps.store.experiment import Experiment

_LONGEST = 100


def rename_channel(experiment: Experiment, old: str, new: str) -> None:
    """Give a channel another name; to be done while nothing else works on the experiment.

    What was interrupted is finished by doing it again.

    Parameters
    ----------
    new
        In an experiment of several staining cycles it begins with the number of the cycle and "_".

    Raises
    ------
    NotFoundError
        There is no such channel.
    InputError
        It cannot be the name of a channel.
    ExistsError
        Another channel, or an object type, has that name.
    """
    channels = experiment.catalogue.channels().set_index("name")["cycle"]
    if old not in channels.index:
        raise unknown("channel", old, list(channels.index))
    if new == old:
        return
    _check(experiment, new, list(channels.index), int(channels[old]))
    before = {
        plate: keys_of_map(experiment, plan_map(experiment, plate))
        for plate in experiment.plate_names()
        if read_state(experiment.path / "maps" / plate)  # others may have no layout yet
    }
    digests = _rename_images(experiment, old, new)
    illumination = experiment.illumination
    entries = illumination.entries()
    if any(entry.channel == old for entry in entries):
        illumination.set_entries(
            replace(entry, channel=new) if entry.channel == old else entry for entry in entries
        )
    experiment.catalogue.rename_channel(old, new)
    experiment.catalogue.replace_sources(digests)
    for plate, keys in before.items():
        if keys is not None:
            carry_map(experiment, plate, keys, {old: new})


def _check(experiment: Experiment, name: str, channels: list[str], cycle: int) -> None:
    if name != name.strip() or not name.isprintable() or not 0 < len(name) <= _LONGEST:
        raise InputError(
            f"'{name}' cannot be the name of a channel. Use up to {_LONGEST} letters, digits and "
            "signs, with no space at either end."
        )
    prefix = name_in_cycle("", cycle, experiment.workflow_type)
    if not name.startswith(prefix):
        raise InputError(
            f"'{name}' cannot be the name of a channel of cycle {cycle}: there, names begin with "
            f"the number of the cycle, e.g. '{prefix}{name}'."
        )
    if name in channels:
        raise ExistsError(f"There is a channel '{name}' already. Choose another name.")
    if name in [*experiment.catalogue.object_types()["name"]]:
        raise ExistsError(f"Objects are called '{name}' already. Choose another name.")


def _rename_images(experiment: Experiment, old: str, new: str) -> dict[str, str]:
    """Rename in all images on disk; returns the digest of each image by that of before."""
    try:
        plans = zip(
            ImagePlanner(experiment).plans(),
            ImagePlanner(experiment, {old: new}).plans(),
            strict=True,
        )
    except NotFoundError:  # no acquisition, or no layout yet
        return {}
    digests = {}
    for plan, then in plans:
        if all(facts["name"] != old for facts in plan["channels"]):
            continue
        digests[plan["source"]] = then["source"]
        folder = experiment.plate(plan["plate"])
        place = plan["well"], plan["site"], plan["cycle"]
        try:
            folder.rename_channel(*place, old, new, (plan["source"], then["source"]))
        except (NotFoundError, FormatError):  # not converted, or damaged: to be converted (again)
            continue
    return digests
