"""What can be tried with a pipeline: values beside each other, several sites, the whole plate."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from qtpy.QtCore import Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import QMenu, QPushButton, QWidget

from napari_tmaps.errors import TmapsError
from napari_tmaps.gui.parts import add_heading
from napari_tmaps.gui.probes import WAYS
from napari_tmaps.gui.tuning import Tuning
from napari_tmaps.modules.spec import SettingSpec
from napari_tmaps.store.experiment import Experiment


class TryButton(QPushButton):
    """A button with a menu.

    Signals
    -------
    sweepRequested
        The `SettingSpec` whose values shall be compared.
    sitesRequested
        One of `WAYS`.
    testRequested
        The whole pipeline shall be tried on sites: one of `WAYS`.
    compareRequested
        Name of the pipeline that the objects shall be compared with; "" for corrections.
    runRequested
        The whole experiment shall be run.
    """

    sweepRequested = Signal(object)
    sitesRequested = Signal(str)
    testRequested = Signal(str)
    compareRequested = Signal(str)
    runRequested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._settings: tuple[SettingSpec, ...] = ()
        self._step = ""
        self._experiment = ""
        self._others: tuple[str, ...] = ()
        self._wells: Collection[str] = ()
        self._can_run = False
        self.setText("Try and run")
        self.setToolTip("Compare values, try the pipeline on several sites, run it on all")
        self._menu = QMenu(self)
        self._menu.setToolTipsVisible(True)
        self._menu.aboutToShow.connect(self.fill)
        self.setMenu(self._menu)

    def setState(self, tuning: Tuning, experiment: str, others: Sequence[str]) -> None:
        """Show what can be tried with the chosen step, in an experiment or ("") without.

        Parameters
        ----------
        others
            Names of pipelines to compare with.
        """
        self._others = tuple(others)
        self._step = tuning.chosen.name if tuning.chosen else ""
        self._settings = tuning.spec.settings if tuning.spec else ()
        self._experiment = experiment
        self._can_run = bool(tuning.pipeline.pipeline) and not tuning.problems

    def setWells(self, wells: Collection[str]) -> None:
        """The wells that are marked on the plate map."""
        self._wells = wells

    def fill(self) -> QMenu:
        """Make the menu for the step as it is now."""
        menu = self._menu
        menu.clear()
        swept = [s for s in self._settings if s.choices or s.type in (int, float, bool)]
        if swept:
            add_heading(menu, f"Compare values of {self._step}")
        for setting in swept:
            menu.addAction(
                setting.name.replace("_", " "),
                lambda setting=setting: self.sweepRequested.emit(setting),
            )
        add_heading(menu, "See the chosen step")
        lacks = self._lacks()
        self._add_ways(menu, lacks, self.sitesRequested.emit)
        add_heading(menu, "All of it")
        tests = QMenu("Test run of all steps", menu)
        tests.setToolTipsVisible(True)
        self._add_ways(tests, lacks, self.testRequested.emit)
        menu.addMenu(tests)
        others = QMenu("Compare the objects with", menu)
        action = others.addAction("My corrections", lambda: self.compareRequested.emit(""))
        assert action is not None
        action.setEnabled(bool(self._experiment))
        for name in self._others:
            others.addAction(name, lambda name=name: self.compareRequested.emit(name))
        menu.addMenu(others)
        others.setEnabled(self._can_run)
        tests.setEnabled(bool(self._experiment) and self._can_run)
        action = menu.addAction("Run on the whole experiment…", self.runRequested.emit)
        assert action is not None
        action.setEnabled(bool(self._experiment) and self._can_run)
        if not self._experiment:
            action.setToolTip("Only with an experiment")
        elif not self._can_run:
            action.setToolTip("The pipeline has problems; see the marked steps")
        return menu

    def _add_ways(self, menu: QMenu, lacks: Mapping[str, str], tell: Callable[[str], None]) -> None:
        for how, lack in lacks.items():
            count = f" ({len(self._wells)})" if how == "marked" and self._wells else ""
            action = menu.addAction(WAYS[how].text + count, lambda how=how: tell(how))
            assert action is not None
            action.setEnabled(not lack)
            action.setToolTip(lack)

    def _lacks(self) -> dict[str, str]:
        """What each way to choose sites lacks; "" if it lacks nothing."""
        if not self._experiment:
            return dict.fromkeys(WAYS, "Only with an experiment")
        if not self._step:
            return dict.fromkeys(WAYS, "Choose a step of the pipeline first")
        try:
            with Experiment.open(self._experiment) as experiment:
                return {how: way.lack(experiment, self._wells) for how, way in WAYS.items()}
        except TmapsError as error:
            return dict.fromkeys(WAYS, str(error))
