"""Sites of an experiment that a pipeline is tried on, and what they are compared as. No Qt."""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from napari_tmaps.errors import MissingError
from napari_tmaps.model.wells import WellName
from napari_tmaps.store.exclusions import excluded
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.store.plate_map import CONTROL, load_plate_map
from napari_tmaps.store.sites import Site

TREATMENT, DOSE = "treatment", "dose"


@dataclass(frozen=True)
class Probes:
    """Sites of an experiment.

    Attributes
    ----------
    groups
        What each site is compared as, e.g. its row of the plate; "" for nothing.
    """

    experiment: str
    sites: tuple[Site, ...]
    groups: tuple[str, ...]


@dataclass(frozen=True)
class _Question:
    """What sites are chosen from, and how many of them at most."""

    experiment: Experiment
    sites: Sequence[Site]
    count: int
    draw: random.Random
    plate: str = ""
    wells: Collection[str] = ()


Picks = Sequence[tuple[Site, str]]


@dataclass(frozen=True)
class Way:
    """A way to choose sites.

    Attributes
    ----------
    text
        As it is offered.
    lack
        From an experiment and the marked wells to what is missing for it, "" if nothing is.
    """

    text: str
    pick: Callable[[_Question], Picks]
    lack: Callable[[Experiment, Collection[str]], str]


def choose_sites(
    experiment: Experiment,
    how: str,
    count: int,
    seed: int,
    *,
    plate: str = "",
    wells: Collection[str] = (),
) -> Probes:
    """Choose sites that are not excluded.

    Parameters
    ----------
    how
        One of `WAYS`.
    count
        Most sites.
    plate, wells
        The wells that are marked on the plate map.

    Raises
    ------
    MissingError
        What the way needs is not there; the message says what to do.
    """
    way = WAYS[how]
    lack = way.lack(experiment, wells)
    if lack:
        raise MissingError(lack)
    out = excluded(experiment.catalogue)
    rows = experiment.catalogue.sites()[["plate", "well", "site"]].to_numpy().tolist()
    sites = [(str(plate), str(well), int(site)) for plate, well, site in rows]
    sites = sorted((site for site in sites if site not in out), key=_order)
    question = _Question(experiment, sites, count, random.Random(seed), plate, wells)
    picked = way.pick(question)
    if not picked:
        raise MissingError("There are no such sites, or all of them are excluded.")
    chosen, groups = zip(*picked, strict=True)
    return Probes(str(experiment.path), tuple(chosen), tuple(groups))


def _random(asked: _Question) -> Picks:
    chosen = asked.draw.sample(asked.sites, min(asked.count, len(asked.sites)))
    names = _conditions(asked.experiment)
    return [(site, names.get(site[:2], "")) for site in sorted(chosen, key=_order)]


def _marked(asked: _Question) -> Picks:
    names = _conditions(asked.experiment)
    chosen = [s for s in asked.sites if s[0] == asked.plate and s[1] in asked.wells]
    picked = _evenly(asked, _grouped(chosen, lambda site: site[1]))
    return [(site, names.get(site[:2], well)) for site, well in picked]


def _rows(asked: _Question) -> Picks:
    return _one_each(asked, lambda site: f"row {WellName.parse(site[1]).row}")


def _columns(asked: _Question) -> Picks:
    return _one_each(asked, lambda site: f"column {WellName.parse(site[1]).column_index + 1}")


def _controls(asked: _Question) -> Picks:
    names = {well: f"{kind} control" for well, kind in _mapped(asked.experiment, CONTROL).items()}
    chosen = [site for site in asked.sites if site[:2] in names]
    return _evenly(asked, _grouped(chosen, lambda site: names[site[:2]]))


def _treatments(asked: _Question) -> Picks:
    names = _conditions(asked.experiment)
    chosen = [site for site in asked.sites if site[:2] in names]
    return _one_each(asked, lambda site: names[site[:2]], chosen)


