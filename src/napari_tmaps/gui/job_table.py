"""The jobs of a workflow as a table that can be filtered and sorted."""

from __future__ import annotations

from typing import Any

import pandas as pd
from qtpy.QtCore import QAbstractTableModel, QModelIndex, QSortFilterProxyModel, Qt

COLUMNS = ("step", "job", "state", "exitcode", "seconds", "cpu_s", "memory_mb", "message")
_TITLES = ("Step", "Job", "State", "Exit", "Time", "CPU", "Memory", "Message")
_TIPS = (
    "Step of the workflow",
    "Number of the job; collect puts the results of all jobs in place",
    "NEW, SUBMITTED, RUNNING, STOPPED or TERMINATED",
    "0: all went well",
    "Seconds by the clock",
    "Seconds of processor time",
    "Most memory that the job took, in MB",
    "What went wrong",
)
SORT = Qt.ItemDataRole.UserRole


class JobModel(QAbstractTableModel):
    """Shows the table of jobs that the catalogue keeps."""

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self._jobs: list[dict[str, Any]] = []

    def setJobs(self, jobs: pd.DataFrame) -> None:
        """Show other jobs, or other states of the same."""
        rows: list[Any] = jobs.astype(object).where(jobs.notna(), None).to_dict("records")
        if rows == self._jobs:
            return
        same = [_key(row) for row in rows] == [_key(row) for row in self._jobs]
        if not same:
            self.beginResetModel()
        self._jobs = rows
        if not same:
            self.endResetModel()
        else:
            self.dataChanged.emit(self.index(0, 0), self.index(len(rows) - 1, len(COLUMNS) - 1))

    def job(self, row: int) -> tuple[str, str, int]:
        """Step, phase and number of a job."""
        return _key(self._jobs[row])

    def state(self, row: int) -> str:
        """The state of a job; FAILED if it ended badly."""
        found = self._jobs[row]
        return "FAILED" if _failed(found) else found["state"]

    def rowCount(self, parent: QModelIndex = QModelIndex()) -> int:  # noqa: B008 - Qt's signature
        return 0 if parent.isValid() else len(self._jobs)

    def columnCount(self, parent: QModelIndex = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(COLUMNS)

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        if orientation is Qt.Orientation.Horizontal:
            if role == Qt.ItemDataRole.DisplayRole:
                return _TITLES[section]
            if role == Qt.ItemDataRole.ToolTipRole:
                return _TIPS[section]
        return None

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        row, name = self._jobs[index.row()], COLUMNS[index.column()]
        value = row[name]
        if role == SORT:
            if name == "job" and row["phase"] != "run":
                return 1e9  # collect comes last
            return value if isinstance(value, str) else float(-1 if value is None else value)
        if role == Qt.ItemDataRole.ToolTipRole:
            return value if name == "message" and value else None
        return _text(row, name) if role == Qt.ItemDataRole.DisplayRole else None


def _key(row: dict[str, Any]) -> tuple[str, str, int]:
    return row["step"], row["phase"], int(row["job"])


def _text(row: dict[str, Any], name: str) -> str:
    value = row[name]
    if name == "job":
        return str(int(value)) if row["phase"] == "run" else row["phase"]
    if name == "state" and _failed(row):
        return "✗ FAILED"
    if value is None:
        return ""
    if name in ("seconds", "cpu_s"):
        return f"{value:.1f} s"
    if name == "memory_mb":
        return f"{value:.0f} MB"
    return str(int(value)) if name == "exitcode" else str(value)


def _failed(row: dict[str, Any]) -> bool:
    return row["state"] == "TERMINATED" and bool(row["exitcode"])


class JobFilter(QSortFilterProxyModel):
    """The jobs of one step, in one state, with a text in their message."""

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self._step = self._state = self._text = ""
        self.setSortRole(SORT)

    def setFilters(self, step: str, state: str, text: str) -> None:
        """Show these alone; "" shows all."""
        self._step, self._state, self._text = step, state, text.lower()
        self.invalidate()

    def filterAcceptsRow(self, row: int, parent: QModelIndex) -> bool:
        model: Any = self.sourceModel()
        step, phase, job = model.job(row)
        if self._step not in ("", step) or self._state not in ("", model.state(row)):
            return False
        message = model.index(row, COLUMNS.index("message")).data() or ""
        return self._text in f"{step} {job if phase == 'run' else phase} {message}".lower()
