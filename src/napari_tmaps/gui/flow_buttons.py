"""The buttons below a workflow: send it off, go on, stop, estimate."""

from __future__ import annotations

from qtpy.QtCore import Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import QGridLayout, QMenu, QWidget

from napari_tmaps.gui.flow_state import STAGE_TITLES, FlowState
from napari_tmaps.gui.parts import push_button
from napari_tmaps.model.workflow import WorkflowDescription


class FlowButtons(QWidget):
    """Asks for what can be done with a workflow.

    Signals
    -------
    submitRequested
        Name of the last stage to run; "" for all.
    againRequested
        Name of the stage or step to begin with.
    """

    submitRequested = Signal(str)
    againRequested = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.submit = push_button(
            "Submit",
            "Save the workflow and run its active steps, in a process of its own: it goes on "
            "when this window is closed",
        )
        self.until = push_button("Submit up to", "Save the workflow and run it up to a stage")
        self.estimate = push_button(
            "Estimate",
            "Try one site in a temporary folder, and say how long all will take, and how much "
            "memory and disk it needs. Nothing is written into the experiment",
        )
        self.resume = push_button("Resume", "Go on where it stopped; what failed is tried again")
        self.again = push_button(
            "Resubmit from",
            "Run again as last time, from a stage or step on; what is up to date is skipped",
        )
        self.stop = push_button("Stop", "Stop at the next site; what is finished is kept")
        self._stages, self._steps = QMenu(self), QMenu(self)
        self.until.setMenu(self._stages)
        self.again.setMenu(self._steps)
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        for number, button in enumerate(
            (self.submit, self.until, self.estimate, self.resume, self.again, self.stop)
        ):
            grid.addWidget(button, *divmod(number, 3))
        self.submit.clicked.connect(lambda: self.submitRequested.emit(""))

    def setWorkflow(self, description: WorkflowDescription) -> None:
        """Offer the stages and steps of a workflow."""
        self._stages.clear()
        self._steps.clear()
        for stage in description.stages:
            if not stage.steps:
                continue
            title = STAGE_TITLES[stage.name]
            self._stages.addAction(
                f"Up to {title}", lambda name=stage.name: self.submitRequested.emit(name)
            )
            self._steps.addAction(
                f"From {title}", lambda name=stage.name: self.againRequested.emit(name)
            )
            for step in stage.steps[1:]:
                self._steps.addAction(
                    f"      from {step.name}", lambda name=step.name: self.againRequested.emit(name)
                )

    def setState(self, state: FlowState, *, can_repeat: bool) -> None:
        """Enable what can be done now."""
        for button in (self.submit, self.until, self.estimate):
            button.setEnabled(state.can_submit)
        self.resume.setEnabled(state.can_resume)
        self.again.setEnabled(can_repeat)
        self.stop.setEnabled(state.can_stop)
