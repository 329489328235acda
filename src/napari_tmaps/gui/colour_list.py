"""A list of named groups of objects, each with its colour and number; renamed in place."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtGui import QColor, QIcon, QPixmap
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTreeWidget, QTreeWidgetItem

_NAME = Qt.ItemDataRole.UserRole


class ColourList(QTreeWidget):
    """Shows groups; which of them are chosen is its selection.

    Parameters
    ----------
    kind
        What the groups are, e.g. "Gate": the title of their names.
    """

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.setColumnCount(2)
        self.setHeaderLabels([kind, "Objects"])
        self.setRootIsDecorated(False)
        self.setEditTriggers(
            QAbstractItemView.EditTrigger.DoubleClicked
            | QAbstractItemView.EditTrigger.EditKeyPressed
        )
        self.setAccessibleName(f"{kind}s")
        header = self.header()
        assert header is not None, "a list of columns has one"
        header.setStretchLastSection(False)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        header.setSectionResizeMode(1, QHeaderView.ResizeMode.ResizeToContents)

    def add(self, name: str, color: str, number: str) -> QTreeWidgetItem:
        """Add a group at the end."""
        item = QTreeWidgetItem([name, number])
        item.setData(0, _NAME, name)
        item.setFlags(item.flags() | Qt.ItemFlag.ItemIsEditable)
        item.setIcon(0, color_icon(color))
        item.setTextAlignment(1, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.addTopLevelItem(item)
        return item

    def chosen(self) -> list[str]:
        """Names of the groups that are selected."""
        return [name_of(item) for item in self.selectedItems()]

    def choose(self, name: str) -> None:
        """Select one group; a name that nobody has is ignored."""
        for n in range(self.topLevelItemCount()):
            item = self.topLevelItem(n)
            if item is not None and name_of(item) == name:
                self.setCurrentItem(item)


def name_of(item: QTreeWidgetItem) -> str:
    """The name that a group had when it was added, whatever is written there now."""
    return str(item.data(0, _NAME))


def color_icon(color: str) -> QIcon:
    """A patch of a colour."""
    picture = QPixmap(12, 12)
    picture.fill(QColor(color))
    return QIcon(picture)
