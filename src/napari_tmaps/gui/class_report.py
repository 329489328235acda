"""How good a classifier is: which examples it called what, and which features tell most."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QHeaderView, QTableWidget, QTableWidgetItem, QVBoxLayout, QWidget

from napari_tmaps.gui.parts import Message
from napari_tmaps.gui.training import Trained, class_rows, importances

_MATRIX_ROWS = 6


class ClassReport(QWidget):
    """Shows the confusion matrix and the features."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.matrix = QTableWidget()
        self.matrix.setEditTriggers(QTableWidget.EditTrigger.NoEditTriggers)
        self.matrix.setAccessibleName("Confusion matrix")
        self.matrix.setToolTip(
            "Examples that were left out: rows are what they are, columns what they were called"
        )
        self.importance = Message()
        self.importance.setToolTip(
            "By how much the probability of the right class falls when the feature is shuffled"
        )
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.matrix)
        layout.addWidget(self.importance)
        self.setReport(None)

    def setReport(self, trained: Trained | None) -> None:
        """Show what came of a training; None for nothing."""
        report = trained.result.report if trained is not None else None
        self.setVisible(report is not None)
        if report is None:
            return
        rows = class_rows(report)
        names = [row.name for row in rows]
        self.matrix.clear()
        self.matrix.setRowCount(len(rows))
        self.matrix.setColumnCount(len(rows) + 1)
        self.matrix.setVerticalHeaderLabels(names)
        self.matrix.setHorizontalHeaderLabels([*names, "F1"])
        for n, row in enumerate(rows):
            whole = max(sum(row.called), 1)
            for m, count in enumerate(row.called):
                item = _number(str(count))
                shade = QColor("#0072b2" if n == m else "#d55e00")
                shade.setAlpha(int(200 * count / whole))
                item.setBackground(shade)
                self.matrix.setItem(n, m, item)
            self.matrix.setItem(n, len(rows), _number("–" if row.f1 is None else f"{row.f1:.2f}"))
        header = self.matrix.horizontalHeader()
        side = self.matrix.verticalHeader()
        assert header is not None, "a table has one"
        assert side is not None, "a table has one"
        header.setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        height = header.sizeHint().height() + 6
        height += min(len(rows), _MATRIX_ROWS) * side.defaultSectionSize()
        self.matrix.setFixedHeight(height)
        self.matrix.setVisible(bool(rows))
        told = importances(report)
        lines = [f"{name}  {value:.3f}" for name, value in told]
        self.importance.say("\n".join(["Features that tell most:", *lines]) if told else "")


def _number(text: str) -> QTableWidgetItem:
    item = QTableWidgetItem(text)
    item.setTextAlignment(Qt.AlignmentFlag.AlignCenter)
    return item
