"""Work that goes on in another process is shown, ticked well by well, and can be stopped."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from napari.components import ViewerModel
from tests.gui.plate import make_experiment

from napari_tmaps.gui.experiment_widget import ExperimentWidget
from napari_tmaps.gui.state import Choice
from napari_tmaps.gui.work_watch import Watched, look
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.workflow.imextract import ImageExtractor
from napari_tmaps.workflow.phases import init_step


@pytest.fixture
def experiment(tmp_path: Path) -> Iterator[Experiment]:
    path = make_experiment(tmp_path)
    with Experiment.open(path) as opened:
        yield opened


@pytest.fixture
def someone(experiment: Experiment) -> Iterator[subprocess.Popen[bytes]]:
    """Another process that converts all images again; its first job has ended, one has failed."""
    step = ImageExtractor(experiment)
    step.delete_previous_job_output()
    jobs = init_step(step, step.Arguments(batch_size=1))
    rows = [
        {"phase": "run", "job": job, "state": state, "exitcode": code, "message": ""}
        | {"seconds": None, "cpu_s": None, "memory_mb": None}
        for job, state, code in ((1, "TERMINATED", 0), (2, "TERMINATED", 1), (3, "RUNNING", None))
    ]
    assert jobs >= len(rows)
    experiment.catalogue.update_jobs("imextract", rows)
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    lock = {"what": "a workflow", "pid": process.pid, "host": socket.gethostname(), "since": ""}
    started = psutil.Process(process.pid).create_time()
    path = experiment.path / "workflow" / "coordinator.json"
    path.write_text(json.dumps({**lock, "started": started}))
    yield process
    process.kill()
    process.communicate()


def test_nobody_works(experiment: Experiment) -> None:
    assert look(experiment) == Watched()


def test_someone_works_elsewhere(
    experiment: Experiment, someone: subprocess.Popen[bytes], qtbot: Any
) -> None:
    seen = look(experiment)
    assert seen.elsewhere
    assert str(someone.pid) in seen.who
    assert seen.progress.stage == "imextract"
    assert seen.progress.done == 2
    assert "failed" in seen.wells.values() or "running" in seen.wells.values()

    widget = ExperimentWidget(ViewerModel())
    qtbot.addWidget(widget)
    widget.show()
    widget.setValue(Choice(str(experiment.path)))
    assert widget.progress_row.isVisible()
    assert not widget.site_page.analyse_button.isEnabled()
    well = next(well for _, well in seen.wells)
    widget.site_page.plate_map.setValue(well)
    assert "in this step" in widget.site_page.plate_map._describe(well)
    widget.progress_row.cancel_button.click()
    assert (experiment.path / "workflow" / "kill").exists()

    someone.kill()
    someone.wait()
    widget._work.watch.look()
    assert not widget.progress_row.isVisible()
    assert "in this step" not in widget.site_page.plate_map._describe(well)
    widget.close_experiment()
    assert widget._work.watch.value() == Watched()
