"""The gates of the objects: on and off, colours, names, numbers; joined and removed."""

from __future__ import annotations

from dataclasses import dataclass

from qtpy.QtCore import QSignalBlocker, Qt
from qtpy.QtGui import QColor
from qtpy.QtWidgets import (
    QAbstractItemView,
    QColorDialog,
    QHBoxLayout,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_tmaps.errors import TmapsError
from napari_tmaps.gui.colour_list import ColourList, name_of
from napari_tmaps.gui.object_book import ObjectBook
from napari_tmaps.gui.parts import push_button, wrapped
from napari_tmaps.store.gates import (
    CombinedGate,
    FilterGate,
    Gate,
    PolygonGate,
    RangeGate,
    RectangleGate,
)

_COUNTED_AT_ONCE = 1_000_000
"""Objects; of more of them a gate is counted when it is switched on."""


@dataclass(frozen=True)
class GateRow:
    """What is shown of a gate.

    Attributes
    ----------
    count
        Its objects; -1 while nobody has counted them.
    fault
        Why it cannot be used now; "" if it can.
    """

    name: str
    color: str
    is_active: bool
    text: str
    count: int = -1
    fault: str = ""


def gate_rows(book: ObjectBook) -> list[GateRow]:
    """All gates of the objects, in the order in which they were made."""
    if book.data is None:
        return []
    found = []
    for name, gate in book.data.gates.items():
        is_active = name in book.active_gates
        count, fault = -1, ""
        if is_active or len(book.data.table) <= _COUNTED_AT_ONCE:
            try:
                count = int(book.gate_mask(name).sum())
            except TmapsError as error:
                fault = str(error)
        text = describe(gate)
        found.append(GateRow(name, book.gate_color(name), is_active, text, count, fault))
    return found


def describe(gate: Gate) -> str:
    """A gate in words."""
    match gate:
        case RangeGate():
            return f"{gate.column} from {gate.low:.4g} to {gate.high:.4g}"
        case RectangleGate():
            return (
                f"{gate.x} from {gate.x_low:.4g} to {gate.x_high:.4g}, "
                f"{gate.y} from {gate.y_low:.4g} to {gate.y_high:.4g}"
            )
        case PolygonGate():
            return f"{gate.x} and {gate.y} within a polygon of {len(gate.vertices)} corners"
        case FilterGate():
            return gate.text
        case CombinedGate():
            parts = [part if isinstance(part, str) else describe(part) for part in gate.gates]
            if gate.kind == "not":
                return f"not {' and not '.join(parts)}"
            return f" {gate.kind} ".join(parts)


class GateList(QWidget):
    """Shows the gates of a book and changes them."""

    def __init__(self, book: ObjectBook, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._book = book
        self.list = ColourList("Gate")
        self.list.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self._hint = wrapped(
            "No gates yet: drag over the plot, or keep a filter of the table as a gate."
        )
        self.buttons = {
            name: push_button(name, tip)
            for name, tip in (
                ("and", "A gate of the objects that are in all chosen gates"),
                ("or", "A gate of the objects that are in any chosen gate"),
                ("not", "A gate of the objects that are in no chosen gate"),
                ("Colour", "Another colour for the chosen gate"),
                ("Delete", "Forget the chosen gates"),
            )
        }
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._hint)
        layout.addWidget(self.list)
        row = QHBoxLayout()
        for button in self.buttons.values():
            button.setMinimumWidth(10)
            row.addWidget(button)
        layout.addLayout(row)
        self.list.itemChanged.connect(self._on_item_changed)
        self.list.itemSelectionChanged.connect(self._enable)
        for kind in ("and", "or", "not"):
            self.buttons[kind].clicked.connect(lambda _=False, kind=kind: self.join(kind))
        self.buttons["Colour"].clicked.connect(self._on_colour)
        self.buttons["Delete"].clicked.connect(self._on_delete)
        book.gatesChanged.connect(self.refresh)
        self.refresh()

    def chosen(self) -> list[str]:
        """Names of the gates that are selected."""
        return self.list.chosen()

    def refresh(self) -> None:
        """Show the gates as they are now."""
        chosen = set(self.chosen())
        rows = gate_rows(self._book)
        with QSignalBlocker(self.list):
            items = self.list.setGroups([(row.name, row.color, _number(row)) for row in rows])
            for item, row in zip(items, rows, strict=True):
                self._fill(item, row)
                item.setSelected(row.name in chosen)
        self._hint.setVisible(not rows)
        self.list.setVisible(bool(rows))
        for button in self.buttons.values():
            button.setVisible(bool(rows))
        self._enable()

    def join(self, kind: str) -> None:
        """Make a gate of the chosen ones."""
        names = self.chosen()
        gate = CombinedGate(kind=kind, gates=tuple(names))  # type: ignore[arg-type]
        name = self._book.free_gate_name() if kind != "not" else f"not {' or '.join(names)}"
        taken = self._book.data.gates if self._book.data is not None else {}
        self._book.save_gate(name if name not in taken else self._book.free_gate_name(), gate)

    def _fill(self, item: QTreeWidgetItem, row: GateRow) -> None:
        item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
        item.setCheckState(0, Qt.CheckState.Checked if row.is_active else Qt.CheckState.Unchecked)
        for column in (0, 1):
            item.setToolTip(column, f"<qt>{row.fault or row.text}</qt>")

    def _enable(self) -> None:
        number = len(self.chosen())
        for name, button in self.buttons.items():
            least = 2 if name in ("and", "or") else 1
            button.setEnabled(number >= least and (name != "Colour" or number == 1))

    def _on_item_changed(self, item: QTreeWidgetItem, column: int) -> None:
        name = name_of(item)
        is_active = item.checkState(0) == Qt.CheckState.Checked
        if item.text(0) != name:
            self._book.rename_gate(name, item.text(0).strip())
            self.refresh()
        elif is_active != (name in self._book.active_gates):
            self._book.set_gate_active(name, is_active)

    def _on_colour(self) -> None:
        (name,) = self.chosen()
        before, place = QColor(self._book.gate_color(name)), self._book.place
        color = QColorDialog.getColor(before, self, f"Colour of {name}")
        gates = self._book.data.gates if self._book.data is not None else {}
        if color.isValid() and place == self._book.place and name in gates:
            self._book.save_gate(name, gates[name], color.name())

    def _on_delete(self) -> None:
        # Gates that join others first.
        for name in reversed(self.chosen()):
            self._book.remove_gate(name)


def _number(row: GateRow) -> str:
    count = "" if row.count < 0 else f"{row.count:,}"
    return "⚠" if row.fault else count
