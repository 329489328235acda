"""A classifier of objects: its classes, features and settings, how good it is, what it says."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any

from qtpy.QtCore import QSignalBlocker, QSize, Qt, Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import (
    QCheckBox,
    QFileDialog,
    QFormLayout,
    QGridLayout,
    QInputDialog,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QVBoxLayout,
    QWidget,
)
from superqt import QCollapsible

from napari_tmaps.errors import TmapsError
from napari_tmaps.gui.class_report import ClassReport
from napari_tmaps.gui.colour_list import color_icon
from napari_tmaps.gui.column_menu import ColumnMenu
from napari_tmaps.gui.latest import Latest
from napari_tmaps.gui.object_book import ObjectBook
from napari_tmaps.gui.parts import Fault, timer, wrapped
from napari_tmaps.gui.plot_state import plottable
from napari_tmaps.gui.selection_list import selection_rows
from napari_tmaps.gui.setting_editor import SettingEditor, make_editor
from napari_tmaps.gui.sight import Sight
from napari_tmaps.gui.training import (
    SHOWN,
    TOOL,
    Trained,
    TrainingChoice,
    apply_file,
    can_be_live,
    free_name,
    readiness,
    sentence,
    train,
)
from napari_tmaps.gui.workers import Outcome
from napari_tmaps.model.progress import Progress
from napari_tmaps.store.results import AboutResult
from napari_tmaps.tools import TOOLS
from napari_tmaps.tools.population import Population
from napari_tmaps.tools.run import keep_result, results_of

NAME = "classes"
"""Name of the colours of classes on the map."""
_PATIENCE_MS = 400  # after a click, before a classifier is trained


class ClassifierPanel(QWidget):
    """Edits a `TrainingChoice`; trains, and colours the map by the classes.

    Signals
    -------
    trained
        What came of it, a `Trained`.
    galleryRequested
        The objects that are least sure are to be seen in the gallery.
    """

    valueChanged = Signal(object)
    trained = Signal(object)
    galleryRequested = Signal()

    def __init__(self, book: ObjectBook, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._book = book
        self._trained: Trained | None = None
        self._of: Path | None = None  # experiment that is, or was, trained on
        self._at = -1
        self._work = Latest(self)
        self._saving = Latest(self)
        self._sight = Sight(self, self._on_changed)  # examples may come while nobody looks
        self._wait = timer(self, _PATIENCE_MS, self.train)
        self.classes = QListWidget()
        self.classes.setMaximumHeight(84)
        self.classes.setAccessibleName("Classes")
        self.classes.setToolTip("Selections and gates that are the classes")
        self.features = ColumnMenu("Features")
        self.features.setToolTip(
            "What the classifier may use; if none is chosen, all but where an object lies"
        )
        self.editors: dict[str, SettingEditor] = {}
        self.live = QCheckBox("Train while I click")
        self.live.setChecked(True)
        self.live.setToolTip("Train again, and colour the map anew, whenever an example is added")
        self.fault = Fault()
        self._text = wrapped()
        self._text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.report = ClassReport()
        self.buttons = {
            name: QPushButton(name)
            for name in (
                "Train",
                "Next uncertain",
                "Uncertain in gallery",
                "Save result…",
                "Apply file…",
            )
        }
        tips = (
            "Train now, judge by cross-validation, and colour the map",
            "Go to the object of which the classifier is least sure; again, to the next",
            "Show the objects of which the classifier is least sure in the gallery",
            "Keep the classes, their probabilities and the classifier with the experiment",
            "Classify these objects by a classifier from another experiment (model.npz)",
        )
        inside = QWidget()
        form = QFormLayout(inside)
        form.setContentsMargins(0, 0, 0, 0)
        form.addRow("Features", self.features)
        for setting in TOOLS[TOOL].settings:
            if setting.name in SHOWN:
                editor = make_editor(setting)
                editor.setValue(setting.default)
                editor.setToolTip(f"<qt>{setting.help}</qt>")
                editor.valueChanged.connect(self._on_changed)
                self.editors[setting.name] = editor
                form.addRow(setting.name.replace("_", " ").capitalize(), editor)
        grid = QGridLayout()
        for n, (button, tip) in enumerate(zip(self.buttons.values(), tips, strict=True)):
            button.setToolTip(tip)
            grid.addWidget(button, (n + 1) // 2, (n + 1) % 2 if n else 0, 1, 1 if n else 2)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(QLabel("Classes"))
        layout.addWidget(self.classes)
        self.settings = QCollapsible("Features and settings")
        self.settings.setContent(inside)
        self.settings.collapse(animate=False)
        layout.addWidget(self.settings)
        layout.addWidget(self.live)
        layout.addLayout(grid)
        layout.addWidget(self.fault)
        layout.addWidget(self._text)
        layout.addWidget(self.report)
        layout.addStretch()

        self.classes.itemChanged.connect(self._on_changed)
        self.features.valueChanged.connect(self._on_changed)
        self.live.toggled.connect(self._on_changed)
        self.buttons["Train"].clicked.connect(self.train)
        self.buttons["Next uncertain"].clicked.connect(self.show_uncertain)
        self.buttons["Uncertain in gallery"].clicked.connect(self.galleryRequested.emit)
        self.buttons["Save result…"].clicked.connect(self._on_save)
        self.buttons["Apply file…"].clicked.connect(self._on_apply)
        self._work.ended.connect(self._on_worked)
        self._saving.ended.connect(self._on_saved)
        book.opened.connect(self._on_opened)
        book.gatesChanged.connect(self._on_populations_changed)
        book.selectionsChanged.connect(self._on_populations_changed)
        self._on_opened()

    def value(self) -> TrainingChoice:
        """What is trained with."""
        items = (self.classes.item(n) for n in range(self.classes.count()))
        checked = Qt.CheckState.Checked
        return TrainingChoice(
            tuple(
                item.data(Qt.ItemDataRole.UserRole)
                for item in items
                if item is not None and item.checkState() == checked
            ),
            self.features.value(),
            {name: editor.value() for name, editor in self.editors.items()},
        )

    def setValue(self, choice: TrainingChoice) -> None:
        """Train with something else; classes that are gone are left out."""
        with QSignalBlocker(self.classes):
            for n in range(self.classes.count()):
                item = self.classes.item(n)
                assert item is not None, "it is within the list"
                on = item.data(Qt.ItemDataRole.UserRole) in choice.classes
                item.setCheckState(Qt.CheckState.Checked if on else Qt.CheckState.Unchecked)
        self.features.setValue(choice.features)
        for name, value in choice.settings.items():
            self.editors[name].setValue(value)
        self._on_changed()

    @property
    def is_busy(self) -> bool:
        """True while a classifier is trained, or will be at once."""
        return self._work.is_running or self._wait.isActive() or self._saving.is_running

    @property
    def result(self) -> Trained | None:
        """What came of the last training."""
        return self._trained

    def minimumSizeHint(self) -> QSize:
        """As high as its texts need at this width: Qt asks for less, and would cut them off."""
        hint, layout = super().minimumSizeHint(), self.layout()
        assert layout is not None, "it was made above"
        return QSize(hint.width(), layout.totalHeightForWidth(max(self.width(), hint.width())))

    def resizeEvent(self, event: Any) -> None:
        """A bar to scroll takes width, and then the texts need more lines."""
        super().resizeEvent(event)
        self.updateGeometry()

    # -- training -------------------------------------------------------------------------------

    def train(self) -> None:
        """Train with what is chosen now."""
        data, choice = self._book.data, self.value()
        if data is None:
            return
        lacking = readiness(data, choice)
        self._say(lacking)
        if lacking:
            return
        colors = {name: self._book.gate_color(name) for name in data.gates}
        self._text.setText("Training …")
        self._of = self._here()
        self._work.ask("Classifier", lambda: train(data, choice, colors))

    def apply(self, path: Path) -> None:
        """Classify the objects by a classifier from a file."""
        data = self._book.data
        if data is not None:
            self._say("")
            self._of = self._here()
            self._work.ask("Classifier", lambda: apply_file(data, path))

    def show_uncertain(self) -> None:
        """Go to the next of the objects of which the classifier is least sure."""
        trained = self._trained
        if trained is None or not len(trained.uncertain):
            return
        self._at = (self._at + 1) % len(trained.uncertain)
        self._book.go(int(trained.uncertain[self._at]))

    def save(self, name: str) -> None:
        """Keep what came of it with the experiment."""
        trained, experiment = self._trained, self._book.desk.experiment
        if trained is None or experiment is None:
            return

        def make() -> Generator[Progress, None, AboutResult]:
            yield Progress("saving", 0, 0)
            return keep_result(
                experiment, trained.data, trained.result, TOOL, trained.settings, name
            )

        self._say("")
        self._saving.ask("Saving", make)

    def _on_worked(self, outcome: Outcome) -> None:
        self._say(outcome.error)
        if outcome.value is None or not self._is_of_now(outcome.value):
            self._text.clear()
            return
        self._trained, self._at = outcome.value, -1
        self._text.setText(sentence(outcome.value))
        self.report.setReport(outcome.value)
        self._enable()
        self._book.colour(outcome.value.codes, NAME, outcome.value.classes)
        self.trained.emit(outcome.value)

    def _on_saved(self, outcome: Outcome) -> None:
        self._say(outcome.error)
        if outcome.value is not None:
            self._book.desk.tablesChanged.emit(outcome.value.object_type)
            self._text.setText(
                f"Kept as the result “{outcome.value.name}”; its columns are in the table."
            )

    # -- what is chosen -------------------------------------------------------------------------

    def _here(self) -> Path | None:
        experiment = self._book.desk.experiment
        return None if experiment is None else experiment.path

    def _is_of_now(self, trained: Trained) -> bool:
        """Whether its rows are those of the objects that are open."""
        data = self._book.data
        return data is not None and data.table.has_rows_of(trained.data.table)

    def _on_opened(self) -> None:
        data = self._book.data
        is_elsewhere = self._of != self._here()
        if is_elsewhere:
            self._work.cancel()
        trained = self._trained
        if is_elsewhere or (trained is not None and not self._is_of_now(trained)):
            self._trained = None
            self._text.clear()
            self._book.uncolour(NAME)
        if self._trained is None:
            self.report.setReport(None)
        kept = self.features.value()
        self.features.setNames([] if data is None else plottable(data.table))
        self.features.setValue(kept)
        self._say("")
        self._on_populations_changed()

    def _on_populations_changed(self) -> None:
        """Offer selections and gates; a new selection is a class, a new gate is not."""
        data = self._book.data
        before = dict.fromkeys(self.value().classes, True)
        known = {
            item.data(Qt.ItemDataRole.UserRole)
            for n in range(self.classes.count())
            if (item := self.classes.item(n)) is not None
        }
        with QSignalBlocker(self.classes):
            self.classes.clear()
            for row in selection_rows(self._book):
                one = Population("selection", row.name)
                text = f"{row.name} ({row.count})"
                self._offer(one, text, row.color, before.get(one, one not in known))
            for name in data.gates if data else ():
                one = Population("gate", name)
                self._offer(one, f"{name} (gate)", self._book.gate_color(name), one in before)
        self._on_changed()

    def _offer(self, population: Population, text: str, color: str, is_on: bool) -> None:
        item = QListWidgetItem(color_icon(color), text)
        item.setFlags(Qt.ItemFlag.ItemIsUserCheckable | Qt.ItemFlag.ItemIsEnabled)
        item.setData(Qt.ItemDataRole.UserRole, population)
        item.setCheckState(Qt.CheckState.Checked if is_on else Qt.CheckState.Unchecked)
        self.classes.addItem(item)

    def _on_changed(self, _value: object = None) -> None:
        self._enable()
        chosen = len(self.features.value())
        self.features.setText(f"{chosen} chosen" if chosen else "All that were measured")
        data = self._book.data
        if data is None:
            self._wait.stop()
            return
        lacking = readiness(data, self.value())
        self._say(lacking)
        can_be = self.live.isChecked() and not lacking and can_be_live(data.table)
        if can_be and not self._sight.waits():
            self._wait.start()
        self.valueChanged.emit(self.value())

    def _enable(self) -> None:
        data = self._book.data
        self.buttons["Train"].setEnabled(data is not None and not readiness(data, self.value()))
        for name in ("Next uncertain", "Uncertain in gallery", "Save result…"):
            self.buttons[name].setEnabled(self._trained is not None)
        self.buttons["Apply file…"].setEnabled(data is not None)
        live = data is None or can_be_live(data.table)
        self.live.setEnabled(live)

    def _on_save(self) -> None:
        experiment = self._book.desk.experiment
        if experiment is None:
            return
        try:
            taken = results_of(experiment).names(self._book.object_type)
        except TmapsError as error:
            self._say(str(error))
            return
        name, fine = QInputDialog.getText(
            self, "Save result", "Name of the result", text=free_name(taken)
        )
        if fine and name.strip():
            self.save(name.strip())

    def _on_apply(self) -> None:
        chosen, _ = QFileDialog.getOpenFileName(self, "Classifier", "", "Classifiers (*.npz)")
        if chosen:
            self.apply(Path(chosen))

    def _say(self, text: str) -> None:
        self.fault.warn(text)
