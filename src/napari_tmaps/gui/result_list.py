"""The results of tools: which lie over the map, with legend and opacity."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from qtpy.QtCore import QSignalBlocker, Qt, Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from napari_tmaps.gui.parts import Message, push_button, wrapped
from napari_tmaps.store.results import AboutResult

_MOST = 12  # entries of a legend


class ResultList(QWidget):
    """Edits the name of the result that is looked at, and which results are active.

    Signals
    -------
    valueChanged
        Name of the result that is looked at; "" if there is none.
    activeChanged
        Names of the results that lie over the map.
    opacityChanged
        Name, opacity from 0 to 1.
    renamed
        Old name, new name.
    deleteRequested
        Name.
    """

    valueChanged = Signal(str)
    activeChanged = Signal(object)
    opacityChanged = Signal(str, float)
    renamed = Signal(str, str)
    deleteRequested = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._about: dict[str, AboutResult] = {}
        self._opacities: dict[str, float] = {}
        self._empty = wrapped("No results yet: choose a tool, and press Run.")
        self.list = QListWidget()
        self.list.setToolTip(
            "The current result is first. Ticked results lie over the map; double-click to rename"
        )
        self.list.setMaximumHeight(6 * self.list.fontMetrics().lineSpacing() + 12)
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(0, 100)
        self.slider.setToolTip("How much of the result is seen over the image")
        self.delete_button = push_button("Delete", "Delete this result; its objects stay")
        self._legend = Message()
        self._legend.setTextFormat(Qt.TextFormat.RichText)
        row = QHBoxLayout()
        row.addWidget(QLabel("Opacity"))
        row.addWidget(self.slider, 1)
        row.addWidget(self.delete_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._empty)
        layout.addWidget(self.list)
        layout.addLayout(row)
        layout.addWidget(self._legend)
        self.list.currentItemChanged.connect(lambda *_: self._on_chosen())
        self.list.itemChanged.connect(self._on_item_changed)
        self.slider.valueChanged.connect(
            lambda value: self.opacityChanged.emit(self.value(), value / 100)
        )
        self.delete_button.clicked.connect(lambda: self.deleteRequested.emit(self.value()))
        self.setResults([], (), {})

    def value(self) -> str:
        """Name of the result that is looked at; "" if there is none."""
        item = self.list.currentItem()
        return "" if item is None else str(item.data(Qt.ItemDataRole.UserRole))

    def setValue(self, name: str) -> None:
        """Look at a result, if there is one of that name."""
        for n in range(self.list.count()):
            item = self.list.item(n)
            if item is not None and item.data(Qt.ItemDataRole.UserRole) == name:
                self.list.setCurrentItem(item)

    def classes(self) -> str:
        """The first column of classes of the result that is looked at, e.g. "sizes:class"."""
        about = self._about.get(self.value())
        return next((f"{about.name}:{column}" for column in about.classes), "") if about else ""

    def active(self) -> tuple[str, ...]:
        """Names of the results that lie over the map."""
        items = (self.list.item(n) for n in range(self.list.count()))
        return tuple(
            str(item.data(Qt.ItemDataRole.UserRole))
            for item in items
            if item is not None and item.checkState() == Qt.CheckState.Checked
        )

    def setResults(
        self,
        results: Sequence[AboutResult],
        active: Sequence[str],
        opacities: Mapping[str, float],
    ) -> None:
        """Show these, the newest first; says nothing of it."""
        before = self.value()
        self._about = {about.name: about for about in reversed(results)}
        self._opacities = dict(opacities)
        with QSignalBlocker(self.list):
            self.list.clear()
            for n, (name, about) in enumerate(self._about.items()):
                item = QListWidgetItem(name)
                item.setData(Qt.ItemDataRole.UserRole, name)
                flags = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
                flags |= Qt.ItemFlag.ItemIsEditable
                if about.columns:  # an answer about wells has nothing to lie over the map
                    flags |= Qt.ItemFlag.ItemIsUserCheckable
                    on = name in active
                    item.setCheckState(Qt.CheckState.Checked if on else Qt.CheckState.Unchecked)
                item.setFlags(flags)
                when = about.created[:16].replace("T", " ")
                kind = "Current result" if n == 0 else "Saved result"
                item.setToolTip(f"{kind}: {about.tool}, {about.objects:,} objects, {when} UTC")
                self.list.addItem(item)
            if self.list.count():
                self.list.setCurrentRow(0)
                self.setValue(before)
        for part in (self.list, self.slider, self.delete_button):
            part.setEnabled(bool(self._about))
        self._empty.setVisible(not self._about)
        self.list.setVisible(bool(self._about))
        self._show_chosen()

    def _show_chosen(self) -> None:
        about = self._about.get(self.value())
        with QSignalBlocker(self.slider):
            self.slider.setValue(round(100 * self._opacities.get(self.value(), 0.5)))
        self.slider.setEnabled(about is not None and bool(about.columns))
        self._legend.say("" if about is None else legend(about))

    def _on_chosen(self) -> None:
        self._show_chosen()
        self.valueChanged.emit(self.value())

    def _on_item_changed(self, item: QListWidgetItem) -> None:
        old, new = str(item.data(Qt.ItemDataRole.UserRole)), item.text().strip()
        if old != new:
            with QSignalBlocker(self.list):
                item.setText(old)
            self.renamed.emit(old, new)
        else:
            self.activeChanged.emit(self.active())


def legend(about: AboutResult) -> str:
    """Colours of the classes of a result, or the ends of its numbers, as rich text."""
    if not about.columns:
        return ""
    first = about.columns[0]
    names = about.classes.get(first)
    if names is None:
        return f"{first}: dark is low, yellow is high"
    sizes = about.report.get("sizes", {})
    parts = []
    for name in names[:_MOST]:
        count = f" {sizes[name]:,}" if isinstance(sizes.get(name), int) else ""
        color = about.colors.get(name, "#999999")
        words = escape(f"{name}{count}").replace(" ", "&nbsp;")  # an entry stays on one line
        parts.append(f'<span style="color:{color}">■</span>&nbsp;{words}')
    more = f" … {len(names) - _MOST} more" if len(names) > _MOST else ""
    return " &nbsp; ".join(parts) + more
