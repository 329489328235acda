"""A log, which can be searched, and is followed while it grows."""

from __future__ import annotations

from qtpy.QtGui import QFontDatabase, QKeySequence, QShortcut, QTextCursor  # type: ignore[attr-defined]
from qtpy.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QVBoxLayout,
    QWidget,
)

from napari_tmaps.gui.parts import tool_button, wrapped

_MOST_LINES = 20_000


class LogView(QWidget):
    """Shows a text; its last lines where it is very long."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._title = wrapped()
        self.text = QPlainTextEdit()
        self.text.setReadOnly(True)
        self.text.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.text.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.text.setMinimumHeight(60)
        self.search = QLineEdit()
        self.search.setPlaceholderText("Search the log")
        self.search.setToolTip("Search the log (Ctrl+F); Enter goes to the next place")
        self.search.setClearButtonEnabled(True)
        self.previous_button = tool_button("▲", "Previous place")
        self.next_button = tool_button("▼", "Next place (Enter)")
        self._found = QLabel()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._title)
        layout.addWidget(self.text, 1)
        row = QHBoxLayout()
        row.addWidget(self.search, 1)
        row.addWidget(self._found)
        row.addWidget(self.previous_button)
        row.addWidget(self.next_button)
        layout.addLayout(row)
        self.search.textChanged.connect(self._on_search_changed)
        self.search.returnPressed.connect(lambda: self._find(1))
        self.next_button.clicked.connect(lambda: self._find(1))
        self.previous_button.clicked.connect(lambda: self._find(-1))
        QShortcut(QKeySequence.StandardKey.Find, self, self.search.setFocus)

    def setLog(self, title: str, text: str) -> None:
        """Show a log; one that has only grown stays where it is, or at its end."""
        self._title.setText(title)
        lines = text.splitlines()
        if len(lines) > _MOST_LINES:
            lines = [f"… {len(lines) - _MOST_LINES} lines before", *lines[-_MOST_LINES:]]
        shown, bar = "\n".join(lines), self.text.verticalScrollBar()
        if shown == self.text.toPlainText():
            return
        assert bar is not None
        at, at_end = bar.value(), bar.value() == bar.maximum()
        self.text.setPlainText(shown)
        bar.setValue(bar.maximum() if at_end else at)
        self._count()

    def _on_search_changed(self) -> None:
        self.text.moveCursor(QTextCursor.MoveOperation.Start)
        self._find(1)
        self._count()

    def _count(self) -> None:
        wanted = self.search.text().lower()
        number = self.text.toPlainText().lower().count(wanted) if wanted else 0
        self._found.setText(f"{number} found" if wanted else "")

    def _find(self, direction: int) -> None:
        from qtpy.QtGui import QTextDocument

        wanted = self.search.text()
        if not wanted:
            return
        back = QTextDocument.FindFlag.FindBackward
        flags = back if direction < 0 else QTextDocument.FindFlag(0)
        if not self.text.find(wanted, flags):  # go on from the other end
            end = QTextCursor.MoveOperation
            self.text.moveCursor(end.End if direction < 0 else end.Start)
            self.text.find(wanted, flags)
