"""What can be tried with a pipeline: values beside each other, several sites, the whole plate."""

from __future__ import annotations

from qtpy.QtCore import Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import QMenu, QToolButton, QWidget

from napari_tmaps.gui.tuning import Tuning
from napari_tmaps.modules.describe import SettingSpec

_SITES = {
    "random": "On 9 random sites",
    "rows": "On a site in each row of the plate",
    "columns": "On a site in each column of the plate",
}


class TryButton(QToolButton):
    """A button with a menu.

    Signals
    -------
    sweepRequested
        The `SettingSpec` whose values shall be compared.
    sitesRequested
        "random", "rows" or "columns".
    runRequested
        The whole experiment shall be run.
    """

    sweepRequested = Signal(object)
    sitesRequested = Signal(str)
    runRequested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._settings: tuple[SettingSpec, ...] = ()
        self._step = ""
        self._in_experiment = self._can_run = False
        self.setText("Try and run")
        self.setToolTip("Compare values, try the pipeline on several sites, run it on all")
        self._menu = QMenu(self)
        self._menu.setToolTipsVisible(True)
        self._menu.aboutToShow.connect(self.fill)
        self.setMenu(self._menu)
        self.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)

    def setState(self, tuning: Tuning, in_experiment: bool) -> None:
        """Show what can be tried with the chosen step."""
        self._step = tuning.chosen.name if tuning.chosen else ""
        self._settings = tuning.spec.settings if tuning.spec else ()
        self._in_experiment = in_experiment
        self._can_run = bool(tuning.pipeline.pipeline) and not tuning.problems

    def fill(self) -> QMenu:
        """Make the menu for the step as it is now."""
        menu = self._menu
        menu.clear()
        menu.addSection(f"Compare values of {self._step}" if self._step else "Compare values")
        for setting in self._settings:
            if setting.choices or setting.type in (int, float, bool):
                menu.addAction(
                    setting.name.replace("_", " "),
                    lambda setting=setting: self.sweepRequested.emit(setting),
                )
        menu.addSection("See the chosen step")
        for how, text in _SITES.items():
            action = menu.addAction(text, lambda how=how: self.sitesRequested.emit(how))
            assert action is not None
            action.setEnabled(self._in_experiment and bool(self._step))
            action.setToolTip("" if self._in_experiment else "Only with an experiment")
        menu.addSection("All of it")
        action = menu.addAction("Run on the whole experiment…", self.runRequested.emit)
        assert action is not None
        action.setEnabled(self._in_experiment and self._can_run)
        if not self._in_experiment:
            action.setToolTip("Only with an experiment")
        elif not self._can_run:
            action.setToolTip("The pipeline has problems; see the marked steps")
        return menu
