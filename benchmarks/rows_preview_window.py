"""How long the window is held while somebody tunes a pipeline of 20 steps."""

from __future__ import annotations

from pathlib import Path
from statistics import median

from timing import Contest
from window import Window

_HELD_S = 0.005
_ACTIONS = ("slider", "step", "undo", "add", "form", "site")


def gui_thread(folder: Path, full: bool) -> Contest:
    """The longest turn of the window's loop that is ours, of the action that takes longest.

    Medians of many times; what napari and Qt take to draw is not ours. The actions are those of
    `tuning_window.Hands`.
    """
    window = Window("tuning_window.py", str(40 if full else 8))
    taken = {action: window.tell(action) for action in _ACTIONS}
    every = [seconds for times in taken.values() for seconds in times]
    each = ", ".join(f"{action} {1000 * max(times):.1f}" for action, times in taken.items())
    return Contest(
        "the 5 ms that nobody feels",
        ours=lambda: max(map(median, taken.values())),
        peer=lambda: _HELD_S,
        accuracy=lambda ours, peer: sum(seconds <= _HELD_S for seconds in every) / len(every),
        accuracy_is=f"worst ms: {each}; share within 5 ms",
        in_this_process=False,
        clock="told",
    )
