"""Heat maps of the wells of several plates, on one scale; a click shows the well."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence

import pandas as pd
from qtpy.QtCore import Qt, Signal  # type: ignore[attr-defined]
from qtpy.QtGui import QResizeEvent
from qtpy.QtWidgets import (
    QComboBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QVBoxLayout,
    QWidget,
)

from napari_tmaps.gui.desk import Desk
from napari_tmaps.gui.latest import Latest
from napari_tmaps.gui.name_box import NameBox
from napari_tmaps.gui.parts import scrolled
from napari_tmaps.gui.plate_map import PlateMap
from napari_tmaps.gui.state import WellState
from napari_tmaps.gui.time_box import TimeBox
from napari_tmaps.gui.well_colours import WellColours, limits
from napari_tmaps.gui.workers import Outcome
from napari_tmaps.model.progress import Progress
from napari_tmaps.model.wells import PlateFormat
from napari_tmaps.model.words import time_in_words
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.tools.run import open_data
from napari_tmaps.tools.wells import aggregate_wells

_AGGREGATES = ("median", "mean", "std", "sum", "count")
_WIDTH = 300  # pixels that a plate needs


class PlatesPanel(QWidget):
    """Edits which number of the wells is shown: (feature, aggregate)."""

    wellRequested = Signal(str, str)
    """Plate, well."""
    failed = Signal(str)

    def __init__(self, desk: Desk, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._desk = desk
        self._experiment: Experiment | None = None
        self._object_type = ""
        self._work = Latest(self)
        self.feature_box = NameBox("What the wells are coloured by")
        self.aggregate_box = QComboBox()
        self.aggregate_box.addItems(_AGGREGATES)
        self.aggregate_box.setToolTip("How the objects of a well become one value")
        self.time_box = TimeBox(desk, follows=True)
        self.maps: dict[str, PlateMap] = {}
        self._titles: list[QLabel] = []
        self._inside = QWidget()
        self._grid = QGridLayout(self._inside)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setAlignment(Qt.AlignmentFlag.AlignTop)
        scroll = scrolled(self._inside)
        row = QHBoxLayout()
        row.addWidget(self.feature_box, 1)
        row.addWidget(self.aggregate_box)
        layout = QVBoxLayout(self)
        layout.addLayout(row)
        layout.addWidget(self.time_box)
        layout.addWidget(scroll, 1)
        self.feature_box.valueChanged.connect(lambda _: self._ask())
        self.aggregate_box.activated.connect(lambda _: self._ask())
        self.time_box.valueChanged.connect(lambda _: self._ask())
        self._work.ended.connect(self._on_ended)

    @property
    def is_busy(self) -> bool:
        """True while numbers are worked out."""
        return self._work.is_running

    def value(self) -> tuple[str, str]:
        """Feature, aggregate."""
        return self.feature_box.value(), self.aggregate_box.currentText()

    def setValue(self, feature: str, aggregate: str = "median") -> None:
        """Colour the wells by another number."""
        self.feature_box.setValue(feature)
        self.aggregate_box.setCurrentText(aggregate)
        self._ask()

    def setObjects(
        self, experiment: Experiment | None, object_type: str, names: Sequence[str]
    ) -> None:
        """Show the wells of an experiment by numbers of a type; None for nothing."""
        self._work.cancel()
        self._experiment, self._object_type = experiment, object_type
        self.feature_box.setNames(names)
        plates = {}
        if experiment is not None:
            names_of = experiment.plate_names()
            plates = {name: experiment.catalogue.plate_format(name) for name in names_of}
        self._make_maps(plates)
        self._ask()

    def _make_maps(self, plates: Mapping[str, PlateFormat]) -> None:
        if list(plates) != list(self.maps):
            for each in (*self.maps.values(), *self._titles):
                self._grid.removeWidget(each)
                each.deleteLater()
            self.maps, self._titles = {}, []
            for plate in plates:
                plate_map = PlateMap()
                plate_map.valueChanged.connect(lambda well, plate=plate: self._on_well(plate, well))
                self.maps[plate] = plate_map
                self._titles.append(QLabel(plate))
            self._place()
        for plate, plate_format in plates.items():
            assert self._experiment is not None, "there are plates"
            wells = dict.fromkeys(self._experiment.wells(plate), WellState.CONVERTED)
            self.maps[plate].setPlate(plate_format, wells)

    def _place(self) -> None:
        columns = max(1, self.width() // _WIDTH)
        for n, (title, plate_map) in enumerate(zip(self._titles, self.maps.values(), strict=True)):
            row, column = 2 * (n // columns), n % columns
            self._grid.addWidget(title, row, column)
            self._grid.addWidget(plate_map, row + 1, column, Qt.AlignmentFlag.AlignTop)

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        self._place()
        super().resizeEvent(event)

    def _ask(self) -> None:
        experiment, object_type, (feature, aggregate) = (
            self._experiment,
            self._object_type,
            self.value(),
        )
        if experiment is None or not feature:
            for plate_map in self.maps.values():
                plate_map.setColours(WellColours())
            return
        t = self.time_box.value()

        def make() -> Generator[Progress, None, pd.DataFrame]:
            yield Progress("wells", 0, 0)
            table = open_data(experiment, object_type).table
            return aggregate_wells(table, feature, aggregate, t=t)  # type: ignore[arg-type]

        self._work.ask("Wells", make)

    def _on_ended(self, outcome: Outcome) -> None:
        if outcome.error:
            self.failed.emit(outcome.error)
            return
        if outcome.value is None:
            return
        feature, aggregate = self.value()
        wells: pd.DataFrame = outcome.value
        known = wells["value"].to_numpy(float)
        ends = limits({str(n): float(value) for n, value in enumerate(known)})
        title = f"{aggregate} of {feature}"
        if self._desk.times > 1:
            title += f" ({time_in_words(self.time_box.value())})"
        for plate, plate_map in self.maps.items():
            own = wells[wells["plate"] == plate]
            numbers = dict(zip(own["well"], own["value"].astype(float), strict=True))
            plate_map.setColours(WellColours(numbers, title, ends=ends))

    def _on_well(self, plate: str, well: str) -> None:
        if well:
            self.wellRequested.emit(plate, well)
