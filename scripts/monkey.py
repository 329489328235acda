"""A restless user: random but legal actions in the real window, with faults in between.

scripts/screen.sh run .venv/bin/python scripts/monkey.py --minutes 15 --seed 7

It makes a small plate of its own and ends with exit code 1, and the last actions, if an exception
came up anywhere, memory grew beyond the bound, or a process was left behind.
"""

from __future__ import annotations

import argparse
import faulthandler
import logging
import os
import random
import shutil
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

# What the person who runs this has made is left alone; to be set before Qt is loaded.
os.environ["TMAPS_CONFIG"] = tempfile.mkdtemp(prefix="tmaps-monkey-")
os.environ["XDG_DATA_HOME"] = os.environ["TMAPS_CONFIG"]
os.environ["NAPARI_CONFIG"] = os.environ["TMAPS_CONFIG"] + "/napari.yaml"

import napari
import numpy as np
import psutil
import tifffile
from monkey_objects import Explorer
from napari.settings import get_plugin_settings
from qtpy.QtCore import QEvent
from qtpy.QtWidgets import QApplication

from napari_tmaps.errors import TmapsError
from napari_tmaps.gui.arrangement import open_tissuemaps, show_widget, widget_names
from napari_tmaps.gui.desk import desk_of
from napari_tmaps.gui.layer_actions import measure_labels, segment_nuclei, smooth_image
from napari_tmaps.gui.save_state import What
from napari_tmaps.gui.state import Choice, Pixels, View
from napari_tmaps.model.progress import run
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.streams.saveoptions import SaveOptions
from napari_tmaps.vendors import scan
from napari_tmaps.workflow import convert
from napari_tmaps.workflow.lock import ask_to_stop, coordinator

HOME = Path(os.environ["TMAPS_CONFIG"])
SIZE = 256
LOADED_S, LOADED_ACTIONS, GROWTH_MB = 600, 1200, 400
"""After so long and so many actions all is loaded, and caches are full; what memory may grow by."""
PREVIEW_MB = 64
"""Room for results of previews, which is filled soon, so that what grows later is no cache."""


