"""Every state of a pipeline that is being edited: undo and redo without limit, nothing ever lost.

A journal beside the pipeline gets one line for each edit, so that undo reaches back beyond the
last start of the program, and a crash costs at most the edit under way.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from time import time
from typing import Any

from pydantic import ValidationError

from napari_tmaps.errors import StorageError
from napari_tmaps.model.pipeline import PipelineDescription

_TOGETHER_S = 3.0
"""Who drags a slider stops now and then; who comes back to it later made another choice."""


@dataclass(frozen=True, slots=True)
class State:
    """A pipeline, and what was done to get it.

    Attributes
    ----------
    what
        The edit in words, e.g. "Add smooth".
    key
        Edits with the same key that follow each other within seconds are one, e.g. all values of a
        slider that is dragged. Empty: by itself.
    seconds
        When it was made, since 1970.
    """

    pipeline: PipelineDescription
    what: str = ""
    key: str = ""
    seconds: float = 0.0


class History:
    """States of one pipeline; one of them is the current one.

    Parameters
    ----------
    pipeline
        The first state, where the journal has none.
    journal
        File that keeps the states; None keeps them in memory only. It is made with the first
        edit.

    Raises
    ------
    StorageError
        The journal cannot be read.
    """

    def __init__(self, pipeline: PipelineDescription, journal: Path | None = None) -> None:
        self._journal = journal
        self._states = [State(pipeline)]
        self._at = 0
        self._is_edited = False  # by what was done last, which was no undo or redo
        if journal is not None:
            for entry in _entries(journal):
                self._apply(entry)

    @property
    def pipeline(self) -> PipelineDescription:
        """The pipeline as it is now."""
        return self._states[self._at].pipeline

    @property
    def states(self) -> tuple[State, ...]:
        """All states that undo and redo can reach, oldest first."""
        return tuple(self._states)

    @property
    def at(self) -> int:
        """Index of the current state."""
        return self._at

    @property
    def undoes(self) -> str:
        """What undo would take back; empty if nothing."""
        return self._states[self._at].what if self._at else ""

    @property
    def redoes(self) -> str:
        """What redo would do again; empty if nothing."""
        return self._states[self._at + 1].what if self._at + 1 < len(self._states) else ""

    def edit(self, pipeline: PipelineDescription, what: str, key: str = "") -> None:
        """Take a new state; what was undone before can then no longer be redone.

        Raises
        ------
        StorageError
            The journal cannot be written; the edit is made nevertheless.
        """
        if pipeline == self.pipeline:
            return
        entry = {"what": what, "key": key, "seconds": time()}
        self._take({**entry, "pipeline": pipeline.model_dump(mode="json", exclude_defaults=True)})

    def undo(self) -> None:
        """Go back one state; nothing happens at the first. Raises as `edit`."""
        self.go(self._at - 1)

    def redo(self) -> None:
        """Go on one state; nothing happens at the last. Raises as `edit`."""
        self.go(self._at + 1)

    def go(self, at: int) -> None:
        """Go to the state of an index; nothing happens if there is none. Raises as `edit`."""
        if 0 <= at < len(self._states) and at != self._at:
            self._take({"at": at})

    def _take(self, entry: dict[str, Any]) -> None:
        self._apply(entry)
        if self._journal is None:
            return
        try:
            self._journal.parent.mkdir(parents=True, exist_ok=True)
            new = not self._journal.exists()
            with self._journal.open("ab") as file:
                if new and "pipeline" in entry:
                    first = self._states[0].pipeline.model_dump(mode="json", exclude_defaults=True)
                    file.write(_line({"first": first}))
                file.write(_line(entry))
        except OSError as error:
            raise StorageError(
                f"The pipeline could not be saved to '{self._journal}': "
                f"{error.strerror or error}. It is changed, but would be lost."
            ) from error

    def _apply(self, entry: dict[str, Any]) -> None:
        if "at" in entry:
            if 0 <= entry["at"] < len(self._states):
                self._at, self._is_edited = entry["at"], False
            return
        if "first" in entry:
            self._states, self._at = [State(PipelineDescription(**entry["first"]))], 0
            return
        state = State(
            PipelineDescription(**entry["pipeline"]),
            entry["what"],
            entry["key"],
            entry["seconds"],
        )
        del self._states[self._at + 1 :]
        last = self._states[-1]
        is_soon = self._is_edited and state.seconds - last.seconds < _TOGETHER_S
        if self._at and state.key and state.key == last.key and is_soon:
            self._states[-1] = state
        else:
            self._states.append(state)
        self._at, self._is_edited = len(self._states) - 1, True


def _line(entry: dict[str, Any]) -> bytes:
    # It begins with a new line, so that one that was cut off by a crash spoils no other.
    return b"\n" + json.dumps(entry, ensure_ascii=False).encode()


def _entries(journal: Path) -> list[dict[str, Any]]:
    """Entries of a journal without those that a crash cut off or another version wrote."""
    try:
        lines = journal.read_bytes().splitlines()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise StorageError(
            f"The journal of the pipeline, '{journal}', cannot be read: {error.strerror or error}."
        ) from error
    found = []
    for line in lines:
        try:
            entry = json.loads(line)
            for part in ("pipeline", "first"):
                if part in entry:
                    PipelineDescription(**entry[part])
        except (ValueError, TypeError, ValidationError):
            continue
        if set(entry) in ({"at"}, {"first"}, {"what", "key", "seconds", "pipeline"}):
            found.append(entry)
    return found
