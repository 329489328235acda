"""Before a plate is run: what it will take, told by a probe; then it is sent off."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qtpy.QtCore import Qt, Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import QDialog, QDialogButtonBox, QVBoxLayout, QWidget

from napari_tmaps.gui.parts import wrapped
from napari_tmaps.gui.workers import Outcome, Work
from napari_tmaps.model.pipeline import PipelineDescription
from napari_tmaps.model.progress import Progress
from napari_tmaps.model.words import counted

_ENOUGH = 1.2  # times the disk that is needed


@dataclass(frozen=True)
class Preflight:
    """What is known before a run.

    Attributes
    ----------
    lines
        Sentences on what will be done and needed.
    warnings
        What may go wrong.
    can_run
        Whether it makes sense to begin.
    """

    lines: tuple[str, ...]
    warnings: tuple[str, ...]
    can_run: bool


def judge(found: dict[str, Any], sites: int) -> Preflight:
    """Make sentences of what `Workflow.dry_run` found.

    Parameters
    ----------
    sites
        That the experiment has.
    """
    (row,) = [row for row in found["steps"] if row["step"] == "jterator"]
    if row["jobs"] is None:
        return Preflight((), (row["note"],), False)
    if not row["units"]:
        return Preflight(
            (f"All {sites} sites were analysed with this pipeline already.",), (), False
        )
    lines = [
        f"{row['units']} of {sites} sites, in {row['jobs']} jobs on {found['workers']} workers."
    ]
    warnings = []
    if row["note"]:
        warnings.append(f"The probe failed: {row['note']}")
    if found["seconds"] is not None:
        lines.append(f"About {duration(found['seconds'])}.")
    if found["memory_mb"] is not None:
        lines.append(f"About {found['memory_mb'] / 1000:.1f} GB of memory.")
    if found["disk_mb"] is not None:
        lines.append(
            f"About {found['disk_mb'] / 1000:.2g} GB of disk; {found['free_mb'] / 1000:.0f} GB are "
            "free."
        )
        if found["disk_mb"] * _ENOUGH > found["free_mb"]:
            warnings.append("The disk is likely to be full before the end. Make room first.")
    return Preflight(tuple(lines), tuple(warnings), True)


def duration(seconds: float) -> str:
    """E.g. "40 seconds", "12 minutes", "3.5 hours"."""
    for size, name in ((3600.0, "hours"), (60.0, "minutes")):
        if seconds >= 1.5 * size:
            amount = seconds / size
            return f"{amount:.1f} {name}" if amount < 10 else f"{amount:.0f} {name}"
    return counted(max(1, round(seconds)), "second")


class RunDialog(QDialog):
    """Asks whether a pipeline shall run over an experiment, with what is known before.

    Signals
    -------
    submitted
        Number of the submission that was sent off.
    """

    submitted = Signal(int)

    def __init__(
        self, experiment: str, pipeline: PipelineDescription, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._path, self._pipeline = Path(experiment), pipeline
        self._work = Work(self)
        self.setWindowTitle("Run on the whole experiment")
        self.text = wrapped("Trying the pipeline on one site …")
        self.text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel
        )
        self.run_button = self.buttons.button(QDialogButtonBox.StandardButton.Ok)
        assert self.run_button is not None
        self.run_button.setText("Run")
        self.run_button.setEnabled(False)
        layout = QVBoxLayout(self)
        layout.addWidget(self.text, 1)
        layout.addWidget(self.buttons)
        self.setMinimumWidth(420)
        self.buttons.accepted.connect(self._on_run)
        self.buttons.rejected.connect(self.reject)
        self._work.ended.connect(self._on_probed)
        self._work.start("Probe", self._probe)

    def _probe(self) -> Generator[Progress, None, Preflight]:
        from napari_tmaps.workflow.door import Experiment

        yield Progress("probe", 0, 1)
        with Experiment.open(self._path) as experiment:
            flow = experiment.workflow
            request = flow.request(stage="jterator", pipeline=self._pipeline.name)
            return judge(flow.dry_run(request), len(experiment.catalogue.sites()))

    def done(self, result: int) -> None:
        """The probe is not waited for."""
        self._work.cancel()
        super().done(result)

    def _on_probed(self, outcome: Outcome) -> None:
        if outcome.error or outcome.value is None:
            self.text.setText(f"⚠ {outcome.error or 'Cancelled.'}")
            return
        found: Preflight = outcome.value
        kept = ", ".join(objects.name for objects in self._pipeline.output.objects) or "no objects"
        head = f"<b>{self._pipeline.name}</b> keeps {kept}."
        warnings = [f"⚠ {line}" for line in found.warnings]
        self.text.setText("<br>".join([head, *found.lines, *warnings]))
        assert self.run_button is not None
        self.run_button.setEnabled(found.can_run)

    def _on_run(self) -> None:
        from napari_tmaps.errors import TmapsError
        from napari_tmaps.workflow.door import Experiment

        try:
            with Experiment.open(self._path) as experiment:
                flow = experiment.workflow
                number = flow.detach(flow.request(stage="jterator", pipeline=self._pipeline.name))
        except TmapsError as error:
            self.text.setText(f"⚠ {error}")
            return
        self.submitted.emit(number)
        self.accept()
