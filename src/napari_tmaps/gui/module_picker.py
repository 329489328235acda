"""The modules to choose from: by category, with a search that looks at names and texts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from qtpy.QtCore import (  # type: ignore[attr-defined]
    QEvent,
    QMimeData,
    QObject,
    Qt,
    Signal,
)
from qtpy.QtGui import QKeyEvent
from qtpy.QtWidgets import QLineEdit, QTreeWidget, QTreeWidgetItem, QVBoxLayout, QWidget

from napari_tmaps.modules.describe import describe

Categories = Mapping[str, tuple[Callable[..., Any], ...]]


_MIME = "application/x-napari-tmaps-module"


def dragged_module(data: QMimeData | None) -> str:
    """Name of the module that is dragged; "" if it is something else."""
    return "" if data is None else data.data(_MIME).data().decode()


class ModuleTree(QTreeWidget):
    """Modules below their categories, to be dragged away."""

    def mimeData(self, items: Iterable[QTreeWidgetItem]) -> QMimeData:
        """The name of the module."""
        data = QMimeData()
        for item in items:
            data.setData(_MIME, str(item.data(0, Qt.ItemDataRole.UserRole) or "").encode())
        return data


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
        self.tree = ModuleTree()
        self.tree.setHeaderHidden(True)
        self.tree.setColumnCount(1)
        self.tree.setToolTip("Double click puts the module below the chosen step; or drag it there")
        self.tree.setDragEnabled(True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.search)
        layout.addWidget(self.tree)
        for category, functions in categories.items():
            top = QTreeWidgetItem(self.tree, [category])
            top.setFlags(Qt.ItemFlag.ItemIsEnabled)
            for function in functions:
                spec = describe(function)
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
        words = text.casefold().replace("_", " ").split()
        fitting = []
        for item in self._items():
            known = item.data(0, Qt.ItemDataRole.UserRole + 1)
            item.setHidden(not all(word in known for word in words))
            if not item.isHidden():
                fitting.append(item)
        for n in range(self.tree.topLevelItemCount()):
            top = self.tree.topLevelItem(n)
            if top is not None:
                children = [top.child(m) for m in range(top.childCount())]
                top.setHidden(all(child is None or child.isHidden() for child in children))
        if words and fitting:
            # a name says more than a word of the help
            self.tree.setCurrentItem(min(fitting, key=lambda item: _misses(item.text(0), words)))

    def _choose_current(self) -> None:
        item = self.tree.currentItem()
        if item is not None and not item.isHidden():
            self._choose(item)

    def _choose(self, item: QTreeWidgetItem) -> None:
        name = item.data(0, Qt.ItemDataRole.UserRole)
        if name:
            self.chosen.emit(name)


def _misses(name: str, words: Sequence[str]) -> tuple[int, bool]:
    """How little a name looks like what was typed."""
    return (sum(word not in name for word in words), not name.startswith(words[0]))
