"""What became of a pipeline of another program: the parts that are not here as they were there."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from qtpy.QtCore import Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import QTextBrowser, QVBoxLayout, QWidget

from napari_tmaps.gui.parts import push_button, wrapped
from napari_tmaps.pipeline.imported import Note, State

_HEADINGS = {
    State.LEFT_OUT: "Left out",
    State.APPROXIMATED: "Done in another way",
}


class ImportNotes(QWidget):
    """A page; tells when it was read.

    Signals
    -------
    closed
        The user has read it.
    """

    closed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._title = wrapped()
        self.text = QTextBrowser()
        self.close_button = push_button("Go on", "Show the settings of the chosen step")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._title)
        layout.addWidget(self.text, 1)
        layout.addWidget(self.close_button)
        self.close_button.clicked.connect(self.closed)

    def show_notes(self, name: str, notes: Sequence[Note]) -> None:
        """Show what became of the parts of a file."""
        self._title.setText(title_of(name, notes))
        self.text.setHtml(html_of(notes))


def title_of(name: str, notes: Sequence[Note]) -> str:
    """How many parts of a file were carried over."""
    same, other, none = (sum(note.state is state for note in notes) for state in State)
    told = [f"{other} done in another way"] if other else []
    told += [f"{none} left out"] if none else []
    told.append(f"{same} as they were" if same else "all else as it was")
    return f"<b>{escape(name)}</b>: {', '.join(told)}."


def html_of(notes: Sequence[Note]) -> str:
    """The parts that are not as they were, those that were left out first."""
    pages = []
    for state, heading in _HEADINGS.items():
        items = [
            f"<li><b>{escape(note.place)}</b><br>{escape(note.text)}</li>"
            for note in notes
            if note.state is state
        ]
        if items:
            pages.append(f"<h4>{heading}</h4><ul>{''.join(items)}</ul>")
    return "".join(pages)
