"""`tmaps edit-metadata`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.cli.test_commands import tmaps
from tests.once import copy_of
from tests.workflow.screen import PATTERN, write_screen


def make_screen(folder: Path) -> None:
    write_screen(folder / "microscope")
    path = folder / "screen.tmaps"
    tmaps("create", path)
    tmaps("add", path, folder / "microscope", "--pattern", PATTERN, "--plate", "p")
    tmaps("convert", path)


@pytest.fixture
def screen(tmp_path: Path) -> Path:
    return copy_of(make_screen, tmp_path) / "screen.tmaps"


def test_values_are_corrected_shown_and_taken_back(screen: Path):
    assert "Nothing is corrected" in tmaps("edit-metadata", screen).output
    tmaps("edit-metadata", screen, "--pixel-size", "0.65")
    words = ("--channel", "GFP", "--fluorophore", "Alexa Fluor 488", "--excitation", 488)
    words += ("--color", "#00FF00", "--json")
    found = json.loads(tmaps("edit-metadata", screen, *words).stdout)
    assert found["notes"] == []
    assert [
        (row["of"], row["field"], row["recorded"], row["edited"]) for row in found["edited"]
    ] == [
        ("p acquisition01", "pixel_size_um", None, [0.65, 0.65]),
        ("GFP", "fluorophore", None, "Alexa Fluor 488"),
        ("GFP", "excitation_nm", None, 488),
        ("GFP", "color", None, "#00FF00"),
    ]
    text = tmaps("info", screen).output
    assert "0.65 × 0.65 µm (y × x)" in text
    assert "GFP: excitation 488 nm (recorded: not known" in text
    tmaps("edit-metadata", screen, "--as-recorded", "pixel-size")
    tmaps("edit-metadata", screen, "--channel", "GFP", "--as-recorded", "color")
    left = json.loads(tmaps("info", screen, "--json").stdout)
    assert [row["field"] for row in left["edited"]] == ["fluorophore", "excitation_nm"]
    assert left["pixel_size_um"] is None


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--pixel-size", "a,b"], "'a,b' is no pixel size; give one number greater than 0, or two"),
        (["--pixel-size", "650"], "650 µm is not between 0.01 and 50. Are these nanometres"),
        (["--exposure", "5"], "Say of which channel"),
        (["--channel", "GFP"], "what to correct of it"),
        (["--as-recorded", "size"], "'size' cannot be corrected; there are pixel-size, z-step"),
        (["--channel", "Cy5", "--exposure", "5"], "no channel 'Cy5'"),
    ],
)
def test_what_does_not_fit(screen: Path, words: list[str], text: str):
    result = tmaps("edit-metadata", screen, *words, code=1)
    assert text in " ".join(result.output.split())


def test_a_doubtful_value_is_taken_on_request(screen: Path):
    assert "p acquisition01: pixel size 650 × 650 µm" in " ".join(
        tmaps("edit-metadata", screen, "--pixel-size", 650, "--yes").output.split()
    )
