"""All that is tried with a pipeline beside its preview: values, sites, test runs, the plate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import QWidget

from napari_tmaps.errors import TmapsError
from napari_tmaps.gui.comparing import Comparer
from napari_tmaps.gui.desk import desk_of
from napari_tmaps.gui.live_preview import LivePreview
from napari_tmaps.gui.parts import warning
from napari_tmaps.gui.pipeline_document import PipelineDocument
from napari_tmaps.gui.probes import Probes, choose_sites
from napari_tmaps.gui.rehearsal_control import RehearsalControl
from napari_tmaps.gui.run_dialog import RunDialog
from napari_tmaps.gui.state import View
from napari_tmaps.gui.trials_control import TrialsControl
from napari_tmaps.gui.try_button import TryButton
from napari_tmaps.gui.trying import Sweep, sweep_of
from napari_tmaps.gui.tuning import Shown
from napari_tmaps.modules.spec import SettingSpec
from napari_tmaps.store.experiment import Experiment

if TYPE_CHECKING:
    import napari.viewer

_PROBES = 9


class PipelineTrials(QObject):
    """Does what the menu of a button offers.

    Parameters
    ----------
    live
        Tells what the pipeline works on.
    widget
        Parent of what is asked.

    Signals
    -------
    valueChosen
        A `Sweep`, and the value of it that was clicked.
    told
        A sentence for the user.
    compared
        How the objects differ from others; "" while nothing is compared.
    """

    valueChosen = Signal(object, object)
    told = Signal(str)
    compared = Signal(str)

    def __init__(
        self,
        viewer: napari.viewer.Viewer,
        document: PipelineDocument,
        live: LivePreview,
        button: TryButton,
        widget: QWidget,
    ) -> None:
        super().__init__(widget)
        self._desk = desk_of(viewer)
        self._document, self._live, self._widget = document, live, widget
        self._step = ""
        self.trials = TrialsControl(viewer, live.cache, self)
        self._rehearsal = RehearsalControl(viewer, self)
        self._comparer = Comparer(viewer, live.cache, self)
        self.ends: tuple[Callable[[], None], ...] = (
            self.trials.cancel,
            self._rehearsal.cancel,
            self._comparer.cancel,
        )
        document.opened.connect(self._on_opened)
        live.sceneChanged.connect(self._comparer.move)
        live.settled.connect(self._follow)
        live.arrived.connect(self._compare_again)
        live.moved.connect(self._follow)
        self.trials.valueChosen.connect(self.valueChosen)
        self.trials.siteChosen.connect(self._on_site_chosen)
        self.trials.failed.connect(lambda why: self.told.emit(warning([why])))
        self._rehearsal.siteChosen.connect(self._on_site_chosen)
        self._rehearsal.runRequested.connect(self._ask_to_run)
        self._comparer.told.connect(self.compared)
        button.sweepRequested.connect(self._on_sweep_requested)
        button.sitesRequested.connect(self._on_sites_requested)
        button.testRequested.connect(self._on_test_requested)
        button.compareRequested.connect(self._on_compare_requested)
        button.runRequested.connect(lambda: self._ask_to_run(live.scene.experiment))
        self._desk.experimentChanged.connect(self._on_experiment_changed)
        self._desk.wellsChanged.connect(button.setWells)
        button.setWells(self._desk.wells)

    @property
    def is_busy(self) -> bool:
        """True while anything is tried."""
        return self.trials.is_busy or self._rehearsal.is_busy or self._comparer.is_busy

    def close(self) -> None:
        """Stop, and take away what is shown."""
        self.trials.close()
        self._rehearsal.close()
        self._comparer.end()

    def _on_opened(self) -> None:
        """What was tried with the pipeline before is not to be taken over into this one."""
        self._comparer.end()
        self.trials.forget(Sweep, "These were values of another pipeline.")

    def _on_experiment_changed(self, _experiment: object) -> None:
        """A site that is clicked is one of the open experiment."""
        self.trials.forget(Probes, "These were sites of another experiment.")
        self._rehearsal.forget()

    def setStep(self, name: str) -> None:
        """The step that is looked at; "" for none, of which there is nothing to try."""
        if self._step and not name:
            self.trials.clear()
        self._step = name

    def _run(self, what: Sweep | Probes) -> None:
        self.trials.run(
            what, self._document.value(), self._step, self._live.scene, self._live.view()
        )

    def _on_sweep_requested(self, setting: SettingSpec) -> None:
        self._run(sweep_of(self._document.value(), self._step, setting))

    def _follow(self) -> None:
        self.trials.follow(self._document.value(), self._step, self._live.scene, self._live.view())

    def _on_sites_requested(self, how: str) -> None:
        what = self._choose(how)
        if what is not None:
            self._run(what)

    def _on_test_requested(self, how: str) -> None:
        what = self._choose(how)
        if what is not None:
            self._rehearsal.run(what, self._document.value())

    def _choose(self, how: str) -> Probes | None:
        try:
            with Experiment.open(self._live.scene.experiment) as experiment:
                plate, wells = self._desk.choice.plate, self._desk.wells
                return choose_sites(experiment, how, _PROBES, seed=0, plate=plate, wells=wells)
        except TmapsError as error:
            self.told.emit(str(error))
            return None

    def _on_compare_requested(self, name: str) -> None:
        try:
            other = self._document.stored(name) if name else None
        except TmapsError as error:
            self.told.emit(str(error))
            return
        value, live = self._document.value(), self._live
        self._comparer.compare(value, other, live.scene, live.images)

    def _compare_again(self, shown: Shown) -> None:
        if shown.preview.result is not None:  # all that is compared is in the cache
            live = self._live
            self._comparer.follow(self._document.value(), live.scene, live.images)

    def _on_site_chosen(self, plate: str, well: str, site: int) -> None:
        """Go to the site in the Experiment widget, if that is there."""
        if self._desk.is_kept:
            self._desk.go(
                replace(self._desk.choice, plate=plate, well=well, site=site, view=View.SITE)
            )
        else:
            self.told.emit("Open the Experiment widget to go to a site.")

    def _ask_to_run(self, experiment: str) -> None:
        try:
            self._document.save()
        except TmapsError as error:
            self.told.emit(str(error))
            return
        dialog = RunDialog(experiment, self._document.value(), self._widget)
        dialog.submitted.connect(
            lambda number: self.told.emit(
                f"Submission {number} runs, also when this window is closed. The Experiment "
                "widget shows how far it is."
            )
        )
        dialog.open()
