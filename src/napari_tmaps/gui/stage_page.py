"""One stage of the workflow: its steps, and the form of the one that is chosen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from qtpy.QtCore import QSignalBlocker, Qt, Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import (
    QCheckBox,
    QFrame,
    QGridLayout,
    QScrollArea,
    QStackedWidget,
    QTabBar,
    QVBoxLayout,
    QWidget,
)
from superqt import QCollapsible

from napari_tmaps.gui.arguments_form import ArgumentsForm
from napari_tmaps.gui.flow_state import StepView
from napari_tmaps.gui.parts import wrapped
from napari_tmaps.gui.state_bar import StateBar
from napari_tmaps.model.workflow import StageDescription, StepDescription, SubmissionArguments
from napari_tmaps.workflow.steps import find_step


class StagePage(QWidget):
    """Edits the steps of a stage.

    Signals
    -------
    stepChanged
        Name of the step, and what has changed of it: active, batch_args or submission_args.
    """

    stepChanged = Signal(str, dict)

    def __init__(
        self,
        stage: StageDescription,
        choices: Mapping[str, Sequence[str]],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._rows: dict[str, _Row] = {}
        self._pages: dict[str, _StepPage] = {}
        self._tabs = QTabBar()
        self._tabs.setDrawBase(False)
        self._stack = QStackedWidget()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 6, 4, 0)
        grid = QGridLayout()
        grid.setColumnStretch(1, 1)
        layout.addLayout(grid)
        layout.addWidget(self._tabs)
        layout.addWidget(self._stack, 1)
        for number, step in enumerate(stage.steps):
            row, page = _Row(step.name), _StepPage(step.name, choices)
            row.add_to(grid, number)
            self._tabs.addTab(step.name)
            self._stack.addWidget(page)
            row.box.clicked.connect(
                lambda on, name=step.name: self.stepChanged.emit(name, {"active": on})
            )
            page.changed.connect(
                lambda changes, name=step.name: self.stepChanged.emit(name, changes)
            )
            self._rows[step.name], self._pages[step.name] = row, page
        self._tabs.setVisible(len(stage.steps) > 1)
        self._tabs.currentChanged.connect(self._stack.setCurrentIndex)

    def setStage(self, stage: StageDescription) -> None:
        """Show the arguments of the steps."""
        for step in stage.steps:
            self._pages[step.name].setValue(step)
            with QSignalBlocker(self._rows[step.name].box):
                self._rows[step.name].box.setChecked(stage.active and step.active)

    def setSteps(self, steps: Sequence[StepView]) -> None:
        """Show how far the steps are."""
        for number, step in enumerate(step for step in steps if step.name in self._rows):
            self._rows[step.name].setState(step)
            self._tabs.setTabText(number, f"{step.sign} {step.name}")

    def faults(self) -> dict[str, str]:
        """Step and argument of what is wrong in a form → the sentence."""
        return {
            f"{name}: {field}": text
            for name, page in self._pages.items()
            if self._rows[name].box.isChecked()
            for field, text in page.faults().items()
        }

    def setBusy(self, busy: bool) -> None:
        """Bar changes while the workflow runs: they would count for the next time only."""
        for name, row in self._rows.items():
            row.box.setEnabled(not busy)
            self._pages[name].setEnabled(not busy)

    def box(self, step: str) -> QCheckBox:
        """The box that makes a step active."""
        return self._rows[step].box

    def bar(self, step: str) -> StateBar:
        """The bar of a step."""
        return self._rows[step].bar

    def form(self, step: str) -> ArgumentsForm:
        """The form of a step's own arguments."""
        return self._pages[step].arguments


class _Row:
    def __init__(self, name: str) -> None:
        self.box = QCheckBox(name)
        self.box.setToolTip("Run this step")
        self.bar = StateBar()

    def add_to(self, grid: QGridLayout, number: int) -> None:
        grid.addWidget(self.box, number, 0)
        grid.addWidget(self.bar, number, 1)

    def setState(self, step: StepView) -> None:
        share = step.done / step.total if step.total else float(step.standing == "done")
        text = f"{step.sign} {step.text or step.standing}"
        self.bar.setValue(share, failed=bool(step.failed) or step.standing == "failed", text=text)
        self.bar.setToolTip(f"{step.name}: {step.standing}. {step.text}".strip())


class _StepPage(QScrollArea):
    changed = Signal(dict)

    def __init__(self, name: str, choices: Mapping[str, Sequence[str]]) -> None:
        super().__init__()
        kind = find_step(name)
        self.arguments = ArgumentsForm(kind.Arguments, choices)
        self.limits = ArgumentsForm(SubmissionArguments)
        needs = f" Comes after {', '.join(kind.requires)}." if kind.requires else ""
        summary = wrapped(f"{(kind.__doc__ or '').splitlines()[0]}{needs}")
        limits = QCollapsible("Limits of each job")
        limits.addWidget(self.limits)
        limits.setDuration(0)
        inside = QWidget()
        layout = QVBoxLayout(inside)
        layout.setContentsMargins(0, 4, 4, 0)
        layout.addWidget(summary)
        layout.addWidget(self.arguments)
        layout.addWidget(limits)
        layout.addStretch()
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setWidget(inside)
        self.arguments.valueChanged.connect(lambda value: self.changed.emit({"batch_args": value}))
        self.limits.valueChanged.connect(self._on_limits_changed)

    def setValue(self, step: StepDescription) -> None:
        self.arguments.setValue(step.batch_args)
        self.limits.setValue(step.submission_args.model_dump())

    def faults(self) -> dict[str, str]:
        return self.arguments.faults() | self.limits.faults()

    def _on_limits_changed(self, value: dict[str, Any]) -> None:
        # What is wrong stands in the form until it is right; a description holds what is.
        if self.limits.faults():
            self.changed.emit({})
        else:
            self.changed.emit({"submission_args": SubmissionArguments(**value)})
