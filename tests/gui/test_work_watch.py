"""Work that goes on in another process is shown, ticked well by well, and can be stopped."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
from napari.components import ViewerModel
from tests.gui.plate import make_experiment
from tests.gui.working import busy

from napari_tmaps.errors import StorageError
from napari_tmaps.gui.experiment_widget import ExperimentWidget
from napari_tmaps.gui.state import Choice
from napari_tmaps.gui.work_watch import Watched, WorkWatch, look
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.workflow.door import Experiment as Door
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
    process = begin(experiment, "a workflow")
    yield process
    end(process)


def begin(experiment: Experiment, what: str) -> subprocess.Popen[bytes]:
    """Another process that works on an experiment."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    lock = {"what": what, "pid": process.pid, "host": socket.gethostname(), "since": ""}
    started = psutil.Process(process.pid).create_time()
    path = experiment.path / "workflow" / "coordinator.json"
    path.write_text(json.dumps({**lock, "started": started}))
    return process


def end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.communicate()


@pytest.fixture
def widget(experiment: Experiment, qtbot: Any) -> Iterator[ExperimentWidget]:
    widget = ExperimentWidget(ViewerModel())
    qtbot.addWidget(widget)
    widget.show()
    widget.setValue(Choice(str(experiment.path)))
    yield widget
    widget.close_experiment()


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


def test_what_ends_elsewhere_while_the_window_works_is_shown(
    experiment: Experiment, widget: ExperimentWidget, qtbot: Any
) -> None:
    told: list[bool] = []
    widget._work.endedElsewhere.connect(lambda: told.append(True))
    with busy(widget, qtbot):
        process = begin(experiment, "a workflow")
        widget._work.watch.look()
        end(process)
        widget._work.watch.look()
        assert not told
    assert told
    assert not widget.progress_row.isVisible()


def test_what_begins_elsewhere_while_the_window_works_is_shown(
    experiment: Experiment, widget: ExperimentWidget, qtbot: Any
) -> None:
    with busy(widget, qtbot):
        process = begin(experiment, "a workflow")
        widget._work.watch.look()
    assert widget.progress_row.isVisible()
    assert str(process.pid) in widget.progress_row._text.text()
    assert not widget.site_page.analyse_button.isEnabled()
    end(process)
    widget._work.watch.look()
    assert widget.site_page.analyse_button.isEnabled()


def test_cancel_ends_what_is_shown_alone(
    experiment: Experiment, widget: ExperimentWidget, qtbot: Any
) -> None:
    process = begin(experiment, "a workflow")
    widget._work.watch.look()
    with busy(widget, qtbot):
        widget.progress_row.cancel_button.click()
    assert not (experiment.path / "workflow" / "kill").exists()
    end(process)
    widget._work.watch.look()


def test_one_after_the_other_elsewhere(experiment: Experiment, widget: ExperimentWidget) -> None:
    told: list[bool] = []
    widget._work.endedElsewhere.connect(lambda: told.append(True))
    process = begin(experiment, "first")
    widget._work.watch.look()
    widget.progress_row.cancel_button.click()
    other = begin(experiment, "second")
    end(process)
    widget._work.watch.look()
    assert told
    assert "second" in widget.progress_row._text.text()
    assert widget.progress_row.cancel_button.isEnabled()
    end(other)
    widget._work.watch.look()


def test_who_cannot_be_stopped_can_be_asked_again(
    experiment: Experiment, widget: ExperimentWidget, qtbot: Any
) -> None:
    process = begin(experiment, "a workflow")
    widget._work.watch.look()
    shutil.rmtree(experiment.path / "workflow")
    with qtbot.captureExceptions() as raised:
        widget.progress_row.cancel_button.click()
    assert raised == []
    assert "could not be written" in widget.message
    assert widget.progress_row.cancel_button.isEnabled()
    end(process)
    widget._work.watch.look()


def test_a_server_that_cannot_be_asked_to_stop_is_told(
    tmp_path: Path, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise StorageError("The server cannot be reached.")

    monkeypatch.setattr(Door, "open", refuse)
    watch = WorkWatch()
    watch._experiment = SimpleNamespace(mirror=object(), path=tmp_path)
    watch._last = Watched("a workflow, process 7 on far", elsewhere=True)
    with qtbot.waitSignal(watch.failed) as told:
        watch.stop_work()
    assert told.args == ["The server cannot be reached."]
    watch._experiment = None
