"""The workflow widget sends real workflows off, and shows what becomes of them."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from napari.components import ViewerModel
from qtpy.QtWidgets import QCheckBox, QFileDialog, QLabel, QTabWidget

from napari_tmaps.errors import InputError, StorageError
from napari_tmaps.gui import flow_watch
from napari_tmaps.gui.desk import desk_of
from napari_tmaps.gui.sending_page import SendingPage
from napari_tmaps.gui.stage_page import StagePage
from napari_tmaps.gui.state import Choice
from napari_tmaps.gui.work_watch import WorkWatch
from napari_tmaps.gui.workflow_widget import WorkflowWidget
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.workflow.description import (
    FILE,
    check_description,
    default_description,
    load_workflow,
    save_workflow,
)
from napari_tmaps.workflow.engines import EngineChoice
from napari_tmaps.workflow.lock import coordinator
from napari_tmaps.workflow.submission import Subset


@pytest.fixture
def experiment(own_experiment: Path) -> Iterator[Experiment]:
    with Experiment.open(own_experiment) as opened:
        yield opened


@pytest.fixture
def widget(qtbot: Any, experiment: Experiment) -> Iterator[WorkflowWidget]:
    viewer = ViewerModel()
    desk_of(viewer).setExperiment(experiment)
    widget = WorkflowWidget(viewer)
    widget.viewer = viewer
    qtbot.addWidget(widget)
    widget.show()
    yield widget
    qtbot.waitUntil(lambda: not widget.is_busy)
    desk_of(viewer).setExperiment(None)


def send_with_threads(widget: WorkflowWidget, qtbot: Any, subset: Subset | None = None) -> None:
    """Submit, and wait until it has ended."""
    widget.sending.setValue(subset or Subset(), EngineChoice(kind="threads", workers=1))
    widget.buttons.submit.click()
    wait_until_through(widget, qtbot)


def wait_until_through(widget: WorkflowWidget, qtbot: Any) -> None:
    qtbot.waitUntil(lambda: not widget.is_busy and not widget.state.at_work)


def test_without_an_experiment_it_says_what_to_do(qtbot: Any) -> None:
    widget = WorkflowWidget(ViewerModel())
    qtbot.addWidget(widget)
    widget.show()
    assert widget._empty.isVisible()
    assert not widget.buttons.submit.isVisible()


def test_value(widget: WorkflowWidget, qtbot: Any) -> None:
    default = default_description()
    wanted = default.model_copy(update={"stages": default.stages[:3]})
    with qtbot.waitSignal(widget.valueChanged) as changed:
        widget.setValue(wanted)
    assert widget.value() == changed.args[0] == wanted
    assert [widget.tabs.tabText(n)[2:] for n in range(3)] == ["Convert", "Correct", "Map"]


def test_behind_another_tab_it_is_of_the_experiment_that_is_open(
    widget: WorkflowWidget, experiment: Experiment, qtbot: Any, tmp_path: Path
) -> None:
    tabs = QTabWidget()
    qtbot.addWidget(tabs)
    tabs.addTab(QLabel("seen"), "seen")
    tabs.addTab(widget, "behind")
    tabs.show()
    before = widget.value()
    default = default_description()
    wanted = default.model_copy(update={"stages": default.stages[:3]})
    with Experiment.create(tmp_path / "other.tmaps") as other:
        save_workflow(wanted, other.path / FILE)
        widget.setExperiment(other)
        widget.save()
        assert len(load_workflow(other.path / FILE).stages) == 3
        widget.setExperiment(experiment)
        widget.setValue(wanted)
        assert widget.value() == wanted != before
        widget.setExperiment(None)
    widget.setParent(None)  # it is not for the tabs to delete


def test_forms_of_another_experiment_take_the_place_of_the_old_ones(
    widget: WorkflowWidget, experiment: Experiment, qtbot: Any
) -> None:
    shown = widget.tabs.count()
    old = len(widget.findChildren(StagePage))
    for _ in range(3):
        widget.setExperiment(None)
        widget.setExperiment(experiment)
    assert widget.tabs.count() == shown
    qtbot.waitUntil(lambda: len(widget.findChildren(StagePage)) == old)


def test_forms_edit_the_workflow_and_save_it(
    widget: WorkflowWidget, experiment: Experiment
) -> None:
    assert not widget.save_action.isEnabled()
    page = widget._pages["image_preprocessing"]
    page.box("corilla").click()
    page.form("corilla").editor("method")._box.setCurrentText("flat")
    page.form("corilla").editor("method").valueChanged.emit("flat")
    steps = {step.name: step for step in widget.value().active()}
    assert steps["corilla"].batch_args["method"] == "flat"
    assert "Not saved yet" in widget._headline.text()
    widget.save()
    saved = load_workflow(experiment.path / FILE)
    assert check_description(saved) == check_description(widget.value())
    assert "Not saved" not in widget._headline.text()
    page.box("corilla").click()
    widget.reload()
    assert page.box("corilla").isChecked()


def test_a_fault_is_told_at_its_field_and_bars_sending(widget: WorkflowWidget) -> None:
    form = widget._pages["image_conversion"].form("metaconfig")
    form.editor("regex").valueChanged.emit("(?P<w>")
    assert not widget.buttons.submit.isEnabled()
    assert widget._fault.text().startswith("⚠ metaconfig: regex")
    form.editor("regex").valueChanged.emit("")
    assert widget.buttons.submit.isEnabled()
    widget.sending.subset.editor("wells").valueChanged.emit(("H12",))
    assert "H12" in widget._fault.text()
    assert not widget.buttons.submit.isEnabled()


def test_only_fields_of_the_engine_are_offered(qtbot: Any) -> None:
    page = SendingPage()
    qtbot.addWidget(page)
    page.show()

    def shown() -> set[str]:
        names = {*EngineChoice.model_fields, *Subset.model_fields} - {"wells", "sites"}
        forms = (page.engine, page.subset)
        return {n for n in names if any(n in f.value() and f.editor(n).isVisible() for f in forms)}

    assert shown() == {"random", "kind", "workers", "scheduler", "cluster"}
    page.engine.editor("kind").valueChanged.emit("threads")
    page.subset.editor("random").valueChanged.emit(3)
    assert shown() == {"random", "seed", "kind", "workers"}
    # What is wrong beside the others can be seen and taken away.
    page.setValue(Subset(), EngineChoice(kind="processes", scheduler="tcp://host:8786"))
    assert shown() == {"random", "kind", "workers", "scheduler"}


def test_submit_a_subset_watch_and_read_the_log(
    widget: WorkflowWidget, experiment: Experiment, qtbot: Any
) -> None:
    send_with_threads(widget, qtbot, Subset(wells=("B02",), random=2))
    assert widget.state.step("jterator").standing == "done"
    assert widget._pages["image_analysis"].bar("jterator").value() == (1.0, False)
    assert len(experiment.catalogue.analysed()) == 2
    assert (experiment.path / FILE).is_file()

    widget.jobs.choose("jterator", "run", 1)
    assert "JOB COMPLETED" in widget.jobs.log.text.toPlainText()
    widget.jobs.log.search.setText("completed")
    assert widget.jobs.log._found.text() == "1 found"
    assert widget.jobs.log.text.textCursor().selectedText() == "COMPLETED"
    asked: list[Choice] = []
    desk_of(widget.viewer).choiceRequested.connect(asked.append)
    plate, well, site = widget.jobs.sites()[0]
    widget.jobs.siteRequested.emit(plate, well, site)
    assert (asked[0].well, asked[0].site) == ("B02", site)

    # Whoever opens the window later finds it as it stands.
    again = WorkflowWidget(widget.viewer)
    qtbot.addWidget(again)
    assert again.state == widget.state
    assert again.sending.value() == widget.sending.value()


def test_a_failed_job_makes_the_bar_red_and_resume_mends_it(
    widget: WorkflowWidget, experiment: Experiment, qtbot: Any
) -> None:
    shutil.rmtree(experiment.plate("P1").image_path("B03", 1))
    original = experiment.path.parent / "raw" / "B03_1_DAPI.tif"
    away = original.rename(original.with_suffix(".away"))
    widget.sending.setValue(Subset(), EngineChoice(kind="threads", workers=1))
    widget.submit(until="image_conversion")
    wait_until_through(widget, qtbot)
    assert widget.state.step("imextract").standing == "failed"
    assert widget._pages["image_conversion"].bar("imextract").value()[1]
    assert widget.tabs.tabText(0) == "✗ Convert"
    away.rename(original)
    widget.buttons.resume.click()
    wait_until_through(widget, qtbot)
    assert widget.state.step("imextract").standing == "done"
    assert widget.tabs.tabText(0) == "✓ Convert"


def test_stop(widget: WorkflowWidget, experiment: Experiment, qtbot: Any) -> None:
    widget.sending.setValue(Subset(), EngineChoice(kind="processes", workers=1))
    widget.buttons.submit.click()
    qtbot.waitUntil(lambda: widget.state.at_work)
    widget.buttons.stop.click()
    assert "Stopping" in widget.message
    wait_until_through(widget, qtbot)
    assert widget.message == ""
    assert coordinator(experiment.path) is None
    assert widget.buttons.submit.isEnabled()


def test_estimate_writes_nothing(
    widget: WorkflowWidget, experiment: Experiment, qtbot: Any
) -> None:
    before = sorted(experiment.path.rglob("*"))
    widget.buttons.estimate.click()
    qtbot.waitUntil(lambda: not widget.is_busy)
    assert "jterator: 12 units" in widget._message.text()
    assert sorted(experiment.path.rglob("*")) == before


def test_what_was_estimated_for_one_experiment_is_not_told_of_another(
    widget: WorkflowWidget, experiment: Experiment, tmp_path: Path, qtbot: Any
) -> None:
    with Experiment.create(tmp_path / "other.tmaps") as other:
        for ends_badly in (False, True):
            widget.setExperiment(experiment)
            ends = threading.Event()

            def act(_flow: Any, ends: threading.Event = ends, bad: bool = ends_badly) -> Any:
                ends.wait()
                if bad:
                    raise InputError("It cannot be.")
                return {"steps": [], "seconds": None}

            widget._send("Estimating", act)
            widget.setExperiment(other)
            ends.set()
            qtbot.waitUntil(lambda: not widget.is_busy)
            told = f"⚠ {experiment.path.name}: It cannot be." if ends_badly else ""
            assert widget.message == told
        widget.setExperiment(None)


def test_what_cannot_be_saved_is_told(
    widget: WorkflowWidget, experiment: Experiment, qtbot: Any
) -> None:
    (experiment.path / FILE).unlink(missing_ok=True)
    (experiment.path / FILE).mkdir()
    widget.setValue(widget.value().model_copy(update={"stages": widget.value().stages[:3]}))
    with qtbot.captureExceptions() as raised:
        widget.save_action.trigger()
    assert raised == []
    assert "could not be written" in widget.message
    (experiment.path / FILE).rmdir()


def test_a_file_with_an_unknown_step_changes_nothing(
    widget: WorkflowWidget, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = widget.value(), [widget.tabs.tabText(n) for n in range(widget.tabs.count())]
    path = tmp_path / "other.yaml"
    save_workflow(default_description(), path)
    path.write_text(path.read_text().replace("name: corilla", "name: gorilla"))
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(path), ""))
    widget._on_open()
    assert "gorilla" in widget.message
    now = widget.value(), [widget.tabs.tabText(n) for n in range(widget.tabs.count())]
    assert now == before


def test_a_workflow_with_other_steps_in_the_same_stages(
    widget: WorkflowWidget, experiment: Experiment
) -> None:
    whole = default_description()
    stages = tuple(
        stage.model_copy(update={"steps": stage.steps[:1]}) if len(stage.steps) > 1 else stage
        for stage in whole.stages
    )
    part = whole.model_copy(update={"stages": stages})
    save_workflow(part, experiment.path / FILE)
    widget.setExperiment(None)
    widget.setExperiment(experiment)
    for wanted in (whole, part):
        widget.setValue(wanted)
        assert widget.value() == wanted
        boxes = {
            box.text() for page in widget._pages.values() for box in page.findChildren(QCheckBox)
        }
        steps = {step.name for stage in wanted.stages for step in stage.steps}
        assert steps == boxes & {step.name for stage in whole.stages for step in stage.steps}


def test_a_status_that_cannot_be_read_does_not_bar_sending(
    widget: WorkflowWidget, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def locked(_experiment: Experiment) -> None:
        raise StorageError("The catalogue is being written.")

    assert widget.buttons.submit.isEnabled()
    monkeypatch.setattr(flow_watch, "status", locked)
    widget._send("Estimating", lambda _flow: {"steps": [], "seconds": None})
    assert not widget.buttons.submit.isEnabled()
    qtbot.waitUntil(lambda: not widget.is_busy)
    assert widget.buttons.submit.isEnabled()


def test_a_lock_that_cannot_be_read_is_no_reason_to_fail(
    widget: WorkflowWidget, experiment: Experiment
) -> None:
    lock = experiment.path / "workflow" / "coordinator.json"
    lock.unlink(missing_ok=True)
    lock.symlink_to(lock)  # like a file of somebody else, also where tests may read everything
    with pytest.raises(StorageError, match="cannot be read"):
        coordinator(experiment.path)
    widget._watch._on_tick()
    watch = WorkWatch()
    watch.setExperiment(experiment)
    watch.look()
    lock.unlink()
