"""Before a plate is run: what it will take, told by a probe; then it is sent off."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qtpy.QtCore import Qt, Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QPlainTextEdit,
    QVBoxLayout,
    QWidget,
)

from napari_tmaps.gui.parts import wrapped
from napari_tmaps.gui.workers import Outcome, Work
from napari_tmaps.model.pipeline import PipelineDescription
from napari_tmaps.model.progress import Progress
from napari_tmaps.model.words import counted
from napari_tmaps.store.sites import Site

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
    left_out
        Which sites are not worked on, and why: a line for each well and reason.
    """

    lines: tuple[str, ...]
    warnings: tuple[str, ...]
    can_run: bool
    left_out: tuple[str, ...] = ()


def judge(found: dict[str, Any], sites: int, left_out: Mapping[Site, str]) -> Preflight:
    """Make sentences of what `Workflow.dry_run` found.

    Parameters
    ----------
    sites
        That the experiment has.
    left_out
        Those that will not be worked on, and why.
    """
    (row,) = [row for row in found["steps"] if row["step"] == "jterator"]
    if row["jobs"] is None:
        return Preflight((), (row["note"],), False)
    which = tuple(_by_well(left_out))
    if not row["units"]:
        lines = (f"There is nothing to do on {counted(sites, 'site')}.",)
        return Preflight(lines, (), False, which)
    jobs, workers = counted(row["jobs"], "job"), counted(found["workers"], "worker")
    told = [f"{row['units']:,} of {counted(sites, 'site')}, in {jobs} on {workers}."]
    warnings = []
    if row["note"]:
        warnings.append(f"The probe failed: {row['note']}")
    if found["seconds"] is not None:
        told.append(f"About {duration(found['seconds'])}.")
    if found["memory_mb"] is not None:
        told.append(f"About {_size(found['memory_mb'])} of memory.")
    if found["disk_mb"] is not None:
        told.append(f"About {_size(found['disk_mb'])} of disk; {_size(found['free_mb'])} are free.")
        if found["disk_mb"] * _ENOUGH > found["free_mb"]:
            warnings.append("The disk is likely to be full before the end. Make room first.")
    return Preflight(tuple(told), tuple(warnings), True, which)


def _by_well(sites: Mapping[Site, str]) -> Iterator[str]:
    """E.g. "B02, sites 1, 2: excluded"; the plate is named where there are several."""
    plates = {plate for plate, _, _ in sites}
    wells: dict[tuple[str, str, str], list[int]] = {}
    for (plate, well, site), why in sorted(sites.items()):
        wells.setdefault((plate if len(plates) > 1 else "", well, why), []).append(site)
    for (plate, well, why), numbers in wells.items():
        noun = "site" if len(numbers) == 1 else "sites"
        yield f"{plate} {well}, {noun} {', '.join(map(str, numbers))}: {why}".strip()


def _size(megabytes: float) -> str:
    """E.g. "2 MB", "1.5 GB", "63 GB"."""
    if megabytes < 1000:
        return f"{max(1, round(megabytes))} MB"
    return f"{megabytes / 1000:.1f} GB" if megabytes < 10_000 else f"{megabytes / 1000:.0f} GB"


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
        self.left_out = QPlainTextEdit()
        self.left_out.setReadOnly(True)
        self.left_out.setMaximumHeight(110)
        self.left_out.setVisible(False)
        layout = QVBoxLayout(self)
        layout.addWidget(self.text, 1)
        layout.addWidget(self.left_out)
        layout.addWidget(self.buttons)
        self.setMinimumWidth(420)
        self.buttons.accepted.connect(self._on_run)
        self.buttons.rejected.connect(self.reject)
        self._work.ended.connect(self._on_probed)
        self._work.start("Probe", self._probe)

    def _probe(self) -> Generator[Progress, None, Preflight]:
        from napari_tmaps.workflow.door import Experiment
        from napari_tmaps.workflow.jterator import JteratorArguments, PipelineRunner

        yield Progress("probe", 0, 1)
        with Experiment.open(self._path) as experiment:
            flow = experiment.workflow
            request = flow.request(stage="jterator", pipeline=self._pipeline.name)
            found, sites = flow.dry_run(request), len(experiment.catalogue.sites())
            known = any(
                row["step"] == "jterator" and row["jobs"] is not None for row in found["steps"]
            )
            arguments = JteratorArguments(pipeline=self._pipeline.name)
            left = PipelineRunner(experiment).left_out(arguments) if known else {}
            return judge(found, sites, left)

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
        below = ["Left out:"] if found.left_out else []
        self.text.setText("<br>".join([head, *found.lines, *warnings, *below]))
        self.left_out.setPlainText("\n".join(found.left_out))
        self.left_out.setVisible(bool(found.left_out))
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
