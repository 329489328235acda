"""The choice of a population: all objects, a gate, a selection, or a class of a result."""

from __future__ import annotations

from qtpy.QtCore import QSignalBlocker, Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import QComboBox, QWidget

from napari_tmaps.tools.population import ALL, Population, populations
from napari_tmaps.tools.values import ToolData


class PopulationBox(QComboBox):
    """Edits a `Population`."""

    valueChanged = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setToolTip("Which objects: all, those of a gate, of a selection, or of a class")
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setData(None)
        self.activated.connect(lambda _: self.valueChanged.emit(self.value()))

    def value(self) -> Population:
        """The population."""
        found = self.currentData()
        return found if isinstance(found, Population) else ALL

    def setValue(self, population: Population) -> None:
        """Choose another; all objects, if it is not there."""
        offered = [self.itemData(n) for n in range(self.count())]
        self.setCurrentIndex(offered.index(population) if population in offered else 0)

    def setData(self, data: ToolData | None) -> None:
        """Offer what there is now; the choice stays if it can. Says nothing of a change."""
        before = self.value()
        with QSignalBlocker(self):
            self.clear()
            for population in [ALL] if data is None else populations(data):
                self.addItem(str(population), population)
            self.setValue(before)
