"""Work on the open experiment, of this window or another process, in one row for both."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

from qtpy.QtCore import QObject, Signal  # type: ignore[attr-defined]

from napari_tmaps.errors import TmapsError
from napari_tmaps.gui.import_page import ImportPage
from napari_tmaps.gui.plates_tree import PlatesTree
from napari_tmaps.gui.progress_row import ProgressRow
from napari_tmaps.gui.site_page import SitePage
from napari_tmaps.gui.start_page import StartPage
from napari_tmaps.gui.work_watch import Watched, WorkWatch
from napari_tmaps.gui.workers import Outcome, Work
from napari_tmaps.model.progress import Progress
from napari_tmaps.store.experiment import Experiment


class ShownWork(QObject):
    """Works in the background, watches others that work, and lets the pages wait meanwhile.

    Parameters
    ----------
    row
        Shows how far it is, and cancels; is also the parent.
    start_page, import_page, site_page, plates_tree
        Start nothing else while work goes on.

    Attributes
    ----------
    watch
        Who works on the experiment.
    """

    said = Signal(str)
    """What went wrong, or "" when work begins."""
    ended = Signal()
    """This window has ended its work, and shown what came of it."""
    endedElsewhere = Signal()
    """Another process has ended its work."""

    def __init__(
        self,
        row: ProgressRow,
        start_page: StartPage,
        import_page: ImportPage,
        site_page: SitePage,
        plates_tree: PlatesTree,
    ) -> None:
        super().__init__(row)
        self._row, self._site_page, self._plates_tree = row, site_page, plates_tree
        self._makers = (start_page, import_page)
        self._who, self._has_ended = "", False
        self._after: Callable[[Any], None] = lambda value: None
        self._work = Work(self)
        self.watch = WorkWatch(self)
        row.cancelRequested.connect(self._on_cancel)
        self.watch.changed.connect(self._on_watched)
        self.watch.failed.connect(self._on_stop_failed)
        self._work.progressed.connect(row.show_progress)
        self._work.ended.connect(self._on_ended)

    @property
    def is_busy(self) -> bool:
        """True while this window works."""
        return self._work.is_running

    def start(
        self,
        title: str,
        make: Callable[[], Generator[Progress, None, Any]],
        after: Callable[[Any], None],
    ) -> None:
        """Begin work in the background; `after` gets what it returns.

        Does nothing while this window works.
        """
        if self.is_busy:
            return
        self.said.emit("")
        self._after = after
        self._row.begin(title)
        self._set_busy(True)
        self._work.start(title, make)

    def cancel(self) -> None:
        """End the work of this window."""
        self._work.cancel()

    def setExperiment(self, experiment: Experiment | None) -> None:
        """Watch who else works on another experiment, or on none."""
        self._who, self._has_ended = "", False
        self.watch.setExperiment(experiment)

    def _set_busy(self, busy: bool) -> None:
        self._site_page.setBusy(busy)
        self._plates_tree.setBusy(busy, importing=False)
        for page in self._makers:
            page.setEnabled(not busy)

    def _on_ended(self, outcome: Outcome) -> None:
        self._row.end()
        self._set_busy(False)
        if outcome.error:
            self.said.emit(outcome.error)
        elif outcome.cancelled:
            self.said.emit("Cancelled.")
        try:
            self._after(outcome.value)
        except TmapsError as error:
            self.said.emit(str(error))
        if outcome.failures:
            self.said.emit(outcome.problems())
        self.ended.emit()
        if not self.is_busy:  # what others did meanwhile
            self._row.begin(self._who)
            self._on_watched(self.watch.value())

    def _on_cancel(self) -> None:
        """End what is shown, and nothing else."""
        if self.is_busy:
            self.cancel()
        else:
            self.watch.stop_work()

    def _on_stop_failed(self, sentence: str) -> None:
        self.said.emit(sentence)
        if self._who and not self.is_busy:
            self._row.begin(self._who)

    def _on_watched(self, seen: Watched) -> None:
        """Work of another process is shown like our own, once ours has ended."""
        self._plates_tree.setBusy(bool(seen.who) or self.is_busy, importing=seen.imports)
        before, who = self._who, seen.who if seen.elsewhere else ""
        self._who = who
        self._has_ended |= bool(before) and who != before
        if self.is_busy:
            return
        self._site_page.setBusy(bool(who))
        if not who:
            self._row.end()
        else:
            if who != before:
                self._row.begin(who)
            self._row.show_progress(seen.progress)
        if self._has_ended:
            self._has_ended = False
            self.endedElsewhere.emit()
