"""The pipeline that is edited: its name, its journal, and the shelf that it lies on."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import QObject, QStandardPaths, Signal  # type: ignore[attr-defined]

from napari_tmaps.errors import TmapsError
from napari_tmaps.gui.facts import READY
from napari_tmaps.gui.pipeline_saver import PipelineSaver
from napari_tmaps.model.pipeline import PipelineDescription
from napari_tmaps.pipeline import ready_pipelines
from napari_tmaps.pipeline.history import History
from napari_tmaps.pipeline.shelf import Shelf


class PipelineDocument(QObject):
    """Every edit is in the journal at once, and in the file a moment later.

    Signals
    -------
    changed
        The pipeline was edited.
    opened
        From now on it is another pipeline.
    chosen
        Key of the pipeline that somebody opened or edited, as it is in its file now.
    failed
        Why something could not be done; the pipeline is as it was.
    """

    changed = Signal()
    opened = Signal()
    chosen = Signal(str)
    failed = Signal(str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._shelf = Shelf(_own_folder())
        self._history = History(PipelineDescription())
        self._saver = PipelineSaver(self)
        self._saver.saved.connect(self.chosen)
        self._saver.failed.connect(self.failed)
        self.name = ""

    def value(self) -> PipelineDescription:
        """The pipeline as it is now."""
        return self._history.pipeline

    @property
    def history(self) -> History:
        """What was done so far."""
        return self._history

    def names(self) -> tuple[str, ...]:
        """Pipelines of the shelf."""
        return self._shelf.names()

    def stored(self, name: str) -> PipelineDescription:
        """Another pipeline of the shelf.

        Raises
        ------
        TmapsError
            It cannot be read.
        """
        return self._shelf.open(name).pipeline

    # -- edits ----------------------------------------------------------------------------------

    def edit(self, pipeline: PipelineDescription, what: str, key: str = "") -> bool:
        """Change the pipeline; False if it is as it was.

        Parameters
        ----------
        what
            The edit in words.
        key
            Edits of the same key that follow each other are undone as one; "" for none.
        """
        before = self.value()
        try:
            if not self.name:
                self.name, self._history = self._shelf.start(before)
            self._history.edit(pipeline, what, key)
        except TmapsError as error:
            self.failed.emit(str(error))
        if self.value() == before:
            return False
        self._on_changed()
        return True

    def undo(self) -> None:
        """Take back the last edit."""
        self._go(self._history.at - 1)

    def redo(self) -> None:
        """Do again what was taken back."""
        self._go(self._history.at + 1)

    def _go(self, at: int) -> None:
        try:
            self._history.go(at)
        except TmapsError as error:
            self.failed.emit(str(error))
        self._on_changed()

    def _on_changed(self) -> None:
        self._saver.save(self._shelf, self.name, self.value())
        self.changed.emit()

    # -- other pipelines ------------------------------------------------------------------------

    def open(self, name: str, *, is_ready: bool = False) -> bool:
        """Go on with a pipeline of the shelf, or with a ready one, "" being the empty one."""
        try:
            self._saver.finish()
            if is_ready:
                self.begin(ready_pipelines()[name] if name else PipelineDescription())
            else:
                self._take(name, self._shelf.open(name))
        except TmapsError as error:
            self.failed.emit(str(error))
            return False
        if name:
            self.chosen.emit(READY + name if is_ready else str(self._shelf.path(name)))
        return True

    def begin(self, pipeline: PipelineDescription) -> None:
        """Put a pipeline on the shelf, and go on with it.

        Raises
        ------
        TmapsError
            It cannot be written.
        """
        self._saver.finish()
        self._take(*self._shelf.start(pipeline))

    def copy_as(self, name: str) -> None:
        """Go on with a copy of another name."""
        try:
            name, history = self._shelf.start(self.value(), name)
            history.edit(history.pipeline.model_copy(update={"name": name}), f"Copy as {name}")
            self._shelf.save(name, history.pipeline)
        except TmapsError as error:
            self.failed.emit(str(error))
        else:
            self._take(name, history)
            self.chosen.emit(str(self._shelf.path(name)))

    def change_shelf(self, experiment: str, first: str = "") -> None:
        """Go on with the pipelines of an experiment; "" for those of the user.

        If none of them can be read, a copy of the one that was edited takes another name there.

        Parameters
        ----------
        first
            Name of the one to go on with, if there is one of that name.
        """
        self._saver.finish()
        self._shelf = Shelf(Path(experiment) / "pipelines" if experiment else _own_folder())
        # Nothing is written here under the name, and into the journal, of the shelf before.
        self.name, self._history = "", History(self.value())
        problems = []
        for name in (*sorted(self.names(), key=lambda name: name != first), ""):
            try:
                if name:
                    self._take(name, self._shelf.open(name))
                elif self.value().pipeline:
                    self.begin(self.value())
                break
            except TmapsError as error:
                problems.append(str(error))
        if problems:
            self.failed.emit("\n".join(problems))

    def save(self) -> None:
        """Write the file now, also where nothing was edited yet.

        Raises
        ------
        TmapsError
            It cannot be written.
        """
        if not self.name:
            self.begin(self.value())
        self._saver.save(self._shelf, self.name, self.value())
        self.settle()

    def settle(self) -> None:
        """Have every edit in the file, for whoever reads that next.

        Raises
        ------
        TmapsError
            It cannot be written.
        """
        self._saver.finish()
        if self._saver.fault is not None:
            raise self._saver.fault

    def close(self) -> None:
        """Write what is left, and end."""
        self._saver.close()

    def _take(self, name: str, history: History) -> None:
        self.name, self._history = name, history
        self.opened.emit()


def _own_folder() -> Path:
    place = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.GenericDataLocation)
    return Path(place) / "napari-tmaps" / "pipelines"
