"""What is sent off: which sites, on which engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
from qtpy.QtCore import Qt, Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import QFrame, QLabel, QScrollArea, QVBoxLayout, QWidget

from napari_tmaps.errors import TmapsError
from napari_tmaps.gui.arguments_form import ArgumentsForm
from napari_tmaps.gui.parts import wrapped
from napari_tmaps.workflow.engines import EngineChoice
from napari_tmaps.workflow.submission import Subset

if TYPE_CHECKING:
    from napari_tmaps.store.experiment import Experiment


class SendingPage(QScrollArea):
    """Edits a `Subset` and an `EngineChoice`."""

    valueChanged = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._sites = pd.DataFrame()
        self.subset, self.engine = ArgumentsForm(Subset), ArgumentsForm(EngineChoice)
        self._count = wrapped()
        inside = QWidget()
        layout = QVBoxLayout(inside)
        layout.setContentsMargins(4, 6, 4, 0)
        layout.addWidget(_heading("Which sites"))
        layout.addWidget(self.subset)
        layout.addWidget(self._count)
        layout.addSpacing(8)
        layout.addWidget(_heading("On which engine"))
        layout.addWidget(self.engine)
        layout.addStretch()
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setWidget(inside)
        self.subset.valueChanged.connect(lambda _: self._on_changed())
        self.engine.valueChanged.connect(lambda _: self._on_changed())

    def setExperiment(self, experiment: Experiment | None) -> None:
        """Count the sites of another experiment, or count them anew."""
        self._sites = pd.DataFrame() if experiment is None else experiment.catalogue.sites()
        self._show_count()

    def value(self) -> tuple[Subset, EngineChoice]:
        """The subset and the engine; ask `fault` before."""
        return Subset(**self.subset.value()), EngineChoice(**self.engine.value())

    def setValue(self, subset: Subset, engine: EngineChoice) -> None:
        """Show a subset and an engine."""
        self.subset.setValue(subset.model_dump())
        self.engine.setValue(engine.model_dump())
        self._show_count()

    def fault(self) -> str:
        """What is wrong; "" if all is right."""
        found = self.subset.faults() | self.engine.faults()
        if found:
            return "; ".join(f"{name}: {text}" for name, text in found.items())
        try:
            Subset(**self.subset.value()).choose(self._sites)
        except TmapsError as error:
            return str(error)
        return ""

    def _on_changed(self) -> None:
        self._show_count()
        self.valueChanged.emit()

    def _show_count(self) -> None:
        fault = self.fault()
        if fault:
            self._count.setText(f"⚠ {fault}")
            return
        if self._sites.empty:
            self._count.setText("The sites are known once the images are converted.")
            return
        chosen = Subset(**self.subset.value()).choose(self._sites)
        number = len(self._sites) if chosen is None else len(chosen)
        self._count.setText(f"{number} of {len(self._sites)} sites.")


def _heading(text: str) -> QLabel:
    return QLabel(f"<b>{text}</b>")
