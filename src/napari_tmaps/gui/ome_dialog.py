"""Dialog: the metadata of an acquisition, to be corrected; all as OME-XML, searched and saved."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path
from xml.etree.ElementTree import Element, fromstring

from qtpy.QtCore import Qt, Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import (
    QDialog,
    QFileDialog,
    QHBoxLayout,
    QHeaderView,
    QLineEdit,
    QTabWidget,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_tmaps.errors import TmapsError
from napari_tmaps.gui.latest import Latest
from napari_tmaps.gui.metadata_editor import MetadataEditor
from napari_tmaps.gui.parts import Message, push_button
from napari_tmaps.gui.workers import Outcome
from napari_tmaps.model.progress import Progress
from napari_tmaps.model.words import counted
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.streams.atomic import write_text

_SIZE = (560, 520)
_ELEMENT = Qt.ItemDataRole.UserRole
_NAMES = ("Name", "ID", "Label", "DeviceModel", "Model", "TheC")
"""Attributes by which elements are told apart, the best first."""


class OmeDialog(QDialog):
    """Shows what is known of an acquisition: values to correct, and all as OME-XML says it.

    Parameters
    ----------
    plate, acquisition
        Their names.

    Signals
    -------
    applied
        The experiment has other metadata than before.
    """

    applied = Signal()

    def __init__(
        self, experiment: Experiment, plate: str, acquisition: str, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle(f"Metadata of {plate}, {acquisition}")
        self.resize(*_SIZE)
        self._experiment, self._place = experiment, (plate, acquisition)
        self._name = f"{plate} {acquisition}.ome.xml"
        self._text = ""
        self._root: Element | None = None
        self._work = Latest(self)
        self.search = QLineEdit()
        self.search.setPlaceholderText("Find an element, a name or a value; Enter for the next one")
        self.search.setClearButtonEnabled(True)
        self.tree = QTreeWidget()
        self.tree.setHeaderLabels(["Element", "Value"])
        self.tree.setUniformRowHeights(True)
        header = self.tree.header()
        if header is not None:
            header.setSectionResizeMode(0, QHeaderView.ResizeMode.Interactive)
            header.resizeSection(0, _SIZE[0] // 2)
        self.message = Message()
        self.save_button = push_button("Save as…", "Write all of it as an OME-XML file")
        close_button = push_button("Close", "Close this window")
        row = QHBoxLayout()
        row.addStretch()
        row.addWidget(self.save_button)
        self.editor = MetadataEditor(experiment, plate, acquisition)
        page = QWidget()
        column = QVBoxLayout(page)
        column.addWidget(self.search)
        column.addWidget(self.tree, 1)
        column.addWidget(self.message)
        column.addLayout(row)
        self.tabs = QTabWidget()
        self.tabs.addTab(self.editor, "Values")
        self.tabs.addTab(page, "All as OME-XML")
        closing = QHBoxLayout()
        closing.addStretch()
        closing.addWidget(close_button)
        layout = QVBoxLayout(self)
        layout.addWidget(self.tabs, 1)
        layout.addLayout(closing)
        self.save_button.setEnabled(False)
        self.search.setEnabled(False)
        self.save_button.setAutoDefault(False)
        close_button.setAutoDefault(False)  # Enter is for the search

        self.tree.itemExpanded.connect(_fill)
        self.search.returnPressed.connect(lambda: self.go_to(self.search.text()))
        self.save_button.clicked.connect(self._on_save)
        close_button.clicked.connect(self.reject)
        self._work.ended.connect(self._on_read)
        self.finished.connect(self._on_finished)
        self.editor.applied.connect(self._read)
        self.editor.applied.connect(self.applied)
        self._read()

    def _read(self) -> None:
        experiment, (plate, acquisition) = self._experiment, self._place
        self.message.say("Reading…")

        def make() -> Generator[Progress, None, tuple[str, Element]]:
            from napari_tmaps.workflow.metaextract import acquisition_omexml

            yield Progress("OME metadata", 0, 0)
            text = acquisition_omexml(experiment, plate, acquisition)
            return text, fromstring(text.encode())

        self._work.ask("OME metadata", make)

    @property
    def is_busy(self) -> bool:
        """True while the metadata are read."""
        return self._work.is_running

    def reject(self) -> None:
        """Close, but not while corrections are written."""
        if not self.editor.is_writing:
            super().reject()

    def go_to(self, text: str) -> bool:
        """Go to the next element whose name, text or attributes hold this; around the end."""
        wanted = text.strip().lower()
        if self._root is None or not wanted:
            return False
        found = [path for path in _paths(self._root) if _holds(path[-1], wanted)]
        if not found:
            self.message.say(f"There is no “{text.strip()}”.")
            return False
        current = self.tree.currentItem()
        here = current.data(0, _ELEMENT) if current is not None else None
        at = next((n for n, path in enumerate(found) if path[-1] is here), -1)
        at = (at + 1) % len(found)
        item = self.tree.topLevelItem(0)
        for element in found[at][1:]:
            assert item is not None, "the way leads through elements of the tree"
            item.setExpanded(True)
            item = next(
                child
                for child in (item.child(n) for n in range(item.childCount()))
                if child is not None and child.data(0, _ELEMENT) is element
            )
        self.tree.setCurrentItem(item)
        if item is not None:
            item.setExpanded(True)
        self.message.say(f"{at + 1} of {counted(len(found), 'element')}")
        return True

    def save(self, path: Path) -> None:
        """Write the document."""
        try:
            write_text(path, self._text)
        except TmapsError as error:
            self.message.say(str(error))
        else:
            self.message.say(f"Wrote '{path}'.")

    def _on_finished(self, _result: int) -> None:
        self._work.cancel()
        self.editor.leave()

    def _on_save(self) -> None:
        chosen, _ = QFileDialog.getSaveFileName(
            self, "Save OME metadata", self._name, "OME-XML (*.ome.xml)"
        )
        if chosen:
            self.save(Path(chosen))

    def _on_read(self, outcome: Outcome) -> None:
        self.message.say(outcome.error)
        if outcome.value is None:
            return
        self._text, self._root = outcome.value
        top = _item(self._root)
        self.tree.clear()
        self.tree.addTopLevelItem(top)
        top.setExpanded(True)
        self.save_button.setEnabled(True)
        self.search.setEnabled(True)


def _item(element: Element) -> QTreeWidgetItem:
    """An element; what is in it is filled in once somebody looks."""
    name = next((element.attrib[key] for key in _NAMES if key in element.attrib), "")
    # An entry of an annotation is called by its key.
    title = element.attrib.get("K") or _local(element.tag)
    item = QTreeWidgetItem([title, (element.text or "").strip() or name])
    item.setData(0, _ELEMENT, element)
    if len(element) or element.attrib:
        item.setChildIndicatorPolicy(QTreeWidgetItem.ChildIndicatorPolicy.ShowIndicator)
    return item


def _fill(item: QTreeWidgetItem) -> None:
    element: Element | None = item.data(0, _ELEMENT)
    if element is None or item.childCount():
        return
    item.addChildren(
        [QTreeWidgetItem([_local(key), value]) for key, value in element.attrib.items()]
    )
    item.addChildren([_item(child) for child in element])


def _local(name: str) -> str:
    """A name without its namespace."""
    return name.rpartition("}")[2]


def _paths(root: Element) -> Iterator[tuple[Element, ...]]:
    """All elements in order, each with those that it is in."""
    stack: list[tuple[Element, ...]] = [(root,)]
    while stack:
        path = stack.pop()
        yield path
        stack += [(*path, child) for child in reversed(path[-1])]


def _holds(element: Element, wanted: str) -> bool:
    words = (_local(element.tag), element.text or "", *element.attrib, *element.attrib.values())
    return any(wanted in word.lower() for word in words)
