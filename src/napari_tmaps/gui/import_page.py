"""What a microscope folder holds, to be looked at before an experiment is made of it."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from pathlib import Path

import numpy as np
from qtpy.QtCore import Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import (
    QCheckBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QSizePolicy,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from napari_tmaps.errors import TmapsError
from napari_tmaps.gui.names_panel import NamesPanel
from napari_tmaps.gui.parts import Fault, Message, push_button, scrolled, wrapped
from napari_tmaps.gui.planes_table import PlanesTable
from napari_tmaps.gui.plate_map import PlateMap
from napari_tmaps.gui.slide_map import Box, SlideMap
from napari_tmaps.gui.state import WellState
from napari_tmaps.model.layout import GridSettings, site_table
from napari_tmaps.model.planes import Scan
from napari_tmaps.model.recorded import depth_text, times_text
from napari_tmaps.model.scanedit import placed, renamed, with_pixel_size, without
from napari_tmaps.model.wells import PlateFormat, WellName

_MOST_ODDITIES = 6
_WIDTH = 290


def summary_rows(scan: Scan) -> list[tuple[str, str]]:
    """(name, value) of what a person wants to check, in words."""
    facts = scan.summary()
    wells, sites = facts["wells"], sorted(set(facts["sites_per_well"].values()))
    pixel = facts["pixel_size_um"]
    size = facts["image_size"]
    return [
        ("Format", scan.vendor),
        ("Plates", ", ".join(name or "one, without a name" for name in facts["plates"])),
        ("Wells", f"{len(wells)}: {wells[0]} … {wells[-1]}" if len(wells) > 1 else wells[0]),
        ("Sites", f"{' or '.join(map(str, sites))} a well"),
        ("Channels", ", ".join(facts["channels"])),
        ("z planes", depth_text(facts)),
        ("Time points", times_text(facts)),
        ("Planes", str(facts["planes"])),
        ("Image", f"{size[0]} × {size[1]} px, {facts['dtype']}" if size else "size unknown"),
        ("Pixel", f"{pixel[0]:g} × {pixel[1]:g} µm" if pixel else "size unknown"),
    ]


def _pixel_text(scan: Scan) -> str:
    return f"{scan.pixel_size_um[0]:g}" if scan.pixel_size_um else ""


def site_boxes(scan: Scan, well: str) -> tuple[dict[int, Box], bool]:
    """Where the sites of a well lie in its grid, and whether the stage tells it.

    Of several plates the first that has the well counts.
    """
    planes = scan.planes[scan.planes["well"] == well]
    planes = planes[planes["plate"] == planes["plate"].min()]
    y, x = scan.pixel_size_um or (np.nan, np.nan)
    sites, _ = site_table(planes.assign(pixel_y_um=y, pixel_x_um=x), GridSettings())
    height, width = (max(int(sites[name].max()), 1) for name in ("height", "width"))
    boxes = {
        int(site): (int(y) * height, int(x) * width, height, width)
        for site, y, x in zip(sites["site"], sites["y"], sites["x"], strict=True)
    }
    return boxes, bool(sites[["stage_y_um", "stage_x_um"]].notna().all(axis=None))


class ImportPage(QWidget):
    """Edits what is imported, and where the experiment goes; shows what will be in it.

    Signals
    -------
    createRequested
        Folder of the new experiment; "" to add to the open one.
    patternRequested
        The folder shall be read anew by a pattern.
    """

    createRequested = Signal(str)
    backRequested = Signal()
    patternRequested = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._scan: Scan | None = None
        self._read: Scan | None = None
        self._into = False
        self._facts = wrapped()
        self._oddities = Message()
        for label in (self._facts, self._oddities):  # a long name is no reason to be wide
            label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.plate_map, self.site_map = PlateMap(), SlideMap()
        self._sites_of = wrapped()
        self.planes, self.names = PlanesTable(), NamesPanel()
        self.channel_lines: dict[str, QLineEdit] = {}
        self.pixel_line = QLineEdit()
        self.pixel_line.setToolTip("Size of a pixel in µm; empty where it is not known")
        self._edits = QWidget()
        self._form = QFormLayout(self._edits)
        self._form.setContentsMargins(0, 4, 0, 0)
        self.tabs = QTabWidget()
        first = QWidget()
        found = QVBoxLayout(first)
        found.setContentsMargins(0, 4, 0, 0)
        found.addWidget(self._facts)
        found.addWidget(self._oddities)
        found.addWidget(self.plate_map)
        found.addWidget(self._sites_of)
        found.addWidget(self.site_map)
        found.addStretch()
        # Each scrolls by itself: where it goes, and the button that makes it, are always in sight.
        self.tabs.addTab(scrolled(first), "Found")
        self.tabs.addTab(self.planes, "Planes")
        self.tabs.addTab(scrolled(self._edits), "Correct")
        self.tabs.addTab(scrolled(self.names), "Names")
        self._target = QLineEdit()
        self._target.setToolTip("Folder of the new experiment; by custom it ends in .tmaps")
        self._browse = push_button("…", "Choose where the experiment goes")
        self._browse.setMaximumWidth(32)
        self._title = QLabel("New experiment")
        self._plate = QLineEdit()
        self._plate.setPlaceholderText("as the microscope says")
        self._plate.setToolTip("Name of the plate; empty: the name that the microscope gave")
        self._acquisition = QLineEdit("acquisition01")
        self._acquisition.setToolTip("Name of this run of the microscope over the plate")
        self.in_place_box = QCheckBox("Read in place: copy nothing")
        self.in_place_box.setToolTip(
            "The microscope's files stay the pixels; sites and wells show at once. You can convert "
            "later, for the map of the whole plate"
        )
        self.create_button = push_button(
            "Make an experiment here",
            "Make the folder and convert the images into it. The microscope's files stay as they "
            "are. It can be interrupted and goes on",
        )
        self.back_button = QPushButton("Back")
        self._message = Fault()
        self.setMinimumWidth(_WIDTH)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)

        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.tabs, 1)
        layout.addWidget(self._message)
        layout.addWidget(self._title)
        row = QHBoxLayout()
        row.addWidget(self._target)
        row.addWidget(self._browse)
        layout.addLayout(row)
        names = QFormLayout()
        names.addRow("Plate", self._plate)
        names.addRow("Acquisition", self._acquisition)
        layout.addLayout(names)
        layout.addWidget(self.in_place_box)
        layout.addWidget(self.create_button)
        layout.addWidget(self.back_button)

        self.plate_map.valueChanged.connect(self._show_sites)
        self.planes.excluded.connect(self._on_excluded)
        self.planes.corrected.connect(self._on_corrected)
        self.names.applied.connect(self.patternRequested.emit)
        self.pixel_line.editingFinished.connect(self._on_pixel_changed)
        self._browse.clicked.connect(self._on_browse)
        self.create_button.clicked.connect(self._on_create)
        self.back_button.clicked.connect(self.backRequested.emit)

    def value(self) -> str:
        """Folder of the new experiment."""
        return self._target.text().strip()

    def scan(self) -> Scan:
        """What is imported, as it was corrected."""
        assert self._scan is not None, "the page is shown only after a scan"
        return self._scan

    def where(self) -> tuple[str | None, str]:
        """Name of the plate, None for that of the microscope; name of the acquisition."""
        return self._plate.text().strip() or None, self._acquisition.text().strip()

    def setScan(self, scan: Scan, into: str = "") -> None:
        """Show what was found; propose a folder beside it, or add it to an open experiment."""
        self._read = scan
        self._show(scan)
        self.names.setNames(sorted(set(scan.planes["path"]) - {""}))
        self._target.setText(str(proposed_folder(scan.root)))
        for widget in (self._target, self._browse):
            widget.setVisible(not into)
        self._title.setText(f"Add to '{into}'" if into else "New experiment")
        self.create_button.setText(f"Add to '{into}'" if into else "Make an experiment here")
        self._into = bool(into)

    def _show(self, scan: Scan) -> None:
        self._scan = scan
        rows = "".join(
            f"<tr><td>{name}&nbsp;&nbsp;</td><td>{escape(value)}</td></tr>"
            for name, value in summary_rows(scan)
        )
        self._facts.setText(f"<table cellspacing='0' cellpadding='2'>{rows}</table>")
        sentences = [str(oddity) for oddity in scan.oddities]
        shown = [f"⚠ {sentence}" for sentence in sentences[:_MOST_ODDITIES]]
        if len(sentences) > _MOST_ODDITIES:
            shown.append(f"… and {len(sentences) - _MOST_ODDITIES} more; see 'tmaps scan'.")
        if shown and scan is not self._read:
            shown.insert(0, "Told of the folder as it was read, before your corrections:")
        self._oddities.say("\n\n".join(shown))
        lost = set(scan.planes.loc[scan.planes["missing"], "well"])
        names = [WellName.parse(well) for well in scan.wells]
        plate_format = scan.plate_format or PlateFormat.holding(names)
        states = {
            well: WellState.PROBLEM if well in lost else WellState.CONVERTED for well in scan.wells
        }
        self.plate_map.setPlate(plate_format, states)
        self.plate_map.setValue(self.plate_map.value() or scan.wells[0])
        self._show_sites(self.plate_map.value())
        self.planes.setPlanes(scan.planes)
        if self._form.indexOf(self.pixel_line) >= 0:
            row = self._form.takeRow(self.pixel_line)
            if row.labelItem is not None and (label := row.labelItem.widget()) is not None:
                label.deleteLater()
        while self._form.rowCount():
            self._form.removeRow(0)
        self.channel_lines = {}
        for channel in scan.channels:
            line = QLineEdit(channel.name)
            line.setToolTip("Name of the channel, as it shall be called everywhere")
            line.editingFinished.connect(
                lambda old=channel.name, line=line: self._on_renamed(old, line.text())
            )
            self._form.addRow(f"Channel {channel.name}", line)
            self.channel_lines[channel.name] = line
        self.pixel_line.setText(_pixel_text(scan))
        self._form.addRow("Pixel µm", self.pixel_line)

    def _show_sites(self, well: str) -> None:
        scan = self.scan()
        boxes, is_told = site_boxes(scan, well)
        planes = scan.planes[scan.planes["missing"] & (scan.planes["well"] == well)]
        lost = set(planes["site"])
        self.site_map.setSites(
            boxes,
            {site: WellState.PROBLEM if site in lost else WellState.CONVERTED for site in boxes},
        )
        how = "" if is_told else ", row by row, as no stage positions are known"
        self._sites_of.setText(f"Sites of {well}{how}")
        for widget in (self.site_map, self._sites_of):
            widget.setVisible(len(boxes) > 1)

    def _change(self, change: Callable[[Scan], Scan]) -> None:
        try:
            changed = change(self.scan())
        except TmapsError as error:
            self._message.setText(f"⚠ {error}")
            self._message.setVisible(True)
            return
        self._message.setVisible(False)
        self._show(changed)

    def _on_excluded(self, rows: list[int]) -> None:
        self._change(lambda scan: without(scan, rows))

    def _on_corrected(self, rows: list[int], column: str, text: str) -> None:
        self._change(lambda scan: placed(scan, rows, column, text))

    def _on_renamed(self, old: str, new: str) -> None:
        if new != old:
            self._change(lambda scan: renamed(scan, {old: new}))

    def _on_pixel_changed(self) -> None:
        text = self.pixel_line.text().strip().replace(",", ".")
        if text == _pixel_text(self.scan()):  # left as it was: the size is finer than its text
            return
        try:
            size = float(text) if text else None
        except ValueError:
            size = 0.0
        self._change(lambda scan: with_pixel_size(scan, size))

    def _on_browse(self) -> None:
        start = str(Path(self.value()).parent)
        chosen = QFileDialog.getExistingDirectory(self, "Folder for the new experiment", start)
        if chosen:
            self._target.setText(str(Path(chosen) / Path(self.value()).name))

    def _on_create(self) -> None:
        is_told = self._into or bool(self.value())
        self._message.warn("" if is_told else "Say in which folder the experiment is made.")
        if is_told:
            self.createRequested.emit("" if self._into else self.value())


def proposed_folder(root: Path) -> Path:
    """A folder for the experiment that does not exist yet, beside the microscope's."""
    folder = root.with_name(f"{root.name}.tmaps")
    number = 2
    while folder.exists():
        folder = root.with_name(f"{root.name}-{number}.tmaps")
        number += 1
    return folder
