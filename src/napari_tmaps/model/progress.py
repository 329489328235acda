"""What long work tells while it goes on.

Long work is a generator of `Progress`. A script loops over it, the window gives it to a worker
thread, the command line draws a bar. Closing the generator cancels the work.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Progress:
    """One event of long work.

    Attributes
    ----------
    stage
        What is being done, e.g. "imextract".
    done, total
        How far it is, in units of the stage (files, sites); total 0 means unknown.
    message
        What has just been finished, or went wrong, in the user's words; may be empty.
    failed
        True when the event reports something that could not be done; the work goes on.
    """

    stage: str
    done: int
    total: int
    message: str = ""
    failed: bool = False


def run(events: Iterator[Progress]) -> list[Progress]:
    """Do the work to its end and return the events that report failures."""
    return [event for event in events if event.failed]


def finish(work: Generator[Any, None, Result]) -> Result:
    """Do work to its end, for who does not look at its progress; returns its result."""
    while True:
        try:
            next(work)
        except StopIteration as stop:
            result: Result = stop.value
            return result


def finish_noting(work: Generator[Progress, None, Result]) -> tuple[Result, list[str]]:
    """Do work to its end; returns its result, and what could not be done, a sentence each."""
    notes: list[str] = []
    while True:
        try:
            event = next(work)
        except StopIteration as stop:
            return stop.value, notes
        if event.failed:
            notes.append(event.message)
