"""What the widgets of one window share: the open experiment, what is looked at, what was chosen.

The Experiment widget keeps it: it opens experiments and shows what others ask for. All others
listen and ask, and none needs to know another.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Signal  # type: ignore[attr-defined]

from napari_tmaps.gui.drawing import draw_in_own_context
from napari_tmaps.gui.leaving import leave_in_order
from napari_tmaps.gui.map_picture import Place
from napari_tmaps.gui.map_status import PickedObject
from napari_tmaps.gui.state import Choice
from napari_tmaps.store.experiment import Experiment

if TYPE_CHECKING:
    import pandas as pd
    from napari.components import ViewerModel


Locate = Callable[[Place, tuple[float, float]], tuple[float, float] | None]


@dataclass(frozen=True, eq=False)
class ObjectColours:
    """How the objects of one type are coloured on the map.

    Attributes
    ----------
    values
        With the index plate, well, site, t, label; NaN is not coloured. Its name is shown.
    classes
        (name, "#rrggbb") of the values 0, 1, 2 …; empty if the values are numbers on a scale.
    """

    object_type: str
    values: pd.Series[Any]
    classes: tuple[tuple[str, str], ...] = ()


class Desk(QObject):
    """Shared by the widgets of one window; see `desk_of`.

    Signals
    -------
    experimentChanged
        The open `Experiment`, or None. Before an experiment is closed, None is sent: let go of it.
    choiceChanged
        The `Choice` that is shown.
    choiceRequested
        A `Choice` that somebody asks to be shown.
    wellsChanged
        Names of the wells of the shown plate that are marked on the plate map.
    timeChanged
        Another time point is looked at, or images with more or fewer of them.
    objectPicked
        The `PickedObject` that was clicked on the map, or chosen in a table.
    coloursChanged
        `ObjectColours`, or None.
    resultsChanged
        The results that lie over the map: `ObjectColours` by the name of the layer.
    tablesChanged
        Name of an object type whose features, results, gates or selections have changed on disk;
        "" for all.
    selectionsChanged
        Selections of the open objects were made, changed or removed in this window.
    pipelineChosen
        Key of the pipeline that somebody opened or edited, as it is in its file now.
    filesArrived
        Files of an experiment on a server have come that somebody was told to wait for.
    """

    experimentChanged = Signal(object)
    choiceChanged = Signal(object)
    choiceRequested = Signal(object)
    wellsChanged = Signal(object)
    timeChanged = Signal()
    objectPicked = Signal(object)
    coloursChanged = Signal(object)
    resultsChanged = Signal(object)
    tablesChanged = Signal(str)
    selectionsChanged = Signal()
    pipelineChosen = Signal(str)
    filesArrived = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._experiment: Experiment | None = None
        self._choice = Choice()
        self._wells: frozenset[str] = frozenset()
        self._time, self._times = 0, 1
        self._colours: ObjectColours | None = None
        self._results: dict[str, ObjectColours] = {}
        self.is_kept = False
        """Whether there is an Experiment widget, which shows what is asked for."""
        self.locate: Locate = _nowhere
        """Of the Experiment widget: where a pixel (y, x) of a site lies in the world; None if that
        site is not shown."""
        self.settle: Callable[[], None] = _nothing
        """Of the Pipeline widget: have in its file what was edited, before that is run; raises
        `TmapsError` if it cannot be written."""
        self.unsaved = ""
        """Of the Edit widget: what would be lost if the experiment was closed now, in words."""

    @property
    def experiment(self) -> Experiment | None:
        """The open experiment; whoever reads it here does not close it."""
        return self._experiment

    @property
    def choice(self) -> Choice:
        """What is shown."""
        return self._choice

    @property
    def wells(self) -> frozenset[str]:
        """The wells of the shown plate that are marked on the plate map."""
        return self._wells

    @property
    def time(self) -> int:
        """The time point that is looked at; 0 where images have only one."""
        return self._time

    @property
    def times(self) -> int:
        """How many time points the shown images have."""
        return self._times

    @property
    def colours(self) -> ObjectColours | None:
        """How objects are coloured; None if they are not."""
        return self._colours

    def setExperiment(self, experiment: Experiment | None) -> None:
        """Of the Experiment widget alone: another experiment is open, or none."""
        if experiment is not self._experiment:
            self.setColours(None)
            self.setResults({})
            self._experiment, self._choice = experiment, Choice()
            self.experimentChanged.emit(experiment)

    def leave(self) -> None:
        """Of the Experiment widget alone: it is gone."""
        self.is_kept, self.locate = False, _nowhere
        self.setWells(frozenset())
        self.setTime(0, 1)
        self.setExperiment(None)

    def leave_pipeline(self, settle: Callable[[], None]) -> None:
        """Of the Pipeline widget alone: it is gone; another one may be there already."""
        if self.settle == settle:
            self.settle = _nothing

    def setChoice(self, choice: Choice) -> None:
        """Of the Experiment widget alone: something else is shown."""
        if choice != self._choice:
            self._choice = choice
            self.choiceChanged.emit(choice)

    def setWells(self, wells: frozenset[str]) -> None:
        """Of the Experiment widget alone: other wells are marked."""
        if wells != self._wells:
            self._wells = wells
            self.wellsChanged.emit(wells)

    def setTime(self, time: int, times: int) -> None:
        """Of the Experiment widget alone: another time point of so many is looked at."""
        if (time, times) != (self._time, self._times):
            self._time, self._times = time, times
            self.timeChanged.emit()

    def go(self, choice: Choice) -> None:
        """Ask for a site, well or plate to be shown."""
        self.choiceRequested.emit(choice)

    def pick(self, found: PickedObject) -> None:
        """Tell all that an object was chosen."""
        self.objectPicked.emit(found)

    def setColours(self, colours: ObjectColours | None) -> None:
        """Colour the objects on the map, or no longer."""
        if colours is not self._colours:
            self._colours = colours
            self.coloursChanged.emit(colours)

    @property
    def results(self) -> dict[str, ObjectColours]:
        """The results that lie over the map, by the name of the layer."""
        return dict(self._results)

    def setResults(self, results: Mapping[str, ObjectColours]) -> None:
        """Lay results over the map; exactly these."""
        if dict(results) != self._results:
            self._results = dict(results)
            self.resultsChanged.emit(self.results)


def _nowhere(_place: Place, _pixel: tuple[float, float]) -> None:
    return None


def _nothing() -> None:
    """There is no Pipeline widget."""


_desks: dict[int, Desk] = {}


def desk_of(viewer: ViewerModel) -> Desk:
    """The desk of a viewer; made when first asked for, gone with the viewer."""
    viewer = getattr(viewer, "__wrapped__", viewer)  # napari gives plugins a proxy
    key = id(viewer)
    if key not in _desks:
        _desks[key] = Desk()
        draw_in_own_context(viewer)
        leave_in_order()
        weakref.finalize(viewer, _desks.pop, key, None)
    return _desks[key]
