"""What the restless user of `monkey` does with objects: gates, classes, results, corrections."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from qtpy.QtCore import Qt

from napari_tmaps.gui.arrangement import show_widget
from napari_tmaps.gui.edit_layer import Hand
from napari_tmaps.gui.map_values import measures
from napari_tmaps.gui.object_rows import RowChoice
from napari_tmaps.gui.plot_state import PlotChoice, PlotKind

Action = Callable[[], str]


class Explorer:
    """Explores and corrects the objects of whatever is open; each method is one action.

    Parameters
    ----------
    viewer
        Its widgets are shown.
    chance
        Decides what is done.
    folder
        Where exports go.
    """

    def __init__(self, viewer: Any, chance: random.Random, folder: Path) -> None:
        self.viewer, self.random, self.folder = viewer, chance, folder
        self.find_widgets()
        self.actions: list[tuple[int, Action]] = [
            (2, self.open_type),
            (2, self.filter),
            (2, self.plot),
            (2, self.gate),
            (2, self.change_gates),
            (2, self.colour_wells),
            (2, self.choose_row),
            (2, self.select),
            (2, self.sort_gallery),
            (2, self.assign),
            (1, self.train),
            (2, self.run_tool),
            (2, self.change_results),
            (1, self.export),
            (3, self.correct),
            (2, self.end_correcting),
        ]

    def find_widgets(self) -> None:
        """Dock the widgets that are not there."""
        self.experiment: Any = show_widget(self.viewer, "Experiment")
        self.objects: Any = show_widget(self.viewer, "Objects")
        self.classes: Any = show_widget(self.viewer, "Classes")
        self.gallery: Any = show_widget(self.viewer, "Gallery")
        self.results: Any = show_widget(self.viewer, "Results")
        self.editing: Any = show_widget(self.viewer, "Edit objects")
        self.book = self.objects.book

    @property
    def is_busy(self) -> bool:
        """True while something goes on in the background."""
        return any(widget.is_busy for widget in (self.results, self.editing, self.classes))

    def open_type(self) -> str:
        types = self.book.object_types
        if not types:
            return "no objects"
        self.objects.type_box.setCurrentText(self.random.choice(types))
        self.objects.type_box.activated.emit(self.objects.type_box.currentIndex())
        return str(self.book.object_type)

    # -- Objects --------------------------------------------------------------------------------

    def filter(self) -> str:
        name = self._number()
        text = self.random.choice(
            ("", "well == 'B03'", "nonsense >", f"`{name}` > 50", "site == 1 and label < 9")
        )
        panel = self.objects.table
        panel.setValue(RowChoice(text, self.random.choice(("", name)), self.random.random() < 0.5))
        if panel.gate_button.isEnabled() and self.random.random() < 0.4:
            panel.gate_button.click()
        return text

    def plot(self) -> str:
        kind = self.random.choice(list(PlotKind))
        names = [self._number() for _ in range(2)]
        self.objects.plot.setValue(PlotChoice(kind, *names, self.random.choice(("well", "site"))))
        return kind.value

    def gate(self) -> str:
        state = self.objects.plot.state
        if state is None:
            return "no plot"
        corners = [(self.random.gauss(500, 400), self.random.gauss(500, 400)) for _ in range(5)]
        self.objects.plot.view.drawn.emit(corners, self.random.random() < 0.5)
        return "drawn"

    def change_gates(self) -> str:
        gates = self.objects.gates
        found = [gates.list.topLevelItem(n) for n in range(gates.list.topLevelItemCount())]
        if not found:
            return "no gates"
        item = self.random.choice(found)
        what = self.random.choice(("tick", "tick", "and", "or", "not", "Delete"))
        if what == "tick":
            on = item.checkState(0) == Qt.CheckState.Checked
            item.setCheckState(0, Qt.CheckState.Unchecked if on else Qt.CheckState.Checked)
            return what
        gates.list.clearSelection()
        for each in self.random.sample(found, min(len(found), 2)):
            each.setSelected(True)
        return f"{what} {self._press(gates.buttons[what])}"

    def choose_row(self) -> str:
        if self.book.data is None or not len(self.book.data.table):
            return "no rows"
        row = self.random.randrange(len(self.book.data.table))
        self.book.go(row)
        return str(row)

    def colour_wells(self) -> str:
        opened = self.experiment.experiment
        if opened is None:
            return "nothing is open"
        measure = self.random.choice(measures(opened))
        panel = self.experiment.site_page.map_panel
        panel.setValue(measure)
        panel.objects_box.setChecked(self.random.random() < 0.5)
        return str(measure)

    # -- Classes and Gallery --------------------------------------------------------------------

    def select(self) -> str:
        buttons = self.classes.selections.buttons
        what = self.random.choice(("New", "New", "Undo", "Delete"))
        return f"{what} {self._press(buttons[what])}"

    def sort_gallery(self) -> str:
        self.gallery.number.setValue(self.random.choice((5, 20, 60)))
        self.gallery.turn.toggle()
        self.gallery.population.setCurrentIndex(
            self.random.randrange(max(1, self.gallery.population.count()))
        )
        self.gallery.population.activated.emit(self.gallery.population.currentIndex())
        return self.gallery.population.currentText()

    def assign(self) -> str:
        names = list(self.book.selections)
        rows = len(self.gallery.rows)
        if not names or not rows:
            return "nothing to sort"
        to = self.random.choice(["", *names])
        self.gallery.assign(self.random.sample(range(rows), min(rows, 4)), to)
        return to

    def train(self) -> str:
        if self.classes.classifier.is_busy:
            return "busy"
        self.classes.classifier.train()
        return self.book.object_type

    # -- Results --------------------------------------------------------------------------------

    def run_tool(self) -> str:
        if self.results.is_busy or self.book.data is None:
            return "busy or empty"
        box = self.results.tool_box
        self.results.setTool(str(box.itemData(self.random.randrange(box.count()))))
        return f"{box.currentText()} {self._press(self.results.run_button)}"

    def change_results(self) -> str:
        shown = self.results.results
        if not shown.list.count():
            return "no results"
        item = shown.list.item(self.random.randrange(shown.list.count()))
        shown.list.setCurrentItem(item)
        what = self.random.choice(("tick", "tick", "opacity", "rename", "delete"))
        if what == "tick" and item.flags() & Qt.ItemFlag.ItemIsUserCheckable:
            on = item.checkState() == Qt.CheckState.Checked
            item.setCheckState(Qt.CheckState.Unchecked if on else Qt.CheckState.Checked)
        elif what == "opacity":
            shown.slider.setValue(self.random.randrange(101))
        elif what == "rename":
            item.setText(self.random.choice(("mine", "yours", "", "a/b")))
        elif what == "delete":
            shown.delete_button.click()
        return what

    def export(self) -> str:
        if self.results.is_busy or self.book.data is None:
            return "busy or empty"
        key, ending = self.random.choice(
            (("objects", ".csv"), ("wells", ".parquet"), ("outlines", ".geojson"), ("plate", ""),
             ("crops", ""), ("report", ".html"), ("crate", ""))
        )  # fmt: skip
        path = self.folder / f"objects{self.random.randrange(3)}{ending}"
        self.results.export_button.requested.emit(key, None if key in ("plate", "crate") else path)
        return key

    # -- Edit objects ---------------------------------------------------------------------------

    def correct(self) -> str:
        """One stroke at the site that is shown."""
        widget = self.editing
        if widget.layer is None:
            if not (widget.type_box.count() and widget.edit_button.isEnabled()):
                return "nothing to edit"
            widget.edit_button.click()
            if widget.layer is None:
                return "refused"
        height, width = widget.layer.data.shape[-2:]
        y, x = self.random.randrange(height), self.random.randrange(width)
        hand = self.random.choice(list(Hand))
        widget.setHand(hand)
        if hand in (Hand.SPLIT, Hand.MERGE, Hand.DELETE):
            widget.stroke(hand, (0, 0, y, x), (0, 0, height - y, width - x))
        else:
            rows, columns = np.mgrid[max(y - 5, 0) : y + 5, max(x - 5, 0) : x + 5]
            inside = (rows < height) & (columns < width)
            rows, columns = rows[inside], columns[inside]
            label = 0 if hand is Hand.ERASE else int(widget.layer.data.max()) + 1
            place = (np.zeros_like(rows), np.zeros_like(rows), rows, columns)
            widget.layer.data_setitem(place, label)
        return hand.value

    def end_correcting(self) -> str:
        widget = self.editing
        buttons = {
            "save": widget.save_button,
            "discard": widget.discard_button,
            "end": widget.edit_button,
            "undo": widget.history.undo_button,
            "redo": widget.history.redo_button,
        }
        what = self.random.choice(list(buttons))
        if what == "end" and not widget.edit_button.isChecked():
            return "nothing is edited"
        return f"{what} {self._press(buttons[what])}"

    def _number(self) -> str:
        data = self.book.data
        names = (
            [] if data is None else [name for name in data.table.features if name != "is_border"]
        )
        return self.random.choice(names) if names else ""

    def _press(self, button: Any) -> str:
        if not button.isEnabled():
            return "disabled"
        button.click()
        return "pressed"
