"""The jobs of a workflow: table, log, and the site that a job worked on."""

from __future__ import annotations

from qtpy.QtCore import Qt, Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QHBoxLayout,
    QHeaderView,
    QLineEdit,
    QMenu,
    QSplitter,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from napari_tmaps.errors import NotFoundError, StorageError, TmapsError
from napari_tmaps.gui.job_table import JobFilter, JobModel
from napari_tmaps.gui.log_view import LogView
from napari_tmaps.gui.parts import push_button, timer, wrapped
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.workflow.batches import StepFolder
from napari_tmaps.workflow.status import STATES
from napari_tmaps.workflow.step import Site
from napari_tmaps.workflow.steps import STEPS, find_step

_MOST_SITES = 30
_TYPED_MS = 200


class JobsPage(QWidget):
    """Shows the jobs of the last run of each step.

    Signals
    -------
    siteRequested
        Plate, well and number of a site to show.
    """

    siteRequested = Signal(str, str, int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._experiment: Experiment | None = None
        self._model = JobModel(self)
        self._filter = JobFilter(self)
        self._filter.setSourceModel(self._model)
        self.step_box = QComboBox()
        self.step_box.setToolTip("Show the jobs of one step")
        self.step_box.addItem("All steps", "")
        for step in STEPS:
            self.step_box.addItem(step.name, step.name)
        self.state_box = QComboBox()
        self.state_box.setToolTip("Show jobs in one state")
        self.state_box.addItem("Any state", "")
        for state in ("FAILED", *STATES):
            self.state_box.addItem(state.lower(), state)
        self.search = QLineEdit()
        self.search.setPlaceholderText("Filter")
        self.search.setToolTip("Show jobs whose number or message has this text")
        self.search.setClearButtonEnabled(True)
        self.table = QTableView()
        self.table.setModel(self._filter)
        self.table.setSortingEnabled(True)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.table.setMinimumHeight(90)
        self.table.setWordWrap(False)
        if (rows := self.table.verticalHeader()) is not None:
            rows.setVisible(False)
            rows.setDefaultSectionSize(self.fontMetrics().height() + 8)
        if (header := self.table.horizontalHeader()) is not None:
            header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
            header.setResizeContentsPrecision(50)
            header.setStretchLastSection(True)
        self.table.sortByColumn(-1, Qt.SortOrder.AscendingOrder)
        self._empty = wrapped(
            "No job yet. Submit the workflow: its jobs and their logs appear here."
        )
        self.site_button = push_button(
            "Show site", "Show a site that the chosen job worked on; failed ones first"
        )
        self._menu = QMenu(self)
        self.log = LogView()
        self._typed = timer(self, _TYPED_MS, self._on_filter_changed)

        filters = QHBoxLayout()
        for box in (self.step_box, self.state_box):
            box.setSizeAdjustPolicy(
                QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
            )
            box.setMinimumContentsLength(6)
            filters.addWidget(box, 2)
        filters.addWidget(self.search, 2)
        filters.addWidget(self.site_button)
        split = QSplitter(Qt.Orientation.Vertical)
        split.setChildrenCollapsible(False)
        split.addWidget(self.table)
        split.addWidget(self.log)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 6, 4, 0)
        layout.addLayout(filters)
        layout.addWidget(self._empty)
        layout.addWidget(split, 1)

        self.step_box.currentIndexChanged.connect(self._on_filter_changed)
        self.state_box.currentIndexChanged.connect(self._on_filter_changed)
        self.search.textChanged.connect(lambda: self._typed.start())
        chosen = self.table.selectionModel()
        assert chosen is not None
        chosen.selectionChanged.connect(lambda *_: self.show_log())
        self.site_button.clicked.connect(self._on_site_clicked)
        self.show_log()

    def setExperiment(self, experiment: Experiment | None) -> None:
        """Show the jobs of another experiment."""
        self._experiment = experiment
        self.look()

    def look(self) -> None:
        """Read the jobs anew."""
        if self._experiment is not None:
            self._model.setJobs(self._experiment.catalogue.jobs())
        self._empty.setVisible(not self._model.rowCount())
        self.show_log()

    def chosen(self) -> tuple[str, str, int] | None:
        """Step, phase and number of the chosen job."""
        selection = self.table.selectionModel()
        rows = selection.selectedRows() if selection is not None else []
        return self._model.job(self._filter.mapToSource(rows[0]).row()) if rows else None

    def choose(self, step: str, phase: str, job: int) -> None:
        """Choose a job."""
        for row in range(self._filter.rowCount()):
            if self._model.job(self._filter.mapToSource(self._filter.index(row, 0)).row()) == (
                step,
                phase,
                job,
            ):
                self.table.selectRow(row)

    def failed(self) -> int:
        """Number of jobs that ended badly."""
        return sum(self._model.state(row) == "FAILED" for row in range(self._model.rowCount()))

    def show_log(self) -> None:
        """Show the log of the chosen job, as far as it is written."""
        chosen = self.chosen()
        self.site_button.setEnabled(chosen is not None and chosen[1] == "run")
        if chosen is None or self._experiment is None:
            self.log.setLog("Choose a job to see its log.", "")
            return
        step, phase, job = chosen
        name = f"job {job}" if phase == "run" else phase
        try:
            text = StepFolder(self._experiment.path, step).log(phase, job)  # type: ignore[arg-type]
        except (NotFoundError, StorageError) as error:
            text = str(error)
        self.log.setLog(f"Log of {step}, {name}", text)

    def sites(self) -> list[Site]:
        """The sites of the chosen job, those that failed first."""
        chosen = self.chosen()
        if chosen is None or self._experiment is None or chosen[1] != "run":
            return []
        step, _, job = chosen
        sites = find_step(step).sites_of(StepFolder(self._experiment.path, step).batch(job))
        failures = self._experiment.catalogue.failures()
        mine = failures[failures["step"] == step]
        bad = set(zip(mine["plate"], mine["well"], mine["site"], strict=True))
        return sorted(sites, key=lambda site: site not in bad)

    def _on_site_clicked(self) -> None:
        try:
            sites = self.sites()
        except TmapsError as error:
            self.log.setLog(str(error), "")
            return
        if len(sites) == 1:
            self.siteRequested.emit(*sites[0])
            return
        self._menu.clear()
        for site in sites[:_MOST_SITES]:
            text = f"{site[1]} site {site[2]} of {site[0]}"
            self._menu.addAction(text, lambda site=site: self.siteRequested.emit(*site))
        if not sites:
            action = self._menu.addAction("This job did not work by sites.")
            assert action is not None
            action.setEnabled(False)
        self._menu.popup(self.site_button.mapToGlobal(self.site_button.rect().bottomLeft()))

    def _on_filter_changed(self) -> None:
        self._filter.setFilters(
            self.step_box.currentData(), self.state_box.currentData(), self.search.text()
        )
