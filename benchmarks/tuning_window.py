"""A window in a process of its own in which a pipeline is tuned; it tells how long it is held.

python tuning_window.py TURNS, then lines, each the name of an action of `Hands`. Each is answered
by a number for each time that it was done: the most seconds that the thread of the window was at
work on it in one turn of its loop, so that it could answer nothing else. What napari takes to draw
layers is left out, and what Qt takes to draw widgets; what Qt takes to make them for us is not.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import wraps
from itertools import cycle, repeat
from time import monotonic, sleep, thread_time
from typing import Any

for _place in ("TMAPS_CONFIG", "XDG_DATA_HOME"):  # as for somebody who opens it the first time
    os.environ[_place] = tempfile.mkdtemp()


class Watch:
    """Adds up how long the thread of the window is at work, turn by turn."""

    def __init__(self) -> None:
        self.turns: list[tuple[str, float]] = []
        self._depth = 0
        self._left_out = 0.0

    @contextmanager
    def turn(self, name: str) -> Iterator[None]:
        """All that happens inside is one turn."""
        outer, self._depth = self._depth, self._depth + 1
        begin, self._left_out = thread_time(), 0.0 if not outer else self._left_out
        try:
            yield
        finally:
            self._depth = outer
            if not outer:
                self.turns.append((name, thread_time() - begin - self._left_out))

    @contextmanager
    def leave_out(self) -> Iterator[None]:
        """Of all that happens inside nothing counts."""
        begin, before = thread_time(), self._left_out
        try:
            yield
        finally:
            self._left_out = before + thread_time() - begin

    def watched(self, act: Callable[..., Any], *, counts: bool = True) -> Callable[..., Any]:
        """A function whose time counts, or does not."""

        @wraps(act)
        def watched(*given: Any, **named: Any) -> Any:
            with self.turn(act.__qualname__) if counts else self.leave_out():
                return act(*given, **named)

        return watched


watch = Watch()

from napari_tmaps.gui import parts  # noqa: E402 - all that follows has its timers from here

_timer = parts.timer
parts.timer = lambda parent, milliseconds, action: _timer(
    parent, milliseconds, watch.watched(action)
)

import napari  # noqa: E402
from qtpy.QtWidgets import QApplication, QSlider  # noqa: E402

from napari_tmaps.gui.kept_layers import KeptLayers  # noqa: E402
from napari_tmaps.gui.live_layers import LiveLayers  # noqa: E402
from napari_tmaps.gui.live_preview import LivePreview  # noqa: E402
from napari_tmaps.gui.pipeline_widget import PipelineWidget  # noqa: E402
from napari_tmaps.gui.step_list import StepList  # noqa: E402
from napari_tmaps.modules import MODULES  # noqa: E402
from rows_site import _pipeline, _site  # noqa: E402

# Where a turn begins that no timer of ours begins.
for _owner, _name in ((LivePreview, "_on_arrived"), (StepList, "_draw_wires")):
    setattr(_owner, _name, watch.watched(getattr(_owner, _name)))
# What these do is little but to set attributes of layers.
for _owner, _names in (
    (LiveLayers, ("show", "show_before", "clear", "drop_objects")),
    (KeptLayers, ("put", "keep_tried")),
):
    for _name in _names:
        setattr(_owner, _name, watch.watched(getattr(_owner, _name), counts=False))


class Hands:
    """What a person does in the pipeline widget.

    Each action is a generator: it makes ready, does it, and so on.
    """

    def __init__(self) -> None:
        self.viewer = napari.Viewer()
        self.viewer.window._qt_window.resize(1600, 1000)
        images = _site().images
        self._sites = [{name: image[::-1].copy() for name, image in images.items()}, images]
        for name, image in images.items():
            self.viewer.add_image(image, name=name, blending="additive")
        self.widget = PipelineWidget(self.viewer)
        self.viewer.window.add_dock_widget(self.widget, name="Pipeline")
        self.settle()
        self.widget.setValue(_pipeline("nuclei_and_cells").description)
        self.settle()

    def settle(self) -> None:
        """Until all is shown that was asked for."""
        end, quiet = monotonic() + 60, 0
        while quiet < 5 and monotonic() < end:
            QApplication.processEvents()
            quiet = 0 if self.widget.is_busy else quiet + 1
            sleep(0.001)

    def choose(self, name: str) -> None:
        """Look at a step."""
        self.widget.steps.setCurrentRow(self.widget.steps.names().index(name))
        self.settle()

    def slider(self) -> Iterator[None]:
        """The factor of the threshold is dragged a little further."""
        self.choose("threshold_nuclei")
        slider = self.widget.form.editor("correction_factor").findChild(QSlider)
        slider.setSliderDown(True)
        for tick in cycle(range(slider.maximum() // 4, slider.maximum(), 7)):
            yield
            slider.setValue(tick)
            yield

    def step(self) -> Iterator[None]:
        """Another step is chosen, whose form was seen before."""
        names = self.widget.steps.names()
        for name in names:
            self.choose(name)
        for name in cycle(names):
            yield
            self.widget.steps.setCurrentRow(names.index(name))
            yield

    def undo(self) -> Iterator[None]:
        """A setting is put back, or set again."""
        self.choose("threshold_nuclei")
        self.widget.form.settingChanged.emit("correction_factor", 0.9)
        for act in cycle((self.widget.undo, self.widget.redo)):
            yield
            act()
            yield

    def add(self, modules: Iterable[str] = repeat("fill")) -> Iterator[None]:
        """A module is put into the list, whose form was seen before."""
        for module in modules:
            self.choose("register_nuclei")
            yield
            self.widget.picker.chosen.emit(module)
            yield
            self.widget.undo()

    def form(self) -> Iterator[None]:
        """A module is put into the list, whose form is seen for the first time."""
        seen = {call.module for call in self.widget.value().pipeline}
        return self.add(module for module in MODULES if module not in seen)

    def site(self) -> Iterator[None]:
        """Another site is shown."""
        self.choose("threshold_nuclei")
        for images in cycle(self._sites):
            yield
            with watch.leave_out():
                for name, image in images.items():
                    self.viewer.layers[name].data = image
            yield

    def do(self, what: str, turns: int) -> list[float]:
        """Do it so often; the longest turn of each time."""
        longest = []
        act = getattr(self, what)()
        for _ in range(turns):
            next(act)
            self.settle()
            watch.turns.clear()
            with watch.turn(what):
                next(act)
            self.settle()
            longest.append(max(seconds for _, seconds in watch.turns))
        return longest


def main(turns: int) -> None:
    """Do what the lines say."""
    hands = Hands()
    for line in sys.stdin:
        print("did", *hands.do(line.strip(), turns), flush=True)
    hands.widget.close()
    hands.viewer.close()


if __name__ == "__main__":
    main(int(sys.argv[1]))
