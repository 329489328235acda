"""A list of named groups of objects, each with its colour and number; renamed in place."""

from __future__ import annotations

from collections.abc import Sequence

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

    def setGroups(self, groups: Sequence[tuple[str, str, str]]) -> list[QTreeWidgetItem]:
        """Show groups by name, colour and number; returns their rows.

        Rows stay: Qt is not done with the one that the user has changed while this is called.
        """
        while self.topLevelItemCount() > len(groups):
            self.takeTopLevelItem(self.topLevelItemCount() - 1)
        while self.topLevelItemCount() < len(groups):
            self.addTopLevelItem(QTreeWidgetItem())
        rows = [row for n in range(len(groups)) if (row := self.topLevelItem(n)) is not None]
        for row, (name, color, number) in zip(rows, groups, strict=True):
            row.setData(0, _NAME, name)
            row.setText(0, name)
            row.setText(1, number)
            row.setFlags(row.flags() | Qt.ItemFlag.ItemIsEditable)
            row.setIcon(0, color_icon(color))
            row.setTextAlignment(1, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        return rows

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
    """The name that a group was shown by, whatever is written there now."""
    return str(item.data(0, _NAME))


def color_icon(color: str) -> QIcon:
    """A patch of a colour."""
    picture = QPixmap(12, 12)
    picture.fill(QColor(color))
    return QIcon(picture)
