"""What the widget shows for which choice."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from napari_tmaps.gui.state import (
    Choice,
    Facts,
    PlateFacts,
    View,
    WellState,
    neighbour,
    resolve,
    walk,
)
from napari_tmaps.model.wells import PlateFormat

PLATE = PlateFacts(
    PlateFormat(8, 12),
    sites={"B02": (1, 2), "B04": (1, 2), "D02": (5,)},
    states={
        "B02": WellState.CONVERTED,
        "B04": WellState.PROBLEM,
        "D02": WellState.RECORDED,
    },
    problems={("B04", 2): ("The image of DAPI is missing here (not recorded).",)},
)
FACTS = Facts("/x/s.tmaps", "s", {"P1": PLATE}, pipelines=("ready:a", "ready:b"))


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        pytest.param(Choice(), ("P1", "B02", 1, ""), id="nothing picked: the first of all"),
        pytest.param(
            Choice(plate="P1", well="B04", site=2, pipeline="ready:b"),
            ("P1", "B04", 2, "ready:b"),
            id="as picked",
        ),
        pytest.param(
            Choice(plate="gone", well="H12", site=9, pipeline="gone"),
            ("P1", "B02", 1, ""),
            id="what is gone gives way, but no other pipeline is run",
        ),
        pytest.param(Choice(well="D02"), ("P1", "D02", 5, ""), id="first site of the well"),
    ],
)
def test_choice_is_filled_in(choice: Choice, expected: tuple[Any, ...]) -> None:
    got = resolve(FACTS, choice).choice
    assert (got.plate, got.well, got.site, got.pipeline) == expected


@pytest.mark.parametrize(
    ("choice", "flags"),
    [
        pytest.param(Choice(well="B02"), (False, True, True, True, True), id="first site"),
        pytest.param(Choice(well="B04", site=1), (True, True, True, True, True), id="in between"),
        pytest.param(
            Choice(well="D02"), (True, False, False, False, True), id="last site, not converted"
        ),
        pytest.param(
            Choice(well="D02", view=View.PLATE),
            (True, False, True, False, True),
            id="the plate can be shown all the same",
        ),
    ],
)
def test_buttons(choice: Choice, flags: tuple[bool, ...]) -> None:
    state = resolve(FACTS, replace(choice, pipeline="ready:a"))
    assert (
        state.can_previous,
        state.can_next,
        state.can_show,
        state.can_run,
        state.can_analyse,
    ) == flags
    assert state.can_convert


def test_no_pipeline_nothing_to_run() -> None:
    state = resolve(FACTS, Choice())
    assert not state.can_run
    assert not state.can_analyse


@pytest.mark.parametrize(
    ("facts", "choice", "words"),
    [
        pytest.param(FACTS, Choice(well="B02"), (), id="all well"),
        pytest.param(FACTS, Choice(well="B04", site=2), ("DAPI is missing",), id="gap"),
        pytest.param(FACTS, Choice(well="D02"), ("press Convert",), id="not converted"),
        pytest.param(
            replace(FACTS, stale=("Nuclei",)), Choice(), ("Nuclei: made from older",), id="stale"
        ),
        pytest.param(replace(FACTS, plates={}), Choice(), ("no plate yet",), id="empty"),
    ],
)
def test_notes(facts: Facts, choice: Choice, words: tuple[str, ...]) -> None:
    notes = resolve(facts, choice).notes
    assert len(notes) == len(words)
    assert all(word in note for word, note in zip(words, notes, strict=True))


def test_walk_goes_on_into_the_next_well_and_stops_at_the_ends() -> None:
    state = resolve(FACTS, Choice())
    seen = [(state.choice.well, state.choice.site)]
    for _ in range(6):
        state = resolve(FACTS, walk(state, 1))
        seen.append((state.choice.well, state.choice.site))
    assert seen[:5] == [("B02", 1), ("B02", 2), ("B04", 1), ("B04", 2), ("D02", 5)]
    assert seen[5:] == [("D02", 5)] * 2
    assert walk(resolve(FACTS, Choice()), -1).site == 1
    assert walk(resolve(replace(FACTS, plates={}), Choice()), 1) == Choice("/x/s.tmaps")


@pytest.mark.parametrize(
    ("well", "step", "expected"),
    [
        pytest.param("B02", (0, 1), "B04", id="over the gap"),
        pytest.param("B02", (1, 0), "D02", id="down"),
        pytest.param("B04", (1, 0), "D02", id="down to another column rather than nowhere"),
        pytest.param("B02", (0, -1), "B02", id="nothing on the left"),
        pytest.param("D02", (-1, 0), "B02", id="up, same column first"),
    ],
)
def test_neighbour(well: str, step: tuple[int, int], expected: str) -> None:
    assert neighbour(PLATE.sites, well, *step) == expected
