"""Dock widget "Gallery": a wall of objects, sorted into classes with the keys or the mouse."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from qtpy.QtCore import QSignalBlocker, Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import (
    QComboBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from napari_tmaps.errors import TmapsError
from napari_tmaps.gui.class_bar import ClassBar
from napari_tmaps.gui.gallery_state import (
    NOTHING,
    RANDOM,
    SIZES,
    Chosen,
    GalleryChoice,
    Look,
    choose,
    fitting_size,
    found_looks,
    read,
    render,
)
from napari_tmaps.gui.gallery_view import Tile, WallView
from napari_tmaps.gui.latest import Latest
from napari_tmaps.gui.name_box import NameBox
from napari_tmaps.gui.object_marks import keys_of
from napari_tmaps.gui.object_page import ObjectPage
from napari_tmaps.gui.parts import Fault, push_button, timer, wrapped
from napari_tmaps.gui.plot_state import plottable
from napari_tmaps.gui.selection_list import new_selection
from napari_tmaps.gui.sight import Sight
from napari_tmaps.gui.workers import Outcome
from napari_tmaps.model.channels import display_colors
from napari_tmaps.store.crops import Crop
from napari_tmaps.store.selections import Selection
from napari_tmaps.tools.population import Population, populations
from napari_tmaps.tools.values import ToolData

if TYPE_CHECKING:
    import napari.viewer

_FILTER = "Filter …"
_MOST_CLASSES = 9  # one for each digit
_MOST_CROPS = 2000
_LOOK = ("contrast_limits", "colormap", "gamma", "visible")


class GalleryWidget(ObjectPage):
    """Edits a `GalleryChoice` and shows its objects.

    Parameters
    ----------
    viewer
        Its layers tell how channels are shown.
    """

    valueChanged = Signal(object)

    def __init__(self, viewer: napari.viewer.Viewer, parent: QWidget | None = None) -> None:
        super().__init__(viewer, parent)
        self._viewer = viewer
        self._choice = GalleryChoice()
        self._offered: npt.NDArray[np.int64] | None = None
        self._chosen = NOTHING
        self._crops: dict[int, Crop] = {}
        self._arrived: deque[Crop] = deque()
        self._looks: list[Look] = []
        self._work = Latest(self)
        self._sight = Sight(self, self.refresh)
        self._repaint = timer(self, 100, self._paint_all)
        self.population = QComboBox()
        self.population.setToolTip("Which objects: all, a gate, a selection, a class, or a filter")
        self.filter_line = QLineEdit()
        self.filter_line.setPlaceholderText("Filter, e.g. Area > 200 and well == 'B03'")
        self.sort = NameBox("Order of the objects: at random, or by a column")
        self.turn = push_button("↑", "Smallest or largest first", checkable=True)
        self.turn.setFixedWidth(32)
        self.number = QSpinBox()
        self.number.setRange(1, _MOST_CROPS)
        self.number.setKeyboardTracking(False)
        self.number.setToolTip("How many objects")
        self.size_box = QComboBox()
        self.size_box.setToolTip("Side of the pictures, in pixels of the image")
        self.fault = Fault()
        self.wall = WallView()
        self._hint = wrapped(
            "Keys: arrows move, 1–9 sort into a class, 0 takes out, Enter shows on the map."
        )
        self.class_bar = ClassBar()

        grid = QGridLayout()
        grid.setColumnStretch(1, 1)
        grid.addWidget(QLabel("Objects"), 0, 0)
        grid.addWidget(self.population, 0, 1)
        grid.addWidget(self.number, 0, 2)
        grid.addWidget(self.filter_line, 1, 1, 1, 2)
        grid.addWidget(QLabel("Order"), 2, 0)
        order = QHBoxLayout()
        order.addWidget(self.sort, 1)
        order.addWidget(self.turn)
        grid.addLayout(order, 2, 1)
        grid.addWidget(self.size_box, 2, 2)
        inside = QWidget()
        layout = QVBoxLayout(inside)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(grid)
        layout.addWidget(self.fault)
        layout.addWidget(self.wall, 1)
        layout.addWidget(self.class_bar)
        layout.addWidget(self._hint)
        self.add(inside)

        self.population.activated.connect(self._on_changed)
        self.filter_line.editingFinished.connect(self._on_changed)
        self.sort.valueChanged.connect(self._on_changed)
        self.turn.toggled.connect(self._on_changed)
        self.number.valueChanged.connect(self._on_changed)
        self.size_box.activated.connect(self._on_changed)
        self.wall.assigned.connect(self._on_assigned)
        self.wall.entered.connect(self._on_entered)
        self.class_bar.chosen.connect(lambda name: self.assign(self.wall.chosen(), name))
        self.class_bar.dropped.connect(self._on_dropped)
        self.class_bar.newRequested.connect(self._on_new_class)
        self._work.progressed.connect(self._take)
        self._work.ended.connect(self._on_worked)
        self.book.opened.connect(self._on_table_opened)
        self.book.gatesChanged.connect(self._offer)
        self.book.selectionsChanged.connect(self._on_selections_changed)
        self.book.offered.connect(self.show_rows)
        viewer.layers.events.inserted.connect(self._on_inserted)
        self.destroyed.connect(lambda: viewer.layers.events.inserted.disconnect(self._on_inserted))
        self._on_table_opened()

    def value(self) -> GalleryChoice:
        """What is shown."""
        return self._choice

    def setValue(self, choice: GalleryChoice) -> None:
        """Show others."""
        if choice != self._choice or self._offered is not None:
            self._choice, self._offered = choice, None
            self._show_choice()
            self.refresh()
            self.valueChanged.emit(choice)

    @property
    def is_busy(self) -> bool:
        """True while crops are read."""
        return self._work.is_running

    @property
    def rows(self) -> npt.NDArray[np.int64]:
        """Rows of the table of the objects on the wall."""
        return self._chosen.rows

    def show_rows(self, rows: npt.NDArray[np.int64], title: str) -> None:
        """Show these objects in their order, e.g. those of which a classifier is least sure."""
        self._offered = rows
        self.note.setText(title)
        self.refresh()

    def refresh(self) -> None:
        """Read the crops anew, if anybody looks."""
        data, experiment = self.book.data, self.book.desk.experiment
        self._work.cancel()
        self._crops.clear()
        if data is None or experiment is None or self._sight.waits():
            self._chosen = NOTHING
            self.wall.tiles.setTiles([])
            return
        self._say("")
        tiles: list[Tile] = []
        try:
            if self._offered is not None:
                rows = self._offered[: self._choice.number]
                size = self._choice.size_px or fitting_size(data.table)
                self._chosen = Chosen(rows, len(self._offered), size)
            else:
                self._chosen = choose(data, self._choice)
                self.note.setText(f"{len(self._chosen.rows):,} of {self._chosen.among:,}")
            tiles = self._tiles(data)
        except TmapsError as error:
            self._chosen = NOTHING
            self._say(str(error))
        chosen, reader = self._chosen, self.book.reader
        self.wall.tiles.setTiles(tiles)
        self._show_classes()
        if not len(chosen.rows):
            if not self.fault.text():
                self._say(f"{self._choice.population}: there are no objects in it.")
            return
        self._looks = self._layer_looks()
        channels = [look.channel for look in self._looks]
        if not channels:
            channels = [channel.name for channel in experiment.channels()]
        self._arrived = deque()
        arrived = self._arrived
        self._work.ask("", lambda: read(reader, data, chosen, channels, arrived))

    def assign(self, numbers: list[int], to: str) -> None:
        """Put tiles into a class, and out of the others; "" for none."""
        if not numbers:
            return
        rows = self._chosen.rows[np.array(numbers)]
        objects = self.book.read(lambda data: data.table.index(rows), None)
        if objects is not None:
            self.book.move(objects, to, list(self._classes()))

    # -- pictures -------------------------------------------------------------------------------

    def _take(self, _event: object = None) -> None:
        """Show the crops that have arrived."""
        while self._arrived:
            crop = self._arrived.popleft()
            self._crops[crop.number] = crop
            if self._looks:
                self.wall.tiles.setPicture(crop.number, render(crop, self._looks))

    def _on_worked(self, outcome: Outcome) -> None:
        self._take()
        experiment = self.book.desk.experiment
        if outcome.error:
            self._say(outcome.error)
        if not self._looks and self._crops and experiment is not None:
            channels = experiment.channels()
            names = [channel.name for channel in channels]
            self._looks = found_looks(list(self._crops.values()), display_colors(channels), names)
            self._paint_all()
        lost = len(self._chosen.rows) - len(self._crops)
        if lost and not outcome.error:
            self._say(f"{lost} of these objects are not in the labels any more: analyse again.")

    def _paint_all(self) -> None:
        looks = self._layer_looks()
        if looks and [look.channel for look in looks] != [look.channel for look in self._looks]:
            self.refresh()  # other channels are shown
            return
        self._looks = looks or self._looks
        for number, crop in self._crops.items():
            self.wall.tiles.setPicture(number, render(crop, self._looks))

    def _layer_looks(self) -> list[Look]:
        """Channels as the layers that are seen show them."""
        looks = []
        for layer in self._viewer.layers:
            channel = layer.metadata.get("tmaps", {}).get("channel")
            if channel is None:
                continue
            for event in _LOOK:
                getattr(layer.events, event).connect(self._on_look_changed)  # once, says napari
            if layer.visible:
                low, high = layer.contrast_limits
                red, green, blue = (float(part) for part in layer.colormap.colors[-1][:3])
                looks.append(Look(channel, (red, green, blue), low, high, layer.gamma))
        return looks

    def _on_inserted(self, event: Any) -> None:
        if "channel" in event.value.metadata.get("tmaps", {}):
            self._on_look_changed()

    def _on_look_changed(self, _event: object = None) -> None:
        self._repaint.start()

    # -- classes --------------------------------------------------------------------------------

    def _classes(self) -> dict[str, Selection]:
        return dict(list(self.book.selections.items())[:_MOST_CLASSES])

    def _tiles(self, data: ToolData) -> list[Tile]:
        keys = keys_of(data.table.index(self._chosen.rows))
        return [
            Tile(int(row), f"{key[1]} site {key[2]} · {data.table.object_type} {key[4]}")
            for row, key in zip(self._chosen.rows, keys, strict=True)
        ]

    def _show_classes(self) -> None:
        """The stripe of each tile, and a button for each class."""
        colors: dict[int, tuple[str, ...]] = {}
        counts = {}
        for name, selection in self.book.selections.items():
            rows = self.book.selected(name)[0].tolist()
            counts[name] = len(rows)
            for row in rows:
                colors[row] = (*colors.get(row, ()), selection.color)
        self.wall.tiles.setColors([colors.get(int(row), ()) for row in self._chosen.rows])
        classes = self._classes()
        self.class_bar.setClasses({name: (classes[name].color, counts[name]) for name in classes})

    def _on_new_class(self) -> None:
        name, selection = new_selection(self.book.selections)
        if self.book.save_selection(name, selection):
            self.assign(self.wall.chosen(), name)

    def _on_assigned(self, number: int) -> None:
        names = list(self._classes())
        if number < len(names):
            self.assign(self.wall.chosen(), names[number] if number >= 0 else "")

    def _on_dropped(self, numbers: list[int], to: str) -> None:
        if self.wall.tiles.are_dragged:
            self.assign(numbers, to)
        else:  # objects were found anew while the mouse was on its way
            self._say("Other objects are shown now than those that you dragged: drag again.")

    def _on_entered(self, number: int) -> None:
        self.book.go(int(self._chosen.rows[number]))

    def _on_selections_changed(self) -> None:
        self._offer()
        if len(self._chosen.rows):
            self._show_classes()

    # -- what is chosen -------------------------------------------------------------------------

    def _on_table_opened(self) -> None:
        data = self.book.data
        self._offered = None
        self._chosen = NOTHING
        self.class_bar.setEnabled(data is not None)
        self.size_box.clear()
        if data is not None:
            fitting = self.book.read(lambda data: fitting_size(data.table), SIZES[0])
            self.size_box.addItem(f"{fitting} px", 0)
            for size in SIZES:
                self.size_box.addItem(f"{size} px", size)
            self.sort.setNames([RANDOM, *plottable(data.table)])
        self._offer()
        self.refresh()

    def _offer(self) -> None:
        """Offer the populations that there are now; the choice stays if it can."""
        data = self.book.data
        there = [] if data is None else populations(data)
        with QSignalBlocker(self.population):
            self.population.clear()
            for population in there:
                self.population.addItem(str(population), population)
            self.population.addItem(_FILTER, Population("filter"))
        if self._choice.population.kind != "filter" and self._choice.population not in there:
            self._choice = replace(self._choice, population=Population())
        self._show_choice()

    def _show_choice(self) -> None:
        choice = self._choice
        is_filter = choice.population.kind == "filter"
        widgets = (self.population, self.turn, self.number, self.size_box, self.filter_line)
        blockers = [QSignalBlocker(widget) for widget in widgets]
        shown = Population("filter") if is_filter else choice.population
        known = [self.population.itemData(n) for n in range(self.population.count())]
        self.population.setCurrentIndex(known.index(shown) if shown in known else 0)
        self.filter_line.setVisible(is_filter)
        if is_filter:
            self.filter_line.setText(choice.population.name)
        self.sort.setValue(choice.sort)
        self.turn.setChecked(choice.descending)
        self.turn.setText("↓" if choice.descending else "↑")
        self.turn.setEnabled(choice.sort != RANDOM)
        self.number.setValue(choice.number)
        self.size_box.setCurrentIndex(max(self.size_box.findData(choice.size_px), 0))
        del blockers

    def _on_changed(self, _value: object = None) -> None:
        population = self.population.currentData() or Population()
        if population.kind == "filter":
            population = Population("filter", self.filter_line.text().strip())
            self.filter_line.setVisible(True)
            if not population.name:
                self.filter_line.setFocus()
                return
        self.setValue(
            GalleryChoice(
                population,
                self.sort.value() or RANDOM,
                self.turn.isChecked(),
                self.number.value(),
                int(self.size_box.currentData() or 0),
            )
        )

    def _say(self, text: str) -> None:
        self.fault.warn(text)
