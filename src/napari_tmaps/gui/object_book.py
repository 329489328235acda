"""The objects of one type that the widgets of a window work on together, with gates and selections.

The table of ten million objects is opened once for the table, the plots, the classes and the
gallery; each of them listens here, and tells here what it changes.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd
from qtpy.QtCore import QObject, Signal  # type: ignore[attr-defined]

from napari_tmaps.errors import TmapsError
from napari_tmaps.gui.desk import Desk, ObjectColours, desk_of
from napari_tmaps.gui.map_picture import Place
from napari_tmaps.gui.map_status import PickedObject
from napari_tmaps.gui.object_index import index_of, objects_of
from napari_tmaps.store.crops import CropReader
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.store.feature_table import Mask
from napari_tmaps.store.features import INDEX
from napari_tmaps.store.gates import Gate, GateStore
from napari_tmaps.store.selections import Selection, SelectionStore
from napari_tmaps.tools.gating import objects_in
from napari_tmaps.tools.run import open_data
from napari_tmaps.tools.values import PALETTE, ToolData

if TYPE_CHECKING:
    from napari.components import ViewerModel

Value = TypeVar("Value")

GATES = "gates"
"""Name of the colours of gates on the map."""


class ObjectBook(QObject):
    """Shared by the widgets of objects of one window; see `book_of`.

    Signals
    -------
    opened
        Other objects, or the same read anew; also when there are none any more.
    gatesChanged, selectionsChanged
        They were changed, on disk or in what is shown of them.
    rowPicked
        Row of the object that was clicked on the map, or chosen somewhere else.
    wentTo
        Row of an object that somebody asked to see on the map.
    clicked
        The `PickedObject` that was clicked on the map, of whatever type.
    offered
        Rows of objects that somebody wants to see beside each other, and what they are.
    failed
        A sentence for the user.
    """

    opened = Signal()
    gatesChanged = Signal()
    selectionsChanged = Signal()
    rowPicked = Signal(int)
    wentTo = Signal(int)
    clicked = Signal(object)
    offered = Signal(object, str)
    failed = Signal(str)

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self.desk = desk
        self._data: ToolData | None = None
        self._fault = ""
        self._colors: dict[str, str] = {}
        self._active: set[str] = set()
        self._masks: dict[str, tuple[Gate, Mask]] = {}
        self._index: pd.MultiIndex | None = None
        self._reader: CropReader | None = None
        self._is_going = False
        self._undo: list[tuple[str, Selection]] = []
        self._own_colours: ObjectColours | None = None
        desk.experimentChanged.connect(self._on_experiment_changed)
        desk.tablesChanged.connect(self._on_tables_changed)
        desk.filesArrived.connect(self._on_files_arrived)
        desk.objectPicked.connect(self._on_object_picked)
        self._on_experiment_changed(desk.experiment)

    # -- which objects --------------------------------------------------------------------------

    @property
    def data(self) -> ToolData | None:
        """The objects with gates and selections; None while there are none."""
        return self._data

    @property
    def fault(self) -> str:
        """Why there are none, though there is a table; "" if nothing is wrong."""
        return self._fault

    @property
    def object_types(self) -> list[str]:
        """Types that have a table."""
        experiment = self.desk.experiment
        return [] if experiment is None else experiment.features.object_types()

    @property
    def object_type(self) -> str:
        """The type; "" while there is none."""
        return "" if self._data is None else self._data.table.object_type

    @property
    def place(self) -> tuple[Path | None, str]:
        """Folder of the experiment, and type: others may be opened while a dialog is."""
        experiment = self.desk.experiment
        return None if experiment is None else experiment.path, self.object_type

    @property
    def reader(self) -> CropReader:
        """Reads crops of the open experiment."""
        if self._reader is None:
            self._reader = CropReader(self._experiment())
        return self._reader

    def open(self, object_type: str) -> None:
        """Work on the objects of another type, or read the same anew."""
        data = None
        colors: dict[str, str] = {}
        self._fault = ""
        try:
            if object_type:
                data = open_data(self._experiment(), object_type)
                colors = self._gates().colors(object_type)
        except TmapsError as error:
            data, self._fault = None, str(error)
        if self.object_type != object_type:
            self._active, self._undo = set(), []
        self._data, self._colors = data, colors
        self._masks, self._index, self._reader = {}, None, None
        faults = self._colour_anew()
        self.opened.emit()
        self.gatesChanged.emit()
        self.selectionsChanged.emit()
        for fault in faults:
            self.failed.emit(fault)

    def _experiment(self) -> Experiment:
        assert self.desk.experiment is not None, "nothing is offered without one"
        return self.desk.experiment

    def _gates(self) -> GateStore:
        return GateStore(self._experiment().path / "gates")

    def _selections(self) -> SelectionStore:
        return SelectionStore(self._experiment().path / "selections")

    # -- the object that is looked at -----------------------------------------------------------

    def go(self, row: int) -> None:
        """Show an object on the map."""
        rows = self.read(lambda data: data.table.index(np.array([row])), pd.DataFrame())
        if rows.empty:
            return
        one = rows.iloc[0]
        place = Place(str(one["plate"]), str(one["well"]), int(one["site"]))
        choice = replace(self.desk.choice, plate=place.plate, well=place.well, site=place.site)
        if choice != self.desk.choice:
            self.desk.go(choice)
        found = PickedObject(place, self.object_type, int(one["label"]), t=int(one["t"]))
        self._is_going = True
        self.desk.pick(found)
        self._is_going = False
        self.wentTo.emit(row)

    def read(self, value: Callable[[ToolData], Value], otherwise: Value) -> Value:
        """Something of the objects; what cannot be read now is told, and is something else."""
        if self._data is None:
            return otherwise
        try:
            return value(self._data)
        except TmapsError as error:
            self.failed.emit(str(error))
            return otherwise

    def row_of(self, found: PickedObject) -> int:
        """Row of an object; -1 if it is not in the table."""
        if self._data is None or found.object_type != self.object_type:
            return -1
        return self.read(lambda data: int(data.table.rows_of(objects_of([found]))[0]), -1)

    def middles(self, objects: pd.DataFrame) -> npt.NDArray[np.float64]:
        """Middle (y, x) of objects in the pixels of their sites; NaN for those that are gone."""
        return self.reader.middles(self.object_type, objects)

    # -- gates ----------------------------------------------------------------------------------

    def gate_color(self, name: str) -> str:
        """ "#rrggbb" of a gate."""
        gates = list(self._data.gates) if self._data is not None else []
        place = gates.index(name) if name in gates else len(gates)
        return self._colors.get(name, PALETTE[place % len(PALETTE)])

    @property
    def active_gates(self) -> list[str]:
        """Names of the gates that colour the map, in order."""
        return [name for name in (self._data.gates if self._data else ()) if name in self._active]

    def gate_mask(self, name: str) -> Mask:
        """Which objects lie in a saved gate; worked out once.

        Raises
        ------
        TmapsError
            It cannot be used now, e.g. because a column is gone.
        """
        assert self._data is not None, "there are gates"
        gate = self._data.gates[name]
        known = self._masks.get(name)
        if known is None or known[0] != gate:
            known = (gate, objects_in(gate, self._data.table, self._data.gates))
            self._masks[name] = known
        return known[1]

    def save_gate(self, name: str, gate: Gate, color: str = "") -> bool:
        """Keep a gate and colour its objects; False, and said, if it does not fit."""
        return self._change_gates(
            lambda: self._gates().save(
                self.object_type, name, gate, color or self.gate_color(name)
            ),
            {name},
        )

    def rename_gate(self, old: str, new: str) -> None:
        """Give a gate another name."""
        if old != new:
            more = {new} if old in self._active else set()
            self._change_gates(lambda: self._gates().rename(self.object_type, old, new), more)

    def remove_gate(self, name: str) -> None:
        """Forget a gate."""
        self._change_gates(lambda: self._gates().remove(self.object_type, name))

    def set_gate_active(self, name: str, is_active: bool) -> None:
        """Colour the objects of a gate, or no longer."""
        (self._active.add if is_active else self._active.discard)(name)
        self._tell_gates()

    def free_gate_name(self) -> str:
        """A name that no gate has."""
        taken = self._data.gates if self._data is not None else {}
        return next(f"gate {n}" for n in range(1, len(taken) + 2) if f"gate {n}" not in taken)

    def _change_gates(self, change: Any, activate: set[str] = frozenset()) -> bool:  # type: ignore[assignment]
        assert self._data is not None, "gates are of objects"
        try:
            change()
            gates = self._gates().load(self.object_type)
            self._colors = self._gates().colors(self.object_type)
        except TmapsError as error:
            self.failed.emit(str(error))
            return False
        # A gate that joins others is another one when these are.
        if any(gates.get(name) != gate for name, gate in self._data.gates.items()):
            self._masks = {}
        self._data = replace(self._data, gates=gates)
        self._active = (self._active | activate) & set(gates)
        self._tell_gates()
        return True

    def _tell_gates(self) -> None:
        """The map first; what is wrong with a gate last, so that it stays to be read."""
        faults = self._show_gates()
        self.gatesChanged.emit()
        for fault in faults:
            self.failed.emit(fault)

    def _show_gates(self) -> list[str]:
        """Colour the map; returns why some gates cannot be used."""
        faults = []
        masks: dict[str, Mask] = {}
        for name in self.active_gates:
            try:
                masks[name] = self.gate_mask(name)
            except TmapsError as error:
                faults.append(str(error))
        if masks:
            assert self._data is not None, "gates are of objects"
            values = np.full(len(self._data.table), np.nan, np.float32)
            # An object of several gates has the colour of the first, which is put over the others.
            for number, mask in reversed([*enumerate(masks.values())]):
                np.copyto(values, number, where=mask)
            classes = tuple((name, self.gate_color(name)) for name in masks)
            self.colour(values, GATES, classes)
        elif self._own_colours is self.desk.colours:
            self._own_colours = None
            self.desk.setColours(None)
        return faults

    def _colour_anew(self) -> list[str]:
        """Colour what is open now by its gates, if theirs are shown; returns as `_show_gates`."""
        own = self._own_colours
        if own is None or own is not self.desk.colours:
            return []
        is_of_gates = own.values.name == GATES or own.object_type != self.object_type
        return self._show_gates() if is_of_gates else []

    def colour(
        self,
        values: npt.NDArray[np.float32],
        name: str,
        classes: Sequence[tuple[str, str]],
    ) -> None:
        """Colour the objects on the map: a value for each row, or the number of its class."""
        if self._index is None:
            self._index = self.read(lambda data: index_of(data.table), None)
        if self._index is None:
            return
        series = pd.Series(values, index=self._index, name=name)
        self._own_colours = ObjectColours(self.object_type, series, tuple(classes))
        self.desk.setColours(self._own_colours)

    def uncolour(self, name: str) -> None:
        """Take such colours off the map again."""
        own = self._own_colours
        if own is not None and own is self.desk.colours and own.values.name == name:
            self._own_colours = None
            self.desk.setColours(None)

    # -- selections -----------------------------------------------------------------------------

    @property
    def selections(self) -> dict[str, Selection]:
        """The selections by name."""
        return dict(self._data.selections) if self._data is not None else {}

    def selected(self, name: str) -> tuple[npt.NDArray[np.int64], pd.DataFrame]:
        """Rows of the objects of a selection, ascending; and its objects that are gone."""
        nothing = np.empty(0, np.int64), pd.DataFrame(columns=INDEX)
        return self.read(lambda data: data.selections[name].rows(data.table), nothing)

    def save_selection(self, name: str, selection: Selection | None) -> bool:
        """Add or replace a selection; None removes it. Can be undone."""
        before = self.selections.get(name)
        after = {key: value for key, value in self.selections.items() if key != name}
        if selection is not None:
            after = {**self.selections, name: selection}
        done = self._write_selections(after)
        if done and before is not None and selection is not None:
            self._undo.append((name, before))
        return done

    def rename_selection(self, old: str, new: str) -> bool:
        """Give a selection another name; it keeps its place."""
        if new in self.selections and new != old:
            self.failed.emit(f"There is a selection '{new}' already. Choose another name.")
            return False
        renamed = {new if name == old else name: one for name, one in self.selections.items()}
        return self._write_selections(renamed)

    def toggle(self, name: str, objects: pd.DataFrame) -> None:
        """Add objects to a selection, or take them out where they are in it."""
        self.save_selection(name, self.selections[name].toggled(objects))

    def move(self, objects: pd.DataFrame, to: str, classes: Sequence[str]) -> None:
        """Put objects into one selection and take them out of others of these."""
        after = self.selections
        for name in classes:
            inside = after[name].objects
            rest = pd.concat([inside, objects, objects]).drop_duplicates(keep=False)
            both = pd.concat([inside, objects]).drop_duplicates(ignore_index=True)
            kept = both if name == to else rest.reset_index(drop=True)
            if len(kept) != len(inside):
                self._undo.append((name, after[name]))
            after[name] = replace(after[name], objects=kept)
        self._write_selections(after)

    @property
    def can_undo(self) -> bool:
        """Whether there is a change of a selection to take back."""
        return bool(self._undo)

    def undo(self) -> None:
        """Take the last change of a selection back."""
        while self._undo:
            name, before = self._undo.pop()
            if name in self.selections:  # not renamed or removed since
                self._write_selections({**self.selections, name: before})
                return

    def _write_selections(self, selections: dict[str, Selection]) -> bool:
        assert self._data is not None, "selections are of objects"
        try:
            self._selections().save(self.object_type, selections)
        except TmapsError as error:
            self.failed.emit(str(error))
            return False
        self._data = replace(self._data, selections=selections)
        self.selectionsChanged.emit()
        self.desk.selectionsChanged.emit()
        return True

    # -- what others do -------------------------------------------------------------------------

    def _on_experiment_changed(self, experiment: Experiment | None) -> None:
        types = self.object_types
        self._own_colours = None
        self.open(types[0] if types else "")

    def _on_tables_changed(self, object_type: str) -> None:
        types = self.object_types
        if object_type in ("", self.object_type) or not self.object_type:
            kept = self.object_type if self.object_type in types else ""
            self.open(kept or (types[0] if types else ""))

    def _on_files_arrived(self) -> None:
        types = self.object_types
        if self._data is None and types:
            self.open(types[0])

    def _on_object_picked(self, found: PickedObject) -> None:
        row = self.row_of(found)
        if row >= 0:
            self.rowPicked.emit(row)
        if not self._is_going:
            self.clicked.emit(found)


_books: dict[int, ObjectBook] = {}


def book_of(viewer: ViewerModel) -> ObjectBook:
    """The book of a viewer; made when first asked for, gone with the viewer."""
    viewer = getattr(viewer, "__wrapped__", viewer)  # napari gives plugins a proxy
    key = id(viewer)
    if key not in _books:
        _books[key] = ObjectBook(desk_of(viewer))
        weakref.finalize(viewer, _books.pop, key, None)
    return _books[key]