def _extremes(asked: _Question) -> Picks:
    """Where fewest, middling and most objects were, a third of the sites each."""
    name = asked.experiment.features.object_types()[0]
    table = asked.experiment.features.read(name, [])
    table = table[table.index.get_level_values("t") == 0]
    counts = table.groupby(level=["plate", "well", "site"]).size().to_dict()
    analysed = {
        (plate, well, site) for _, plate, well, site in asked.experiment.catalogue.analysed()
    }
    ranked = sorted(
        (site for site in asked.sites if site in analysed), key=lambda site: counts.get(site, 0)
    )
    each = max(1, min(asked.count, len(ranked)) // 3)
    middle = max(0, (len(ranked) - each) // 2)
    parts = {
        f"fewest {name}": ranked[:each],
        f"middling {name}": ranked[middle : middle + each],
        f"most {name}": ranked[-each:],
    }
    picked: dict[Site, str] = {}
    for group, sites in parts.items():
        for site in sites:
            picked.setdefault(site, group)
    return list(picked.items())


def _one_each(
    asked: _Question, name: Callable[[Site], str], sites: Sequence[Site] | None = None
) -> Picks:
    """One site of each group; of too many groups some are left out evenly."""
    groups = _grouped(asked.sites if sites is None else sites, name)
    step = max(1, -(-len(groups) // asked.count))
    return [(asked.draw.choice(groups[each]), each) for each in list(groups)[::step]]


def _evenly(asked: _Question, groups: Mapping[str, list[Site]]) -> Picks:
    """Sites of all groups, of each as many as there is room for."""
    step = max(1, -(-len(groups) // asked.count))
    names = list(groups)[::step]
    each = max(1, asked.count // max(1, len(names)))
    return [
        (site, name)
        for name in names
        for site in sorted(
            asked.draw.sample(groups[name], min(each, len(groups[name]))), key=_order
        )
    ]


def _grouped(sites: Sequence[Site], name: Callable[[Site], str]) -> dict[str, list[Site]]:
    groups: dict[str, list[Site]] = {}
    for site in sites:
        groups.setdefault(name(site), []).append(site)
    return groups


def _mapped(experiment: Experiment, column: str) -> dict[tuple[str, str], str]:
    """What a column of the plate map says of wells (plate, name); wells without are left out."""
    plates = experiment.catalogue.plates()["name"].tolist()
    plate_map = load_plate_map(experiment.path, plates)
    if plate_map is None or column not in plate_map.columns:
        return {}
    wells = plate_map.wells
    values = wells[column].map(lambda value: f"{value:g}" if isinstance(value, float) else value)
    known = wells[column].notna() & (wells[column].astype(str) != "")
    return {
        (str(plate), str(well)): str(value)
        for plate, well, value in zip(
            wells["plate"][known], wells["well"][known], values[known], strict=True
        )
    }


def _conditions(experiment: Experiment) -> dict[tuple[str, str], str]:
    """The treatment of each well with its dose, else what control it is."""
    names = _mapped(experiment, TREATMENT)
    if not names:
        return {well: f"{kind} control" for well, kind in _mapped(experiment, CONTROL).items()}
    doses = _mapped(experiment, DOSE)
    return {well: f"{name} {doses.get(well, '')}".strip() for well, name in names.items()}


def _order(site: Site) -> tuple[str, int, int, int]:
    name = WellName.parse(site[1])
    return site[0], name.row_index, name.column_index, site[2]


def _no_lack(_experiment: Experiment, _wells: Collection[str]) -> str:
    return ""


def _not_marked(_experiment: Experiment, wells: Collection[str]) -> str:
    if wells:
        return ""
    return (
        "Mark wells on the plate map of the Experiment widget first: drag a frame, or Ctrl+click."
    )


def _no_controls(experiment: Experiment, _wells: Collection[str]) -> str:
    if _mapped(experiment, CONTROL):
        return ""
    return "The experiment has no plate map with a column 'control'. Give it one: tmaps plate-map."


def _no_treatments(experiment: Experiment, _wells: Collection[str]) -> str:
    if _mapped(experiment, TREATMENT):
        return ""
    return (
        "The experiment has no plate map with a column 'treatment'. Give it one: tmaps plate-map."
    )


def _not_analysed(experiment: Experiment, _wells: Collection[str]) -> str:
    if experiment.features.object_types():
        return ""
    return "No objects have been found on the plate yet. Run a pipeline on it first."


WAYS = {
    "marked": Way("On the marked wells", _marked, _not_marked),
    "controls": Way("On controls", _controls, _no_controls),
    "treatments": Way("On a site of each treatment", _treatments, _no_treatments),
    "extremes": Way("Where there are fewest and most objects", _extremes, _not_analysed),
    "random": Way("On 9 random sites", _random, _no_lack),
    "rows": Way("On a site in each row of the plate", _rows, _no_lack),
    "columns": Way("On a site in each column of the plate", _columns, _no_lack),
}