def make_plate(folder: Path, seed: int, *, in_place: bool) -> Path:
    """An experiment of four wells with two sites of discs."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:SIZE, :SIZE]
    raw = folder / f"raw{seed}"
    raw.mkdir(parents=True)
    for well in ("B02", "B03", "C02", "C03"):
        for site in (1, 2):
            image = rng.poisson(100, (SIZE, SIZE)).astype(np.uint16)
            for cy, cx in rng.integers(20, SIZE - 20, (12, 2)):
                image[(y - cy) ** 2 + (x - cx) ** 2 < 120] += 1500
            for channel, factor in (("DAPI", 1), ("Actin", 2)):
                tifffile.imwrite(raw / f"{well}_s{site}_{channel}.tif", image // factor)
    path = folder / f"screen{seed}.tmaps"
    pattern = r"(?P<well>[A-P]\d\d)_s(?P<site>\d)_(?P<channel>\w+)\.tif"
    with Experiment.create(path) as experiment:
        experiment.add(scan(raw, pattern=pattern), plate=f"P{seed}")
        run(convert(experiment, in_place=in_place))
    return path


class Monkey:
    """Does one legal thing after another."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.plates = [make_plate(HOME, n, in_place=n == 2) for n in (1, 2, 3)]
        self.done: list[str] = []
        self.problems: list[str] = []
        self.viewer = napari.Viewer(show=True)
        get_plugin_settings("napari-tmaps").pipeline.memory_mb = PREVIEW_MB
        self.viewer.window.resize(1366, 768)
        open_tissuemaps(self.viewer)
        self.desk = desk_of(self.viewer)
        self.find_widgets()
        self.experiment.setValue(Choice(str(self.plates[0])))
        self.actions: list[tuple[int, Callable[[], str]]] = [
            (8, self.walk),
            (4, self.look),
            (2, self.switch),
            (1, self.look_into_folder),
            (6, self.edit_pipeline),
            (4, self.undo),
            (2, self.choose_pipeline),
            (2, self.run_on_site),
            (2, self.analyse),
            (3, self.cancel),
            (2, self.submit),
            (1, self.stop),
            (2, self.save),
            (2, self.layer_action),
            (3, self.display),
            (3, self.raise_tab),
            (1, self.reopen),
            (1, self.close_dock),
            (1, self.lose_image),
            (1, self.damage_file),
            (1, self.kill_coordinator),
        ]
        self.explorer = Explorer(self.viewer, self.random, HOME)
        self.actions += self.explorer.actions
        sys.excepthook = self._on_exception
        logging.getLogger("napari_tmaps").addHandler(_Listener(self.found))

    def find_widgets(self) -> None:
        """Dock the widgets that are not there."""
        self.experiment: Any = show_widget(self.viewer, "Experiment")
        self.pipeline: Any = show_widget(self.viewer, "Pipeline")
        self.workflow: Any = show_widget(self.viewer, "Workflow")
        self.saving: Any = show_widget(self.viewer, "Save")

    def _on_exception(self, kind: Any, error: Any, trace: Any) -> None:
        text = "".join(traceback.format_exception(kind, error, trace))
        self.found(f"after {self.done[-8:]}:\n{text}")

    def found(self, problem: str) -> None:
        """Keep and tell what is wrong."""
        print(f"PROBLEM {problem}", flush=True)  # at once: what comes next may end the program
        self.problems.append(problem)

    def settle(self, seconds: float) -> None:
        """Let Qt do what is due, and delete what it would once a user's click is dealt with."""
        app: Any = QApplication.instance()
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            app.processEvents()
            app.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
            time.sleep(0.005)

    def step(self) -> None:
        """One action."""
        (HOME / "last.txt").write_text("\n".join(self.done[-30:]))
        weights = [weight for weight, _ in self.actions]
        (_, action), *_ = self.random.choices(self.actions, weights)
        self.done.append(action.__name__)
        try:
            said = action()
        except TmapsError as error:  # told to the user where a person did it
            said = f"refused: {error}"
        except Exception:  # noqa: BLE001  whatever it is, it is what we look for
            self._on_exception(*sys.exc_info())
            said = "failed"
        self.done[-1] += f"({said})"
        self.settle(self.random.choice((0.02, 0.1, 0.4)))

    # -- what a user does -----------------------------------------------------------------------

    def walk(self) -> str:
        page = self.experiment.site_page
        button = self.random.choice((page.next_button, page.previous_button))
        if page.isVisible() and button.isEnabled():
            button.click()
        return self.desk.choice.well

    def look(self) -> str:
        choice = self.desk.choice
        if not choice.experiment:
            return "nothing is open"
        view, pixels = self.random.choice(list(View)), self.random.choice(list(Pixels))
        wells = ["B02", "B03", "C02", "C03"]
        wanted = Choice(
            choice.experiment,
            choice.plate,
            self.random.choice(wells),
            self.random.choice((1, 2)),
            view,
            choice.pipeline,
            pixels,
        )
        self.experiment.setValue(wanted)
        return view.value

    def switch(self) -> str:
        if self.experiment.is_busy:
            return "busy"
        path = self.random.choice(self.plates)
        self.experiment.setValue(Choice(str(path)))
        return path.name

    def look_into_folder(self) -> str:
        """As before an import: planes are filtered, corrected, left out; then back."""
        if self.experiment.is_busy:
            return "busy"
        self.experiment.open_folder(str(HOME / f"raw{self.random.choice((1, 2, 3))}"))
        end = time.monotonic() + 20
        while self.experiment.is_busy and time.monotonic() < end:
            self.settle(0.05)
        page = self.experiment.import_page
        if not page.isVisible():
            return "not understood"
        page.tabs.setCurrentIndex(self.random.randrange(page.tabs.count()))
        page.plate_map.setValue(self.random.choice(("B02", "C03")))
        page.planes.search.setText(self.random.choice(("", "b02", "actin c03", "nothing")))
        page.planes.filter()
        model: Any = page.planes.table.model()
        for _ in range(3):
            column, text = self.random.choice(((0, "D05"), (1, "7"), (2, "Actin"), (3, "1")))
            model.setData(model.index(0, column), text)
        if self.random.random() < 0.5:
            page.planes.leave_button.click()
        self.settle(0.1)
        page.back_button.click()
        return f"{len(page.scan().planes)} planes"

    def edit_pipeline(self) -> str:
        steps = self.pipeline.value().pipeline
        if not steps:
            return self.choose_pipeline()
        number = self.random.randrange(len(steps))
        self.pipeline.steps.setCurrentRow(number)
        self.settle(0.02)
        settings = list(steps[number].settings)
        if not settings:
            return "no settings"
        name = self.random.choice(settings)
        value = steps[number].settings[name]
        if isinstance(value, bool):
            value = not value
        elif isinstance(value, (int, float)):
            value = type(value)(value * self.random.choice((0.5, 1.5, 2)) + 1)
        self.pipeline.form.settingChanged.emit(name, value)
        return f"{name}={value}"

    def undo(self) -> str:
        self.random.choice((self.pipeline.undo, self.pipeline.redo))()
        return ""

    def choose_pipeline(self) -> str:
        name = self.random.choice(("nuclei", "nuclei_and_cells", "nuclei_any_size"))
        self.pipeline.bar.opened.emit(name, True)
        return name

    def run_on_site(self) -> str:
        return self._press_on_site(self.experiment.site_page.run_button)

    def analyse(self) -> str:
        return self._press_on_site(self.experiment.site_page.analyse_button)

    def cancel(self) -> str:
        for row in (self.experiment.progress_row, self.saving.progress_row):
            if row.isVisible() and row.cancel_button.isEnabled():
                row.cancel_button.click()
                return "pressed"
        return "nothing runs"

    def submit(self) -> str:
        form = self.workflow.sending
        form.subset.editor("random").valueChanged.emit(self.random.choice((0, 1, 2)))
        form.engine.editor("kind").valueChanged.emit(self.random.choice(("threads", "processes")))
        return self._press(self.workflow.buttons.submit)

    def stop(self) -> str:
        return self._press(self.workflow.buttons.stop)

    def save(self) -> str:
        if self.saving.is_busy:
            return "busy"
        what = self.random.choice(list(What))
        kind: Any = self.random.choice(("ome-tiff", "ome-zarr"))
        self.saving.setValue(SaveOptions(format=kind, replace=self.random.random() < 0.5))
        ending = ".ome.zarr" if kind == "ome-zarr" else ".ome.tiff"
        self.saving.choose(what, HOME / "saved" / f"{self.random.randrange(4)}{ending}")
        self.settle(0.1)
        return f"{what.value} {self._press(self.saving.save_button)}"

    def layer_action(self) -> str:
        layers = list(self.viewer.layers)
        if not layers or len(layers) > 12:
            self.viewer.layers.clear()
            return "cleared"
        self.viewer.layers.selection.active = self.random.choice(layers)
        action = self.random.choice((segment_nuclei, smooth_image, measure_labels))
        action(self.viewer)
        return action.__name__

    def display(self) -> str:
        for layer in list(self.viewer.layers)[:2]:
            layer.visible = self.random.random() < 0.7
            layer.opacity = self.random.uniform(0.3, 1)
        self.viewer.scene.camera.zoom *= self.random.choice((0.5, 0.8, 1.25, 2))
        self.viewer.theme = self.random.choice(("dark", "light"))
        return ""

    def raise_tab(self) -> str:
        name = self.random.choice(widget_names()).removeprefix("TissueMAPS: ")
        show_widget(self.viewer, name)
        return name

    def reopen(self) -> str:
        if self.experiment.is_busy:
            return "busy"
        path = self.desk.choice.experiment or str(self.plates[0])
        self.experiment.close_experiment()
        self.settle(0.05)
        self.experiment.setValue(Choice(path))
        return Path(path).name

    def close_dock(self) -> str:
        """A widget is closed, and opened again."""
        name = self.random.choice(widget_names()).removeprefix("TissueMAPS: ")
        path = self.desk.choice.experiment
        if name == "Experiment" and self.desk.unsaved:
            return "something is not saved"
        dock: Any = show_widget(self.viewer, name).parentWidget()
        dock.destroyOnClose()
        self.settle(self.random.choice((0, 0.1)))
        self.find_widgets()
        self.explorer.find_widgets()
        if path and not self.desk.choice.experiment:
            self.experiment.setValue(Choice(path))
        return name

    # -- faults ---------------------------------------------------------------------------------

    def lose_image(self) -> str:
        found = sorted(self.plates[0].glob("plates/*/B/02/*"))
        if not found or not found[0].is_dir():
            return "none left"
        shutil.rmtree(self.random.choice([each for each in found if each.is_dir()]))
        return "an image is gone"

    def damage_file(self) -> str:
        found = sorted(self.plates[2].glob("plates/*/C/0*/*/0/c/**/0"))
        files = [each for each in found if each.is_file()]
        if files:
            self.random.choice(files).write_bytes(b"damaged")
        return f"{len(files)} files"

    def kill_coordinator(self) -> str:
        for path in self.plates:
            at_work = coordinator(path)
            if at_work and at_work["pid"] not in (None, os.getpid()):
                psutil.Process(at_work["pid"]).kill()
                return "killed"
        return "nobody works"

    def _press_on_site(self, button: Any) -> str:
        return self._press(button) if self.experiment.experiment else "nothing is open"

    def _press(self, button: Any) -> str:
        if not button.isEnabled():
            return "disabled"
        button.click()
        return "pressed"

    # -- the end --------------------------------------------------------------------------------

    def finish(self) -> None:
        """Stop what goes on, close the window, and look whether anything is left."""
        for path in self.plates:
            ask_to_stop(path)
        self.experiment.progress_row.cancelRequested.emit()
        end = time.monotonic() + 90
        while time.monotonic() < end and (
            any(coordinator(path) for path in self.plates)
            or self.experiment.is_busy
            or self.saving.is_busy
            or self.workflow.is_busy
            or self.explorer.is_busy
        ):
            self.settle(0.2)
        self.experiment.close_experiment()
        self.settle(0.5)
        self.viewer.close()
        self.settle(0.5)
        left = [
            process
            for process in psutil.process_iter(["cmdline"])
            if str(HOME) in " ".join(process.info["cmdline"] or ())
        ]
        if left:
            self.found(f"Processes are left: {[each.cmdline() for each in left]}")


