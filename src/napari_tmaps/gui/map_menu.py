"""The menu of a well: exclude its sites or take them in again, and see why a site failed."""

from __future__ import annotations

from collections.abc import Generator, Sequence

from qtpy.QtCore import QObject, QPoint, Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import QInputDialog, QMenu, QMessageBox, QWidget

from napari_tmaps.errors import TmapsError
from napari_tmaps.gui.workers import Outcome, Work
from napari_tmaps.model.progress import Progress, finish
from napari_tmaps.store.exclusions import Site, exclude_or_include, excluded, history
from napari_tmaps.store.experiment import Experiment


def story_of(experiment: Experiment, sites: Sequence[Site]) -> str:
    """All that is known of sites: failures with the logs of their jobs, and exclusions."""
    from napari_tmaps.workflow.batches import StepFolder

    wanted = set(sites)
    lines = []
    failures = experiment.catalogue.failures()
    for row in failures.to_dict("records"):
        if (row["plate"], row["well"], int(row["site"])) in wanted:
            lines.append(f"{row['well']} site {row['site']}, {row['step']}: {row['message']}")
            folder = StepFolder(experiment.path, str(row["step"]))
            wells = [row["plate"], row["well"]]
            for path in sorted(folder.logs.glob("run-*.log")):
                job = int(path.stem.rpartition("-")[2])
                if wells in _wells_of(folder, job):
                    text = path.read_text("utf-8", errors="replace").strip()
                    lines += [f"Log {path}:", text] if text else []
    for row in history(experiment.catalogue).to_dict("records"):
        if (row["plate"], row["well"], int(row["site"])) in wanted:
            lines.append(
                f"{row['when']} {row['who']}: {row['action']} {row['well']} site {row['site']}, "
                f"because: {row['reason']}"
            )
    return "\n".join(dict.fromkeys(lines)) or "Nothing failed here, and nothing was excluded."


def _wells_of(folder: object, job: int) -> list[list[str]]:
    from napari_tmaps.errors import NotFoundError
    from napari_tmaps.workflow.batches import StepFolder

    assert isinstance(folder, StepFolder)
    try:
        entries = list(folder.entries())
    except NotFoundError:
        return []
    return [well[:2] for entry in entries if entry["job"] == job for well in entry["wells"]]


class WellMenu(QObject):
    """Shows the menu and does what is chosen."""

    changed = Signal()
    """Sites were excluded or taken in."""
    failed = Signal(str)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._parent = parent
        self.menu = QMenu(parent)
        self._work = Work(self)
        self._work.ended.connect(self._on_ended)

    def fill(
        self, experiment: Experiment, plate: str, wells: Sequence[str], well: str, site: int
    ) -> None:
        """Offer what can be done with wells, and with the site that is shown if it is of `well`.

        Parameters
        ----------
        wells
            The selected ones, or the one that was clicked.
        site
            0 if the site that is shown is of another well.
        """
        self.menu.clear()
        table = experiment.catalogue.sites()
        table = table[(table["plate"] == plate) & table["well"].isin(list(wells))]
        keys = zip(table["well"], table["site"].astype(int), strict=True)
        sites = [(plate, str(name), number) for name, number in keys]
        out = excluded(experiment.catalogue)
        title = wells[0] if len(wells) == 1 else f"{len(wells)} wells"
        choices = [(title, sites)]
        if site and len(wells) == 1:
            choices.append((f"{well} site {site}", [(plate, well, site)]))
        for name, group in choices:
            inside = [one for one in group if one not in out]
            outside = [one for one in group if one in out]
            if inside:
                self._add("exclude", name, experiment, inside)
            if outside:
                self._add("include", name, experiment, outside)
        self.menu.addSeparator()
        self.menu.addAction("What happened here…", lambda: self._tell(experiment, sites))

    def show(self, at: QPoint) -> None:
        """Open the menu at a point of the screen."""
        self.menu.popup(at)

    def _add(self, action: str, name: str, experiment: Experiment, sites: list[Site]) -> None:
        title = f"{action.capitalize()} {name}…"
        self.menu.addAction(title, lambda: self._ask(action, name, experiment, sites))

    def _ask(self, action: str, name: str, experiment: Experiment, sites: list[Site]) -> None:
        reason, accepted = QInputDialog.getText(
            self._parent, f"{action.capitalize()} {name}", "Reason, which is kept:"
        )
        if not accepted:
            return

        def make() -> Generator[Progress, None, None]:
            yield Progress(f"{action} {name}", 0, 0)
            exclude_or_include(experiment, action, sites, reason)

        if self._work.is_running:
            self.failed.emit("The last change is still on its way to the server. Try again.")
        elif experiment.mirror is not None:  # the window does not wait for a server
            self._work.start("", make)
        else:
            try:
                finish(make())
            except TmapsError as error:
                self.failed.emit(str(error))
                return
            self.changed.emit()

    def _on_ended(self, outcome: Outcome) -> None:
        if outcome.error:
            self.failed.emit(outcome.error)
        else:
            self.changed.emit()

    def _tell(self, experiment: Experiment, sites: list[Site]) -> None:
        box = QMessageBox(self._parent)
        box.setWindowTitle("What happened here")
        text = story_of(experiment, sites)
        box.setText("\n".join(text.splitlines()[:8]))
        if len(text.splitlines()) > 8:
            box.setDetailedText(text)
        box.open()
