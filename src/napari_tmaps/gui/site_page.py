"""The open experiment: plate map, sites, view, and pipelines to run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from qtpy.QtCore import QSignalBlocker, Qt, Signal  # type: ignore[attr-defined]
from qtpy.QtGui import QKeyEvent
from qtpy.QtWidgets import (
    QButtonGroup,
    QComboBox,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from napari_tmaps.gui.desk import Desk
from napari_tmaps.gui.facts import pipeline_title
from napari_tmaps.gui.map_panel import MapPanel
from napari_tmaps.gui.parts import Message, push_button, tool_button
from napari_tmaps.gui.plate_map import PlateMap
from napari_tmaps.gui.slide_map import SlideMap
from napari_tmaps.gui.state import Choice, Pixels, State, View, walk

_FILE = "file…"


class SitePage(QWidget):
    """Edits a `Choice` within an open experiment; shows a `State`."""

    valueChanged = Signal(object)
    """The new `Choice`."""
    runRequested = Signal()
    convertRequested = Signal()
    analyseRequested = Signal()
    mapRequested = Signal()
    pipelineFileRequested = Signal()

    def __init__(self, desk: Desk, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._state: State | None = None
        self._busy = False
        self._plate = QComboBox()
        self._plate.setToolTip("Plate of the experiment")
        self.plate_map = PlateMap()
        self.slide_map = SlideMap()
        self.map_panel = MapPanel(desk)
        self.previous_button = _tool("◀", "Previous site (Page Up)")
        self.next_button = _tool("▶", "Next site (Page Down)")
        self._site = QLabel()
        self._site.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._views = QButtonGroup(self)
        views = QHBoxLayout()
        for view, text, tip in (
            (View.SITE, "Site", "Show the chosen site at full resolution"),
            (View.WELL, "Well", "Show all sites of the well in their places"),
            (View.PLATE, "Plate", "Show the whole plate as one picture"),
            (View.PLATES, "All", "Show all plates side by side"),
        ):
            button = push_button(text, tip, checkable=True)
            button.setProperty("view", view.value)
            self._views.addButton(button)
            views.addWidget(button)
        self._notes, self.old = Message(), Message()
        self._pipeline = QComboBox()
        self._pipeline.setPlaceholderText("Choose one, or build it in Pipeline")
        self._pipeline.setToolTip("Pipeline: of the experiment, of the program, or from a file")
        self._pipeline.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self.run_button = push_button(
            "Run on this site",
            "Run the pipeline on the site and look at the result; nothing is stored",
        )
        self.analyse_button = push_button(
            "Analyse the whole experiment",
            "Run the pipeline on all sites and store labels and features; sites that were "
            "analysed in the same way before are left alone",
        )
        self.convert_button = push_button(
            "Convert", "Make OME-Zarr plates from the microscope's files"
        )
        self.map_button = push_button(
            "Build the map",
            "Make the coarse levels of all plates, of images as they are shown here, so that whole "
            "plates are drawn at once; only what has changed is made",
        )
        self.map_button.hide()

        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._plate)
        layout.addWidget(self.plate_map)
        layout.addWidget(self.slide_map)
        grid = QGridLayout()
        grid.addWidget(self.previous_button, 0, 0)
        grid.addWidget(self._site, 0, 1)
        grid.addWidget(self.next_button, 0, 2)
        grid.setColumnStretch(1, 1)
        layout.addLayout(grid)
        layout.addLayout(views)
        layout.addWidget(self.map_panel)
        layout.addWidget(self._notes)
        layout.addWidget(self.convert_button)
        layout.addWidget(self.old)
        layout.addWidget(self.map_button)
        line = QFrame()
        line.setFrameShape(QFrame.Shape.HLine)
        layout.addWidget(line)
        layout.addWidget(QLabel("Pipeline"))
        layout.addWidget(self._pipeline)
        layout.addWidget(self.run_button)
        layout.addWidget(self.analyse_button)

        self._plate.currentTextChanged.connect(self._on_plate_changed)
        self.plate_map.valueChanged.connect(self._on_well_changed)
        self.slide_map.valueChanged.connect(self._on_site_changed)
        self.slide_map.menuRequested.connect(
            lambda _site, at: self.plate_map.menuRequested.emit(self.value().well, at)
        )
        self.map_panel.pixelsChanged.connect(self._on_pixels_changed)
        self.previous_button.clicked.connect(lambda: self._walk(-1))
        self.next_button.clicked.connect(lambda: self._walk(1))
        self._views.buttonClicked.connect(self._on_view_changed)
        self._pipeline.activated.connect(self._on_pipeline_changed)
        self.run_button.clicked.connect(self.runRequested.emit)
        self.convert_button.clicked.connect(self.convertRequested.emit)
        self.map_button.clicked.connect(self.mapRequested.emit)
        self.analyse_button.clicked.connect(self.analyseRequested.emit)

    # -- model → widget -------------------------------------------------------------------------

    def setState(self, state: State, pipelines: tuple[str, ...]) -> None:
        """Show a state."""
        self._state = state
        choice, selected = state.choice, self.plate_map.selection()
        edited = (self._plate, self.plate_map, self.slide_map, self._pipeline)
        blockers = [QSignalBlocker(item) for item in edited]
        if [self._plate.itemText(n) for n in range(self._plate.count())] != list(state.plates):
            self._plate.clear()
            self._plate.addItems(state.plates)
        self._plate.setCurrentText(choice.plate)
        self._plate.setVisible(len(state.plates) > 1)
        if state.plate is not None:
            self.plate_map.setPlate(state.plate.format, state.plate.states)
            self.plate_map.setValue(choice.well)
            self.slide_map.setSites(state.plate.boxes, state.plate.site_states)
            self.slide_map.setValue(choice.site)
        is_slide = state.plate is not None and bool(state.plate.boxes)
        self.slide_map.setVisible(is_slide)
        self.plate_map.setVisible(state.plate is not None and not is_slide)
        self._site.setText(f"{choice.well}  ·  {state.position}" if choice.well else "")
        for button in self._views.buttons():
            button.setChecked(button.property("view") == choice.view.value)
            if button.property("view") == View.PLATES.value:
                button.setVisible(len(state.plates) > 1)
        self.map_panel.setPixels(choice.pixels)
        self._notes.warn(*state.notes)
        self._pipeline.clear()
        for key in pipelines:
            self._pipeline.addItem(pipeline_title(key), key)
            self._pipeline.setItemData(self._pipeline.count() - 1, key, Qt.ItemDataRole.ToolTipRole)
        self._pipeline.addItem("From a file…", _FILE)
        self._pipeline.setCurrentIndex(self._pipeline.findData(choice.pipeline))
        for blocker in blockers:
            blocker.unblock()
        if self.plate_map.selection() != selected:  # some of them are not on this plate
            self.plate_map.selectionChanged.emit(self.plate_map.selection())
        self._enable()

    def setMap(self, *, lacks: bool, old: Sequence[str] = ()) -> None:
        """Offer to build the map, or not.

        Parameters
        ----------
        lacks
            Whether there is none that can be shown.
        old
            Sentences on maps that are older than the data.
        """
        self.old.warn(*old)
        self.map_button.setText("Build the map" if lacks or not old else "Rebuild the map")
        self.map_button.setVisible(lacks or bool(old))

    def setBusy(self, busy: bool) -> None:
        """Bar what may not be done while work goes on."""
        self._busy = busy
        self._enable()

    def _enable(self) -> None:
        state = self._state
        if state is None:
            return
        free = not self._busy
        self.previous_button.setEnabled(state.can_previous)
        self.next_button.setEnabled(state.can_next)
        self.run_button.setEnabled(free and state.can_run)
        self.analyse_button.setEnabled(free and state.can_analyse)
        self.convert_button.setEnabled(free)
        self.map_button.setEnabled(free)
        self.convert_button.setVisible(state.can_convert)
        self._pipeline.setEnabled(free)

    # -- widget → model -------------------------------------------------------------------------

    def value(self) -> Choice:
        """What is chosen."""
        return self._state.choice if self._state else Choice()

    def _on_plate_changed(self, plate: str) -> None:
        self.valueChanged.emit(replace(self.value(), plate=plate))

    def _on_well_changed(self, well: str) -> None:
        self.valueChanged.emit(replace(self.value(), well=well, site=0))

    def _on_site_changed(self, site: int) -> None:
        self.valueChanged.emit(replace(self.value(), site=site))

    def _on_pixels_changed(self, pixels: Pixels) -> None:
        self.valueChanged.emit(replace(self.value(), pixels=pixels))

    def _on_view_changed(self, button: QPushButton) -> None:
        self.valueChanged.emit(replace(self.value(), view=View(button.property("view"))))

    def _on_pipeline_changed(self, index: int) -> None:
        key = self._pipeline.itemData(index)
        if key == _FILE:
            self._pipeline.setCurrentIndex(self._pipeline.findData(self.value().pipeline))
            self.pipelineFileRequested.emit()
        else:
            self.valueChanged.emit(replace(self.value(), pipeline=key))

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        steps = {int(Qt.Key.Key_PageUp): -1, int(Qt.Key.Key_PageDown): 1}
        if event is not None and event.key() in steps:
            self._walk(steps[event.key()])
        else:
            super().keyPressEvent(event)

    def _walk(self, step: int) -> None:
        if self._state is not None:
            self.valueChanged.emit(walk(self._state, step))


def _tool(text: str, tip: str) -> QToolButton:
    button = tool_button(text, tip)
    button.setAutoRepeat(True)
    button.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
    return button