class _Listener(logging.Handler):
    """Hears of errors that work in the background did not foresee."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        super().__init__(logging.ERROR)
        self._tell = tell

    def emit(self, record: logging.LogRecord) -> None:
        self._tell(self.format(record))


def main() -> int:
    """Play for a while; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    faulthandler.enable()
    monkey = Monkey(given.seed)
    memory = psutil.Process()
    start, first, told = time.monotonic(), None, 1
    while (passed := time.monotonic() - start) < 60 * given.minutes and len(monkey.problems) < 5:
        monkey.step()
        used = memory.memory_info().rss / 1e6
        if passed > 300 * told:
            print(f"{passed / 60:.0f} min: {len(monkey.done)} actions, {used:.0f} MB", flush=True)
            told += 1
        done = len(monkey.done)
        if passed > min(LOADED_S, 30 * given.minutes) and done > min(
            LOADED_ACTIONS, 20 * given.minutes
        ):
            first = first or used
        if first is not None and used - first > GROWTH_MB:
            monkey.found(f"Memory grew from {first:.0f} to {used:.0f} MB.")
            break
    monkey.finish()
    used = memory.memory_info().rss / 1e6
    print(
        f"{len(monkey.done)} actions; memory {first or 0:.0f} -> {used:.0f} MB; "
        f"problems: {len(monkey.problems)}"
    )
    shutil.rmtree(HOME, ignore_errors=True)
    return 1 if monkey.problems else 0


if __name__ == "__main__":
    sys.exit(main())
