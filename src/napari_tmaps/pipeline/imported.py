"""A pipeline that was made by another program, and what became of its parts."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from napari_tmaps.model.pipeline import PipelineDescription


class State(StrEnum):
    """What became of a part of a foreign pipeline."""

    TRANSLATED = "translated"
    APPROXIMATED = "approximated"
    LEFT_OUT = "left out"


@dataclass(frozen=True, slots=True)
class Note:
    """What became of one part, in a sentence.

    Attributes
    ----------
    place
        The part, as the other program calls it, e.g. "5 IdentifyPrimaryObjects (Nuclei)".
    """

    place: str
    state: State
    text: str

    def __str__(self) -> str:
        return f"{self.place}: {self.state}. {self.text}".rstrip()


@dataclass(frozen=True, slots=True)
class Imported:
    """A pipeline and the notes on its translation; it is not checked yet, see `check`."""

    pipeline: PipelineDescription
    notes: tuple[Note, ...]
