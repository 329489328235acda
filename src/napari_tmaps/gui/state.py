"""What the experiment widget shows, worked out from facts and choices: pure values, no Qt.

`Facts` are what the experiment holds, a `Choice` is what the user picked (the value of the
widget), and `resolve` makes of both a `State`: what is shown and which buttons may be pressed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from napari_tmaps.model.wells import PlateFormat, WellName, sorted_wells


class View(StrEnum):
    """How much of the plate is in the window."""

    SITE = "site"
    WELL = "well"
    PLATE = "plate"
    PLATES = "plates"


class Pixels(StrEnum):
    """What is done to pixels before they are shown; the value is what is offered to the user."""

    MAP = "As on the map"
    RECORDED = "As recorded"
    PREPARED = "Corrected"


class WellState(StrEnum):
    """How far a well has come; the value is the word that is shown."""

    RECORDED = "recorded, not converted"
    IN_PLACE = "read in place"
    CONVERTED = "images"
    ANALYSED = "images and objects"
    PROBLEM = "has a problem"


@dataclass(frozen=True)
class PlateFacts:
    """One plate.

    Attributes
    ----------
    sites
        Numbers of the sites of each well, in order.
    states
        How far each well is.
    problems
        Sentences about a site (well, number): missing images, failures.
    boxes
        Of a slide or dish, which has one well: top, left, height and width of each site.
    site_states
        Of a slide or dish: how far each site is.
    """

    format: PlateFormat
    sites: Mapping[str, tuple[int, ...]]
    states: Mapping[str, WellState]
    problems: Mapping[tuple[str, int], tuple[str, ...]] = field(default_factory=dict)
    boxes: Mapping[int, tuple[int, int, int, int]] = field(default_factory=dict)
    site_states: Mapping[int, WellState] = field(default_factory=dict)


@dataclass(frozen=True)
class Facts:
    """One experiment.

    Attributes
    ----------
    stale
        Object types that were made from other images than those of today.
    pipelines
        Keys of pipelines that can be chosen.
    """

    path: str
    name: str
    plates: Mapping[str, PlateFacts]
    stale: tuple[str, ...] = ()
    pipelines: tuple[str, ...] = ()


@dataclass(frozen=True)
class Choice:
    """What the user picked; the value of the widget. Empty means: whatever comes first."""

    experiment: str = ""
    plate: str = ""
    well: str = ""
    site: int = 0
    view: View = View.SITE
    pipeline: str = ""
    pixels: Pixels = Pixels.MAP


@dataclass(frozen=True)
class State:
    """What is shown; see `resolve`.

    Attributes
    ----------
    choice
        The choice with everything filled in that exists.
    position
        E.g. "Site 2 of 4".
    notes
        What the user must know of what is shown, one sentence each.
    can_show, can_run, can_analyse
        Whether there are images: to look at, and to run a pipeline on.
    can_convert
        Whether some well is not converted yet.
    """

    choice: Choice
    title: str
    plates: tuple[str, ...]
    plate: PlateFacts | None
    sites: tuple[int, ...]
    position: str
    can_previous: bool
    can_next: bool
    can_show: bool
    can_run: bool
    can_analyse: bool
    can_convert: bool
    notes: tuple[str, ...]


def resolve(facts: Facts, choice: Choice) -> State:
    """What to show for a choice; what does not exist gives way to the first that does.

    No pipeline is taken that nobody chose: it would be run.
    """
    plate_name = choice.plate if choice.plate in facts.plates else next(iter(facts.plates), "")
    plate = facts.plates.get(plate_name)
    order = _order(plate)
    wells = list(dict.fromkeys(well for well, _ in order))
    well = choice.well if choice.well in wells else next(iter(wells), "")
    sites = plate.sites[well] if plate and well else ()
    site = choice.site if choice.site in sites else next(iter(sites), 0)
    pipeline = choice.pipeline if choice.pipeline in facts.pipelines else ""
    state = plate.states.get(well) if plate else None
    states = set(plate.states.values()) if plate else set()
    everywhere = {value for each in facts.plates.values() for value in each.states.values()}
    has_images = state is not None and state is not WellState.RECORDED
    some_images = bool(states - {WellState.RECORDED})
    # The whole plate is drawn from coarse levels, which originals do not have.
    some_levels = bool(states - {WellState.RECORDED, WellState.IN_PLACE})
    return State(
        choice=Choice(facts.path, plate_name, well, site, choice.view, pipeline, choice.pixels),
        title=facts.name,
        plates=tuple(facts.plates),
        plate=plate,
        sites=sites,
        position=f"Site {sites.index(site) + 1} of {len(sites)}" if sites else "No site",
        can_previous=bool(order) and (well, site) != order[0],
        can_next=bool(order) and (well, site) != order[-1],
        can_show=some_levels if choice.view in (View.PLATE, View.PLATES) else has_images,
        can_run=has_images and bool(pipeline),
        can_analyse=some_images and bool(pipeline),
        can_convert=bool({WellState.RECORDED, WellState.IN_PLACE} & everywhere),
        notes=_notes(facts, plate, well, site, state, choice.view),
    )


def _order(plate: PlateFacts | None) -> list[tuple[str, int]]:
    """All sites of a plate in the order in which one walks through them."""
    if plate is None:
        return []
    return [(well, site) for well in sorted_wells(plate.sites) for site in plate.sites[well]]


def _notes(
    facts: Facts,
    plate: PlateFacts | None,
    well: str,
    site: int,
    state: WellState | None,
    view: View,
) -> tuple[str, ...]:
    if plate is None:
        return (
            (
                "This experiment has no plate yet. Drop a microscope folder here, or choose Open ▸ "
                "Add a microscope folder."
            ),
        )
    notes = []
    if state is WellState.RECORDED:
        notes.append("The images are not converted yet: press Convert.")
    if state is WellState.IN_PLACE and view in (View.PLATE, View.PLATES):
        notes.append(
            "These images are read in place. To see the whole plate at once, press Convert; single "
            "sites and wells show without."
        )
    notes += plate.problems.get((well, site), ())
    if facts.stale:
        names = ", ".join(facts.stale)
        notes.append(f"{names}: made from older images. Analyse the plate again.")
    return tuple(notes)


def walk(state: State, step: int) -> Choice:
    """The choice one site on (1) or back (-1), into the next well at the end of a well."""
    order = _order(state.plate)
    if not order:
        return state.choice
    at = order.index((state.choice.well, state.choice.site)) + step
    well, site = order[max(0, min(at, len(order) - 1))]
    return replace(state.choice, well=well, site=site)


def neighbour(wells: Mapping[str, object], well: str, rows: int, columns: int) -> str:
    """The nearest well that exists in a direction, e.g. (0, 1) to the right; else the same well.

    Wells of the same row or column come before others.
    """
    start = WellName.parse(well)

    def distance(name: str) -> tuple[int, int] | None:
        other = WellName.parse(name)
        down = other.row_index - start.row_index
        right = other.column_index - start.column_index
        along, across = (down * rows, right) if rows else (right * columns, down)
        return (abs(across), along) if along > 0 else None

    reachable = {name: found for name in wells if (found := distance(name)) is not None}
    return min(reachable, key=reachable.__getitem__) if reachable else well
