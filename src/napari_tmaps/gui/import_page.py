"""What a microscope folder holds, to be looked at before an experiment is made of it."""

from __future__ import annotations

from html import escape
from pathlib import Path

from qtpy.QtCore import Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_tmaps.model.planes import Scan

_MOST_ODDITIES = 6


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
        ("Planes", f"{facts['size_z']} z × {facts['size_t']} t, {facts['planes']} in all"),
        ("Image", f"{size[0]} × {size[1]} px, {facts['dtype']}" if size else "size unknown"),
        ("Pixel", f"{pixel[0]:g} × {pixel[1]:g} µm" if pixel else "size unknown"),
    ]


class ImportPage(QWidget):
    """Edits where the experiment goes; shows what will be in it."""

    createRequested = Signal(str)
    """Folder of the new experiment."""
    backRequested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._facts = QLabel()
        self._facts.setWordWrap(True)
        self._oddities = QLabel()
        self._oddities.setWordWrap(True)
        self._target = QLineEdit()
        self._target.setToolTip("Folder of the new experiment; by custom it ends in .tmaps")
        browse = QPushButton("…")
        browse.setToolTip("Choose where the experiment goes")
        browse.setMaximumWidth(32)
        self.create_button = QPushButton("Make an experiment here")
        self.create_button.setToolTip(
            "Make the folder and convert the images into it. The microscope's files stay as they "
            "are."
        )
        self.back_button = QPushButton("Back")

        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._facts)
        layout.addWidget(self._oddities)
        layout.addSpacing(6)
        layout.addWidget(QLabel("New experiment"))
        row = QHBoxLayout()
        row.addWidget(self._target)
        row.addWidget(browse)
        layout.addLayout(row)
        layout.addWidget(self.create_button)
        layout.addWidget(self.back_button)
        layout.addStretch()

        browse.clicked.connect(self._on_browse)
        self.create_button.clicked.connect(self._on_create)
        self.back_button.clicked.connect(self.backRequested.emit)

    def value(self) -> str:
        """Folder of the new experiment."""
        return self._target.text().strip()

    def setScan(self, scan: Scan) -> None:
        """Show what was found, and propose a folder beside it."""
        rows = "".join(
            f"<tr><td>{name}&nbsp;&nbsp;</td><td>{escape(value)}</td></tr>"
            for name, value in summary_rows(scan)
        )
        self._facts.setText(f"<table cellspacing='0' cellpadding='2'>{rows}</table>")
        sentences = [str(oddity) for oddity in scan.oddities]
        shown = [f"⚠ {sentence}" for sentence in sentences[:_MOST_ODDITIES]]
        if len(sentences) > _MOST_ODDITIES:
            shown.append(f"… and {len(sentences) - _MOST_ODDITIES} more; see 'tmaps scan'.")
        self._oddities.setText("\n\n".join(shown))
        self._oddities.setVisible(bool(shown))
        self._target.setText(str(proposed_folder(scan.root)))

    def _on_browse(self) -> None:
        start = str(Path(self.value()).parent)
        chosen = QFileDialog.getExistingDirectory(self, "Folder for the new experiment", start)
        if chosen:
            self._target.setText(str(Path(chosen) / Path(self.value()).name))

    def _on_create(self) -> None:
        self.createRequested.emit(self.value())


def proposed_folder(root: Path) -> Path:
    """A folder for the experiment that does not exist yet, beside the microscope's."""
    folder = root.with_name(f"{root.name}.tmaps")
    number = 2
    while folder.exists():
        folder = root.with_name(f"{root.name}-{number}.tmaps")
        number += 1
    return folder
