"""What the wells and objects of the shown plate look like, and the menus of the wells."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import pandas as pd
from qtpy.QtCore import QObject, Qt, Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import QWidget

from napari_tmaps.errors import TmapsError
from napari_tmaps.gui.correction_report import CorrectionReport
from napari_tmaps.gui.desk import Desk, ObjectColours
from napari_tmaps.gui.map_menu import WellMenu
from napari_tmaps.gui.map_values import (
    COUNT,
    Measure,
    crossed_out,
    object_values,
    well_colours,
)
from napari_tmaps.gui.plate_map_editor import PlateMapEditor
from napari_tmaps.gui.plate_view import PlateView
from napari_tmaps.gui.site_page import SitePage
from napari_tmaps.gui.state import Choice, Facts
from napari_tmaps.gui.still import still
from napari_tmaps.gui.well_colours import WellColours
from napari_tmaps.model.wells import sorted_wells
from napari_tmaps.store.experiment import Experiment


class MapColouring(QObject):
    """Colours what a page and a view show, by what is chosen on the page and told on the desk.

    Parameters
    ----------
    widget
        Parent of menus and dialogs.

    Signals
    -------
    excluded
        Sites were excluded or included.
    failed
        A sentence for the user.
    """

    excluded = Signal()
    failed = Signal(str)

    def __init__(self, page: SitePage, view: PlateView, desk: Desk, widget: QWidget) -> None:
        super().__init__(widget)
        self._page, self._view, self._desk, self._widget = page, view, desk, widget
        self._experiment: Experiment | None = None
        self._facts: Facts | None = None
        self._choice = Choice()
        self._own: ObjectColours | None = None
        self._values: tuple[Measure, pd.Series[Any]] | None = None
        self._is_gone = False
        self._menu = WellMenu(widget)
        page.map_panel.valueChanged.connect(lambda _: self.show())
        page.map_panel.objectsToggled.connect(lambda _: self.show())
        page.map_panel.time_box.valueChanged.connect(lambda _: self._show_wells())
        page.map_panel.cycleChanged.connect(self._on_cycle_changed)
        view.watch_time(self.look_at_time)
        page.map_panel.edit_button.clicked.connect(self._on_edit_plate_map)
        page.map_panel.report_button.clicked.connect(self._on_report)
        page.plate_map.menuRequested.connect(self._on_menu_requested)
        page.plate_map.selectionChanged.connect(desk.setWells)
        self._menu.changed.connect(self.excluded)
        self._menu.failed.connect(self.failed)
        desk.coloursChanged.connect(self._on_colours_changed)
        desk.resultsChanged.connect(self._on_results_changed)
        widget.destroyed.connect(self._leave)

    def _leave(self) -> None:
        """The widget is gone: what is told from now on is not shown any more."""
        self._is_gone = True

    def setState(self, experiment: Experiment | None, facts: Facts | None, choice: Choice) -> None:
        """What is open and chosen from now on; `show` shows it."""
        self._experiment, self._facts, self._choice = experiment, facts, choice

    def look_at_time(self, _event: object = None) -> None:
        """Tell all which time point is looked at."""
        if self._is_gone:
            return
        plate, now = self._choice.plate, (0, 1)
        if self._experiment is not None and plate:
            with suppress(TmapsError):  # nothing is shown, which is told where it is asked for
                now = self._view.time_point(plate), self._view.times(plate)
        self._desk.setTime(*now)

    def show(self) -> None:
        """Colour wells, and objects, by what is chosen; cross out wells that are excluded."""
        experiment, panel = self._experiment, self._page.map_panel
        if experiment is None:
            return
        measure = panel.value()
        colours = self._values = None
        try:
            if measure.object_type:
                self._values = measure, object_values(experiment, measure)
                if measure.feature != COUNT and panel.objects_box.isChecked():
                    colours = ObjectColours(measure.object_type, self._values[1])
            # Colours that others gave stay until somebody asks for ours.
            if colours is not None or self._own is self._desk.colours:
                self._own = colours
                self._desk.setColours(colours)
        except TmapsError as error:
            self.failed.emit(str(error))
        self._show_wells()

    def _show_wells(self) -> None:
        """Colour wells by objects that are read already."""
        experiment, panel, plate = self._experiment, self._page.map_panel, self._choice.plate
        if experiment is None:
            return
        measure = panel.value()
        wells = sites = WellColours()
        facts = self._facts.plates.get(plate) if self._facts else None
        is_slide = facts is not None and bool(facts.boxes)
        known = self._values[1] if self._values and self._values[0] == measure else None
        try:
            found = well_colours(
                experiment,
                plate,
                measure,
                "site" if is_slide else "well",
                panel.time_box.value(),
                values=known,
                says_time=self._desk.times > 1,
            )
            wells, sites = (wells, found) if is_slide else (found, sites)
        except TmapsError as error:
            self.failed.emit(str(error))
        self._page.plate_map.setColours(wells)
        self._page.slide_map.setColours(sites)
        try:
            out_wells, out_sites = crossed_out(experiment, plate, facts.sites if facts else {})
        except TmapsError as error:
            self.failed.emit(str(error))
            return
        self._page.plate_map.setExcluded(out_wells)
        self._page.slide_map.setExcluded(out_sites)

    def _on_colours_changed(self, colours: ObjectColours | None) -> None:
        self._draw(lambda: self._view.colour(colours))

    def _on_cycle_changed(self, cycle: int) -> None:
        self._draw(lambda: self._view.show_cycle(cycle))

    def _on_results_changed(self, results: Mapping[str, ObjectColours]) -> None:
        self._draw(lambda: self._view.show_results(results))

    def _draw(self, act: Callable[[], object]) -> None:
        if self._is_gone:
            return
        try:
            with still(self._widget):
                act()
        except TmapsError as error:
            self.failed.emit(str(error))

    def _on_menu_requested(self, well: str, at: Any) -> None:
        assert self._experiment is not None, "the plate map is shown only then"
        chosen, choice = self._page.plate_map.selection(), self._choice
        wells = sorted_wells(chosen) if well in chosen else [well]
        site = choice.site if choice.well == well else 0
        try:
            self._menu.fill(self._experiment, choice.plate, wells, well, site)
        except TmapsError as error:
            self.failed.emit(str(error))
            return
        self._menu.show(at)

    def _on_report(self) -> None:
        """Tell of correction and alignment."""
        if self._experiment is None:
            return
        try:
            report = CorrectionReport(self._experiment, self._widget)
        except TmapsError as error:
            self.failed.emit(str(error))
            return
        report.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        report.open()

    def _on_edit_plate_map(self) -> None:
        """Open the plate map, with the wells chosen that are selected."""
        if self._experiment is None or self._facts is None:
            return
        wells = {plate: list(facts.sites) for plate, facts in self._facts.plates.items()}
        try:
            editor = PlateMapEditor(self._experiment.path, wells, self._widget)
        except TmapsError as error:
            self.failed.emit(str(error))
            return
        editor.choose(self._choice.plate, sorted_wells(self._page.plate_map.selection()))
        editor.saved.connect(lambda: self._desk.tablesChanged.emit(""))
        editor.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        editor.open()
