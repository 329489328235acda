"""Plates and acquisitions of the open experiment as a tree, with what can be done to them."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from pathlib import Path

from qtpy.QtCore import QPoint, Qt, Signal  # type: ignore[attr-defined]
from qtpy.QtGui import QKeySequence, QShortcut  # type: ignore[attr-defined]
from qtpy.QtWidgets import (
    QAbstractItemView,
    QGridLayout,
    QHeaderView,
    QInputDialog,
    QMenu,
    QMessageBox,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_tmaps.errors import TmapsError
from napari_tmaps.gui.ome_dialog import OmeDialog
from napari_tmaps.gui.parts import Fault, Message, push_button
from napari_tmaps.gui.plates_state import AcquisitionRow, Image, PlateRow, plate_rows
from napari_tmaps.gui.workers import Outcome, Work
from napari_tmaps.model.progress import Progress
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.workflow.lock import coordinating

_IMPORT_STEPS = ("metaextract", "metaconfig", "imextract")
_WIDTH, _HEIGHT = 300, 220
_ROW = Qt.ItemDataRole.UserRole
_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter


def read_plates(experiment: Experiment, *, importing: bool = False) -> tuple[PlateRow, ...]:
    """Plates and acquisitions of an experiment, as they are on disk now."""
    catalogue = experiment.catalogue
    described, acquisitions = catalogue.plates(), catalogue.acquisitions()
    while not set(acquisitions["plate"]) <= set(described["name"]):  # one was just renamed
        described, acquisitions = catalogue.plates(), catalogue.acquisitions()
    acquired = catalogue.acquired()
    acquired = acquired[acquired["acquisition_id"].isin(acquisitions["id"])]
    plates = dict(zip(acquisitions["id"], acquisitions["plate"], strict=True))
    folders = {name: experiment.plate(name) for name in described["name"]}
    converted: set[Image] = set()
    for number, well, site, cycle in acquired[
        ["acquisition_id", "well", "site", "cycle"]
    ].itertuples(index=False):
        plate = plates[number]
        if folders[plate].image_path(str(well), int(site), int(cycle)).is_dir():
            converted.add((plate, str(well), int(site), int(cycle)))
    failures = catalogue.failures()
    failures = failures[failures["step"].isin(_IMPORT_STEPS)]
    return plate_rows(
        described,
        acquisitions,
        acquired,
        laid_out=catalogue.laid_out(),
        converted=converted,
        failed=set(failures[["plate", "well", "site"]].itertuples(index=False, name=None)),
        importing=importing,
    )


class PlatesTree(QWidget):
    """Shows the plates of an experiment; renames, describes and removes.

    Signals
    -------
    addRequested
        A microscope folder shall be added.
    changed
        The catalogue is another one than before.
    plateRenamed
        The name of a plate before, and now.
    """

    addRequested = Signal()
    backRequested = Signal()
    changed = Signal()
    plateRenamed = Signal(str, str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._experiment: Experiment | None = None
        self._importing = self._busy = False
        self._renamed = Path()
        self._renaming = Work(self)
        self.unsaved: Callable[[], str] = str
        """What would be lost if the experiment was closed now, in words; "" if nothing."""
        self.tree = QTreeWidget()
        self.tree.setHeaderLabels(["Plate, acquisition", "Status", "Images"])
        self.tree.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.tree.setToolTip("F2 renames, Del removes what nothing was made of")
        self.tree.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.tree.setTextElideMode(Qt.TextElideMode.ElideMiddle)  # names often differ at the end
        self.tree.setMinimumSize(_WIDTH, _HEIGHT)
        self.tree.setIndentation(14)
        header = self.tree.header()
        if header is not None:
            header.setStretchLastSection(False)
            header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
            for column in (1, 2):
                header.setSectionResizeMode(column, QHeaderView.ResizeMode.ResizeToContents)
        self._about = Message()
        self._fault = Fault()
        self.add_button = push_button("Add…", "Add a folder that the microscope wrote")
        self.rename_button = push_button(
            "Rename…", "Give the experiment, plate or acquisition another name (F2)"
        )
        self.describe_button = push_button("Describe…", "Say what the plate or the experiment is")
        self.remove_button = push_button(
            "Remove…",
            "Take out what nothing was made of yet (Del); the microscope's files always stay",
        )
        self.metadata_button = push_button(
            "Metadata…", "What the microscope wrote about the chosen acquisition; correct it"
        )
        self.back_button = push_button("Back", "To the sites")

        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.tree, 1)
        layout.addWidget(self._about)
        layout.addWidget(self._fault)
        grid = QGridLayout()
        grid.addWidget(self.add_button, 0, 0)
        grid.addWidget(self.describe_button, 0, 1)
        grid.addWidget(self.rename_button, 1, 0)
        grid.addWidget(self.remove_button, 1, 1)
        grid.addWidget(self.metadata_button, 2, 0)
        grid.addWidget(self.back_button, 2, 1)
        layout.addLayout(grid)

        self._renaming.ended.connect(self._on_renamed)
        self.tree.customContextMenuRequested.connect(self._show_menu)
        self.tree.currentItemChanged.connect(lambda _new, _old: self._enable())
        self.add_button.clicked.connect(self.addRequested.emit)
        self.rename_button.clicked.connect(self.rename)
        self.describe_button.clicked.connect(self.describe)
        self.remove_button.clicked.connect(self.remove)
        self.metadata_button.clicked.connect(self.show_metadata)
        self.back_button.clicked.connect(self.backRequested.emit)
        for key, action in ((Qt.Key.Key_F2, self.rename), (Qt.Key.Key_Delete, self.remove)):
            shortcut = QShortcut(QKeySequence(key), self.tree)
            shortcut.setContext(Qt.ShortcutContext.WidgetShortcut)
            shortcut.activated.connect(action)

    def setExperiment(self, experiment: Experiment | None) -> None:
        """Show another experiment, or none."""
        self._experiment = experiment
        self.tree.clear()
        self._fault.hide()
        if self.isVisible():
            self.reload()

    def setBusy(self, busy: bool, *, importing: bool) -> None:
        """Bar changes while work goes on; `importing` if images are being converted."""
        if (busy, importing) != (self._busy, self._importing):
            self._busy, self._importing = busy, importing
            if self.isVisible():
                self.reload()

    def reload(self) -> None:
        """Read the tree again; what is chosen stays chosen."""
        experiment = self._experiment
        if experiment is None:
            return
        try:
            rows = read_plates(experiment, importing=self._importing)
        except TmapsError as error:
            self._say(str(error))
            return
        before = self._key(self.chosen())
        self.tree.clear()
        root = QTreeWidgetItem([experiment.name, "", _number(sum(row.images for row in rows))])
        root.setTextAlignment(2, _RIGHT)
        items = [root]
        for plate in rows:
            parent = _item(root, plate)
            items += [parent, *(_item(parent, row) for row in plate.acquisitions)]
        self.tree.addTopLevelItem(root)
        self.tree.expandAll()
        chosen = [item for item in items if self._key(item.data(0, _ROW)) == before]
        self.tree.setCurrentItem(chosen[0] if chosen else root)
        self._enable()

    def chosen(self) -> PlateRow | AcquisitionRow | None:
        """The chosen plate or acquisition; None for the experiment."""
        item = self.tree.currentItem()
        row: PlateRow | AcquisitionRow | None = item.data(0, _ROW) if item is not None else None
        return row

    @staticmethod
    def _key(row: PlateRow | AcquisitionRow | None) -> tuple[str, ...]:
        if isinstance(row, AcquisitionRow):
            return row.plate, row.name
        return () if row is None else (row.name,)

    def _enable(self) -> None:
        row, free = self.chosen(), not (self._busy or self._renaming.is_running)
        for button in (self.add_button, self.rename_button):
            button.setEnabled(free)
        self.describe_button.setEnabled(free and not isinstance(row, AcquisitionRow))
        self.remove_button.setEnabled(free and row is not None and not row.kept)
        self.metadata_button.setEnabled(isinstance(row, AcquisitionRow))
        lines: Iterable[str]
        if isinstance(row, AcquisitionRow):
            lines = (row.name, row.folder, row.kept)
        elif row is not None:
            lines = (row.name, row.description, row.kept)
        elif self._experiment is not None:
            lines = (self._experiment.catalogue.get("description", ""),)
        else:
            lines = ()
        self._about.say("\n\n".join(line for line in lines if line))

    def menu(self) -> QMenu:
        """What can be done to the chosen thing, as the buttons below have it."""
        menu = QMenu(self)
        for button, action in (
            (self.rename_button, self.rename),
            (self.describe_button, self.describe),
            (self.metadata_button, self.show_metadata),
            (self.remove_button, self.remove),
        ):
            entry = menu.addAction(button.text(), action)
            if entry is not None:
                entry.setEnabled(button.isEnabled())
        return menu

    def _show_menu(self, place: QPoint) -> None:
        item = self.tree.itemAt(place)
        viewport = self.tree.viewport()
        if item is not None and viewport is not None:
            self.tree.setCurrentItem(item)
            menu = self.menu()
            menu.exec(viewport.mapToGlobal(place))
            menu.deleteLater()

    # -- actions --------------------------------------------------------------------------------

    def rename(self) -> None:
        """Ask for another name of the experiment, or of the chosen plate or acquisition."""
        experiment, row = self._experiment, self.chosen()
        if experiment is None or not self.rename_button.isEnabled():
            return
        if row is None:
            name, good = QInputDialog.getText(
                self, "Rename the experiment", "Name (its folder stays):", text=experiment.name
            )
            if good:
                self._change(lambda: experiment.rename(name))
            return
        kind = "plate" if isinstance(row, PlateRow) else "acquisition"
        if unsaved := self.unsaved():
            self._say(f"{unsaved}. Save or discard that, then give the {kind} another name.")
            return
        name, good = QInputDialog.getText(self, f"Rename the {kind}", "Name:", text=row.name)
        if good and name.strip() != row.name:
            self._start_renaming(experiment, row, name.strip())

    def _start_renaming(
        self, experiment: Experiment, row: PlateRow | AcquisitionRow, name: str
    ) -> None:
        """Rename beside the window: tables of millions of objects take a while, servers too."""
        place = experiment.path  # of an experiment of a server: what follows it

        def make() -> Generator[Progress, None, tuple[str, str]]:
            from napari_tmaps.workflow.door import Experiment as Door

            yield Progress(row.name, 0, 0)
            with Door.open(place) as opened:
                if isinstance(row, PlateRow):
                    opened.rename_plate(row.name, name)
                    return row.name, name
                opened.rename_acquisition(row.plate, row.name, name)
            return "", ""

        self._fault.hide()
        self._renamed = place
        self._renaming.start("", make)
        self._enable()

    def _on_renamed(self, outcome: Outcome) -> None:
        if self._experiment is None or self._experiment.path != self._renamed:
            if outcome.error:  # another one was opened meanwhile
                self._say(f"{self._renamed.name}: {outcome.error}")
            self._enable()
        elif outcome.error:
            self._say(outcome.error)
            self._enable()
        elif outcome.value and outcome.value[0]:
            self.plateRenamed.emit(*outcome.value)
        else:
            self.reload()
            self.changed.emit()

    def describe(self) -> None:
        """Ask for the description of the experiment, or of the chosen plate."""
        experiment, row = self._experiment, self.chosen()
        if experiment is None or isinstance(row, AcquisitionRow):
            return
        catalogue = experiment.catalogue
        before = catalogue.get("description", "") if row is None else row.description
        text, good = QInputDialog.getMultiLineText(
            self, "Describe", f"What is '{experiment.name if row is None else row.name}'?", before
        )
        if not good:
            return
        if row is None:
            self._change(lambda: catalogue.set("description", text.strip()))
        else:
            self._change(lambda: catalogue.describe_plate(row.name, text.strip()))

    def remove(self) -> None:
        """Take the chosen plate or acquisition out, after a question."""
        experiment, row = self._experiment, self.chosen()
        if experiment is None or row is None or not self.remove_button.isEnabled():
            return
        mine = row.acquisitions if isinstance(row, PlateRow) else (row,)
        kind = "plate" if isinstance(row, PlateRow) else "acquisition"
        answer = QMessageBox.question(
            self,
            f"Remove the {kind}",
            f"Remove {kind} '{row.name}' from the experiment? Nothing was made of it yet. The "
            "microscope's files stay; it can be added again.",
        )
        if answer != QMessageBox.StandardButton.Yes:
            return

        def change() -> None:
            with coordinating(experiment.path, f"removing {kind} '{row.name}'"):
                for each in mine:
                    experiment.remove_acquisition(each.plate, each.name)

        self._change(change)

    def show_metadata(self) -> None:
        """Show the OME metadata of the chosen acquisition."""
        row = self.chosen()
        if self._experiment is None or not isinstance(row, AcquisitionRow):
            return
        dialog = OmeDialog(self._experiment, row.plate, row.name, self)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.applied.connect(self.changed)
        dialog.open()

    def _change(self, change: Callable[[], None]) -> None:
        self._fault.hide()
        try:
            change()
        except TmapsError as error:
            self._say(str(error))
        self.reload()
        self.changed.emit()

    def _say(self, text: str) -> None:
        self._fault.setText(f"⚠ {text}")
        self._fault.show()


def _item(parent: QTreeWidgetItem, row: PlateRow | AcquisitionRow) -> QTreeWidgetItem:
    item = QTreeWidgetItem(parent, [row.name, str(row.status), _number(row.images)])
    item.setData(0, _ROW, row)
    item.setTextAlignment(2, _RIGHT)
    item.setToolTip(0, row.folder if isinstance(row, AcquisitionRow) else row.description)
    return item


def _number(count: int) -> str:
    return f"{count:,}".replace(",", " ")
