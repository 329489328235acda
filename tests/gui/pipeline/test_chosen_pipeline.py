"""What was tuned is what is run: in the Experiment widget, and in the workflow."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from qtpy.QtWidgets import QApplication
from tests.gui.pipeline.tuned import settle
from tests.gui.plate import make_experiment

from napari_tmaps.errors import InputError, StorageError
from napari_tmaps.gui import site_work, step_edits
from napari_tmaps.gui.experiment_widget import ExperimentWidget
from napari_tmaps.gui.facts import READY
from napari_tmaps.gui.pipeline_widget import PipelineWidget
from napari_tmaps.gui.state import Choice
from napari_tmaps.gui.workflow_widget import WorkflowWidget
from napari_tmaps.model.pipeline import PipelineDescription
from napari_tmaps.pipeline import load_pipeline
from napari_tmaps.pipeline.shelf import Shelf
from napari_tmaps.store.channel_names import rename_channel
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.workflow.description import with_argument


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """An experiment without a pipeline of its own."""
    path = make_experiment(tmp_path / "plate")
    shutil.rmtree(path / "pipelines", ignore_errors=True)
    return path


@pytest.fixture
def window(make_viewer, path: Path) -> Iterator[SimpleNamespace]:
    viewer = make_viewer()
    experiment, pipeline = ExperimentWidget(viewer), PipelineWidget(viewer)
    workflow = WorkflowWidget(viewer)
    for each in (experiment, pipeline, workflow):
        viewer.window.add_dock_widget(each, name=type(each).__name__)
    yield SimpleNamespace(experiment=experiment, pipeline=pipeline, workflow=workflow)
    pipeline.close()
    experiment.close_experiment()


def said(workflow: WorkflowWidget) -> str:
    stages = workflow.value().stages
    return next(s.batch_args["pipeline"] for g in stages for s in g.steps if s.name == "jterator")


def tune(window: SimpleNamespace, name: str, size: int) -> Path:
    """Begin with a ready pipeline and change it; returns where it is kept."""
    window.pipeline.bar.opened.emit(name, True)
    settle(window.pipeline)
    value = window.pipeline.value()
    window.pipeline.setValue(
        step_edits.with_setting(value, value.pipeline[0].name, "filter_size", size).pipeline
    )
    window.pipeline._document.save()
    settle(window.pipeline)
    folder = Path(window.experiment.value().experiment) / "pipelines"
    return folder / f"{window.pipeline._document.name}.yaml"


def test_what_is_tuned_is_run(window: SimpleNamespace, path: Path) -> None:
    experiment = window.experiment
    experiment.setValue(Choice(str(path)))
    settle(window.pipeline)
    fitting = experiment.value().pipeline
    assert fitting == READY + "nuclei_and_cells"
    assert said(window.workflow) == "nuclei_and_cells"
    window.pipeline.bar.opened.emit("nuclei_any_size", True)
    settle(window.pipeline)
    assert experiment.value().pipeline == READY + "nuclei_any_size", "good as it is"
    assert said(window.workflow) == "nuclei_any_size"

    tuned = tune(window, "nuclei", 7)
    assert experiment.value().pipeline == str(tuned)
    assert experiment.site_page._pipeline.currentText() == "nuclei.yaml"
    assert load_pipeline(tuned).pipeline[0].settings["filter_size"] == 7
    assert said(window.workflow) == "nuclei"
    names = window.workflow._built[1]
    assert len(names) == len(set(names))

    # What somebody chose in the workflow stays; it is offered what is new.
    chosen = with_argument(window.workflow.value(), "jterator", "pipeline", "nuclei_any_size")
    window.workflow.setValue(chosen)
    window.pipeline._document.copy_as("other")
    assert experiment.site_page._pipeline.currentText() == "other.yaml"
    other = tune(window, "nuclei", 9)
    assert other != tuned
    assert experiment.value().pipeline == str(other)
    assert said(window.workflow) == "nuclei_any_size"
    assert other.stem in window.workflow._built[1]


def edit(window: SimpleNamespace, size: int) -> None:
    """Change the setting that `tune` changes, and wait for nothing."""
    value = window.pipeline.value()
    step = value.pipeline[0].name
    window.pipeline.setValue(step_edits.with_setting(value, step, "filter_size", size).pipeline)


def test_what_was_edited_just_now_is_run(
    window: SimpleNamespace, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    experiment, page = window.experiment, window.experiment.site_page
    experiment.setValue(Choice(str(path)))
    settle(window.pipeline)
    tuned = tune(window, "nuclei", 7)
    run, sent = [], []

    def loaded(key: str) -> PipelineDescription:
        run.append(load_pipeline(key).pipeline[0].settings["filter_size"])
        raise InputError("this is not run")

    monkeypatch.setattr(site_work, "load", loaded)
    monkeypatch.setattr(
        window.workflow._work,
        "start",
        lambda *_: sent.append(load_pipeline(tuned).pipeline[0].settings["filter_size"]),
    )
    edit(window, 5)
    page.run_button.click()
    wait_for(experiment)
    edit(window, 4)
    page.analyseRequested.emit()
    wait_for(experiment)
    edit(window, 9)
    window.workflow.submit()
    assert (run, sent) == ([5, 4], [9])

    # Where the file cannot be written, what is in it is not run instead.
    edit(window, 11)
    with monkeypatch.context() as full:
        full.setattr(Shelf, "save", refuse)
        page.run_button.click()
        page.analyseRequested.emit()
        assert "no space" in experiment.message
        window.workflow.submit()
        assert "no space" in window.workflow.message
        with pytest.raises(StorageError):
            window.pipeline._document.save()
        assert not experiment.is_busy
    assert (run, sent) == ([5, 4], [9])
    page.run_button.click()
    wait_for(experiment)
    assert run[-1] == 11, "there is space again"
    window.pipeline.close()
    page.run_button.click()
    wait_for(experiment)
    assert run[-1] == 11


def refuse(*_: object) -> None:
    raise StorageError("There is no space left on the disk.")


def wait_for(experiment: ExperimentWidget) -> None:
    end = time.monotonic() + 30
    while experiment.is_busy and time.monotonic() < end:
        QApplication.processEvents()


def test_what_is_tuned_of_another_experiment_is_not_chosen(
    window: SimpleNamespace, path: Path, tmp_path: Path
) -> None:
    window.experiment.setValue(Choice(str(path)))
    settle(window.pipeline)
    tune(window, "nuclei", 7)
    other = make_experiment(tmp_path / "other")
    window.experiment.setValue(Choice(str(other)))
    before = window.experiment.value()
    window.experiment._desk.pipelineChosen.emit(str(path / "pipelines" / "nuclei.yaml"))
    assert window.experiment.value() == before
    tuned = path / "pipelines" / "nuclei.yaml"
    shutil.copy(tuned, tuned.with_name("a.yaml"))
    window.experiment.setValue(Choice(str(path), pipeline=str(tuned)))
    settle(window.pipeline)
    assert window.experiment.value().pipeline == str(tuned)
    assert window.pipeline._document.name == "nuclei", "not the first of them"


def test_no_pipeline_is_chosen_that_cannot_be_run(window: SimpleNamespace, path: Path) -> None:
    with Experiment.open(path) as renamed:
        for n, name in enumerate(renamed.catalogue.channel_names()):
            rename_channel(renamed, name, f"W{n}")
    experiment = window.experiment
    experiment.setValue(Choice(str(path)))
    settle(window.pipeline)
    page = experiment.site_page
    assert experiment.value().pipeline == ""
    assert page._pipeline.currentText() == ""
    assert "build it in Pipeline" in page._pipeline.placeholderText()
    assert not page.run_button.isEnabled()
    assert said(window.workflow) == ""
    # One of its own says what it lacks.
    tuned = tune(window, "nuclei", 7)
    assert experiment.value().pipeline == str(tuned)
    page.run_button.click()
    settle(window.pipeline)
    assert "no channel 'DAPI'" in experiment.message
