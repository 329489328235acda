"""Opening and making of experiments: folders are asked for, looked at, and converted."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import nullcontext
from typing import Protocol

from qtpy.QtCore import QObject
from qtpy.QtWidgets import QFileDialog, QMenu

from napari_tmaps.errors import TmapsError
from napari_tmaps.gui import recent
from napari_tmaps.gui.connecting import ask_where
from napari_tmaps.gui.host import Host
from napari_tmaps.gui.import_page import ImportPage
from napari_tmaps.gui.samples import make_sample, sample_folder
from napari_tmaps.gui.server_dialog import ServerDialog
from napari_tmaps.model.planes import Scan
from napari_tmaps.model.progress import Progress
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.streams.atomic import remove


class MakingHost(Host, Protocol):
    """The widget that experiments are made for."""

    @property
    def is_busy(self) -> bool:
        """True while work goes on."""

    def open_folder(self, path: str) -> None:
        """Open an experiment, or look at what a microscope folder holds."""

    def show_import(self) -> None:
        """Show what is about to be imported."""

    def show_made(self, path: str) -> None:
        """Show an experiment that was made; "": the open one, which something was added to."""


class Making(QObject):
    """Asks for folders, looks at them, and makes experiments of them or adds them to one.

    Parameters
    ----------
    page
        Shows what was found; is also the parent.
    host
        Does the work and shows what comes of it.

    Attributes
    ----------
    menu
        All of it as a menu.
    """

    def __init__(self, page: ImportPage, host: MakingHost) -> None:
        super().__init__(page)
        self._page, self._host = page, host
        self.dialog: ServerDialog | None = None
        self._into, self._looked_at = False, ""
        self.menu = QMenu(page)
        self.menu.aboutToShow.connect(self._fill_menu)
        page.createRequested.connect(self._on_create_requested)
        page.patternRequested.connect(
            lambda pattern: self.scan_folder(self._looked_at, into=self._into, pattern=pattern)
        )

    def _fill_menu(self) -> None:
        self.menu.clear()
        self.menu.addAction("Open experiment…", lambda: self.ask_to_open(""))
        self.menu.addAction("Open on a server…", self.ask_on_server)
        self.menu.addAction("New from microscope folder…", self.ask_for_new)
        if self._host.experiment is not None:
            self.menu.addAction("Add a microscope folder…", self.ask_to_add)
        self.menu.addAction("Sample plate", self.make_sample)
        paths = recent.recent()
        if paths:
            self.menu.addSeparator()
        for path in paths:
            self.menu.addAction(recent.title(path), lambda path=path: self.ask_to_open(path))
        for action in self.menu.actions():
            action.setEnabled(not self._host.is_busy)

    def ask_to_open(self, path: str = "") -> None:
        """Open an experiment; "" asks for its folder."""
        chosen = path or self._ask("Open experiment (….tmaps)")
        if chosen:
            self._host.open_folder(chosen)

    def ask_on_server(self, address: str = "", reason: str = "") -> None:
        """Ask for a server, a login and an experiment there, and open it."""
        self.dialog = ask_where(self._page.window(), self._host.open_folder, address, reason)

    def ask_for_new(self) -> None:
        """Ask for a microscope folder, and look at what it holds."""
        chosen = self._ask("Folder that the microscope wrote")
        if chosen:
            self.scan_folder(chosen)

    def ask_to_add(self) -> None:
        """Ask for a microscope folder, to add it to the open experiment."""
        chosen = self._ask("Folder that the microscope wrote")
        if chosen:
            self.scan_folder(chosen, into=True)

    def _ask(self, title: str) -> str:
        return QFileDialog.getExistingDirectory(self._page.window(), title)

    def make_sample(self) -> None:
        """Make the sample plate, and open it."""
        self._host.start_work(
            "Sample plate",
            lambda: make_sample(sample_folder()),
            lambda path: self._host.show_made(str(path)) if path else None,
        )

    def scan_folder(self, path: str, *, into: bool = False, pattern: str | None = None) -> None:
        """Look at what a microscope folder holds.

        Parameters
        ----------
        into
            It is to be added to the open experiment.
        pattern
            Of the names of files; None finds out.
        """
        from napari_tmaps.vendors import scan

        def make() -> Generator[Progress, None, Scan]:
            yield Progress("reading the index and the headers of the files", 0, 0)
            return scan(path, pattern=pattern)

        def after(found: Scan | None) -> None:
            if found is not None:
                self._into, self._looked_at = into, path
                experiment = self._host.experiment
                self._page.setScan(found, experiment.name if into and experiment else "")
                self._host.show_import()

        self._host.start_work("Looking", make, after)

    def _on_create_requested(self, path: str) -> None:
        from napari_tmaps.workflow import convert

        found, in_place = self._page.scan(), self._page.in_place_box.isChecked()
        plate, acquisition = self._page.where()
        into = None if path else self._host.experiment
        is_added = False

        def make() -> Generator[Progress, None, None]:
            nonlocal is_added
            with nullcontext(into) if into is not None else Experiment.create(path) as experiment:
                try:
                    experiment.add(found, plate=plate, acquisition=acquisition)
                except TmapsError:
                    if into is None:  # what is wrong can be put right, and made in the same place
                        experiment.close()
                        remove(experiment.path)
                    raise
                is_added = True
                yield from convert(experiment, in_place=in_place)

        # Also half a conversion is worth opening: it can be gone on with.
        def after(_value: None) -> None:
            if is_added:
                self._host.show_made(path)

        self._host.start_work("Converting", make, after)
