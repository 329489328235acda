"""What the experiment widget shows while no experiment is open: what to do first."""

from __future__ import annotations

from qtpy.QtCore import Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import QPushButton, QVBoxLayout, QWidget
from superqt import QElidingLabel

from napari_tmaps.gui.parts import push_button, wrapped
from napari_tmaps.gui.recent import title

_MOST_RECENT = 4


class StartPage(QWidget):
    """Buttons to open, make or try an experiment, and the ones that were opened lately."""

    openRequested = Signal(str)
    """Folder of an experiment, "" to ask for one."""
    serverRequested = Signal()
    newRequested = Signal()
    sampleRequested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        welcome = wrapped(
            "No experiment is open. Open one, make one from the folder that a microscope wrote, "
            "or try the sample plate. You can also drop a folder here."
        )
        open_button = push_button("Open experiment…", "Open a folder that ends in .tmaps")
        server_button = push_button(
            "Open on a server…",
            "Open an experiment that 'tmaps serve' offers on another machine",
        )
        new_button = push_button(
            "New from microscope folder…",
            "Look at what a microscope wrote, and make an experiment of it",
        )
        sample_button = push_button(
            "Try the sample plate", "Make a small plate of cells and open it; takes a few seconds"
        )
        self._title = QElidingLabel("Opened lately")
        self._recent = QVBoxLayout()

        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(welcome)
        layout.addSpacing(6)
        layout.addWidget(open_button)
        layout.addWidget(server_button)
        layout.addWidget(new_button)
        layout.addWidget(sample_button)
        layout.addSpacing(10)
        layout.addWidget(self._title)
        layout.addLayout(self._recent)
        layout.addStretch()

        open_button.clicked.connect(lambda: self.openRequested.emit(""))
        server_button.clicked.connect(self.serverRequested.emit)
        new_button.clicked.connect(self.newRequested.emit)
        sample_button.clicked.connect(self.sampleRequested.emit)
        self.buttons = {
            "open": open_button,
            "server": server_button,
            "new": new_button,
            "sample": sample_button,
        }

    def setRecent(self, paths: list[str]) -> None:
        """Show the experiments that were opened lately."""
        while (item := self._recent.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.deleteLater()
        self._title.setVisible(bool(paths))
        for path in paths[:_MOST_RECENT]:
            button = QPushButton(title(path))
            button.setToolTip(path)
            button.setFlat(True)
            button.clicked.connect(lambda _=False, path=path: self.openRequested.emit(path))
            self._recent.addWidget(button)
