"""The modules to choose from: by category, with a search that looks at names and texts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from qtpy.QtCore import QEvent, QObject, Qt, Signal  # type: ignore[attr-defined]
from qtpy.QtGui import QKeyEvent
from qtpy.QtWidgets import QLineEdit, QTreeWidget, QTreeWidgetItem, QVBoxLayout, QWidget

from napari_tmaps.modules.describe import describe

Categories = Mapping[str, tuple[Callable[..., Any], ...]]


class ModulePicker(QWidget):
    """A tree of modules.

    Signals
    -------
    chosen
        Name of a module, on double click or Enter.
    """

    chosen = Signal(str)

    def __init__(self, categories: Categories, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.search = QLineEdit()
        self.search.setPlaceholderText("Search modules, e.g. threshold")
        self.search.setClearButtonEnabled(True)
        self.tree = QTreeWidget()
        self.tree.setHeaderHidden(True)
        self.tree.setColumnCount(1)
        self.tree.setToolTip("Double click puts the module below the chosen step")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.search)
        layout.addWidget(self.tree)
        for category, functions in categories.items():
            top = QTreeWidgetItem(self.tree, [category])
            top.setFlags(Qt.ItemFlag.ItemIsEnabled)
            for function in functions:
                spec = describe(function, category)
                item = QTreeWidgetItem(top, [spec.name])
                item.setToolTip(0, f"<qt><b>{spec.name}</b><br>{spec.summary}</qt>")
                item.setData(0, Qt.ItemDataRole.UserRole, spec.name)
                words = (spec.name, category, spec.summary, spec.help)
                item.setData(0, Qt.ItemDataRole.UserRole + 1, " ".join(words).casefold())
        self.tree.expandAll()
        self.search.textChanged.connect(self._filter)
        self.search.returnPressed.connect(self._choose_current)
        self.search.installEventFilter(self)
        self.tree.itemDoubleClicked.connect(self._choose)

    def shown(self) -> list[str]:
        """Names of the modules that the search leaves."""
        return [
            item.data(0, Qt.ItemDataRole.UserRole) for item in self._items() if not item.isHidden()
        ]

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Arrows in the search walk the tree."""
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            step = {int(Qt.Key.Key_Down): 1, int(Qt.Key.Key_Up): -1}.get(event.key(), 0)
            left = [item for item in self._items() if not item.isHidden()]
            if step and left:
                current = self.tree.currentItem()
                at = left.index(current) + step if current in left else 0
                self.tree.setCurrentItem(left[max(0, min(at, len(left) - 1))])
                return True
        return super().eventFilter(watched, event)

    def _items(self) -> list[QTreeWidgetItem]:
        found = []
        for n in range(self.tree.topLevelItemCount()):
            top = self.tree.topLevelItem(n)
            if top is not None:
                found += [child for m in range(top.childCount()) if (child := top.child(m))]
        return found

    def _filter(self, text: str) -> None:
        words = text.casefold().split()
        first = None
        for item in self._items():
            known = item.data(0, Qt.ItemDataRole.UserRole + 1)
            item.setHidden(not all(word in known for word in words))
            if first is None and not item.isHidden():
                first = item
        for n in range(self.tree.topLevelItemCount()):
            top = self.tree.topLevelItem(n)
            if top is not None:
                children = [top.child(m) for m in range(top.childCount())]
                top.setHidden(all(child is None or child.isHidden() for child in children))
        if words and first is not None:
            self.tree.setCurrentItem(first)

    def _choose_current(self) -> None:
        item = self.tree.currentItem()
        if item is not None and not item.isHidden():
            self._choose(item)

    def _choose(self, item: QTreeWidgetItem) -> None:
        name = item.data(0, Qt.ItemDataRole.UserRole)
        if name:
            self.chosen.emit(name)
