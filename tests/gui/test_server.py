"""The window on an experiment of a server: opened, looked at, followed, as one that lies here."""

from __future__ import annotations

import gc
import shutil
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from qtpy.QtWidgets import QApplication, QInputDialog
from tests.analysed import make_analysed
from tests.server.running import running, settings_with_users

from napari_tmaps.client.address import Address
from napari_tmaps.client.session import Session
from napari_tmaps.gui import blocks, recent, server_dialog
from napari_tmaps.gui.edit_layer import Hand
from napari_tmaps.gui.edit_widget import EditWidget
from napari_tmaps.gui.experiment_widget import ExperimentWidget
from napari_tmaps.gui.flow_state import with_step
from napari_tmaps.gui.live_source import LiveSource
from napari_tmaps.gui.map_menu import WellMenu
from napari_tmaps.gui.object_book import book_of
from napari_tmaps.gui.results_widget import ResultsWidget
from napari_tmaps.gui.save_widget import SaveWidget
from napari_tmaps.gui.state import View
from napari_tmaps.gui.workflow_widget import WorkflowWidget
from napari_tmaps.store.corrections import Corrections
from napari_tmaps.store.exclusions import excluded
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.store.gates import GateStore, RangeGate
from napari_tmaps.streams.mounts import ComingError
from napari_tmaps.workflow.description import with_argument


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An analysed experiment, to be copied."""
    return make_analysed(tmp_path_factory.mktemp("far"))


@pytest.fixture(autouse=True)
def window_asks_nobody(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The thread of the window never waits for the network: it sends no request itself."""
    send = Session._send
    asked: list[str] = []

    def watched(self: Session, method: str, target: str, *rest: Any) -> Any:
        if threading.current_thread() is threading.main_thread():
            asked.append(f"{method} {target}")
        return send(self, method, target, *rest)

    monkeypatch.setattr(Session, "_send", watched)
    yield
    assert not asked


@pytest.fixture
def far(made: Path, tmp_path: Path) -> Path:
    """An analysed experiment, in the folder of a server."""
    return Path(shutil.copytree(made, tmp_path / "far" / "screen.tmaps"))


@pytest.fixture
def address(far: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("TMAPS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", str(tmp_path))
    with running(settings_with_users(far.parent)) as port:
        yield f"http://demo@127.0.0.1:{port}/screen"


@pytest.fixture
def widget(qtbot: Any) -> ExperimentWidget:
    gc.collect()  # windows of before must not end in a thread of the server
    viewer = ViewerModel()
    widget = ExperimentWidget(viewer)
    widget.viewer = viewer

    def close(widget: ExperimentWidget) -> None:
        rest(widget, qtbot)
        widget.close_experiment()

    qtbot.addWidget(widget, before_close_func=close)
    widget.show()
    return widget


def rest(widget: ExperimentWidget, qtbot: Any) -> None:
    qtbot.waitUntil(lambda: not widget.is_busy and not widget.following.is_busy)


def open_there(widget: ExperimentWidget, address: str, qtbot: Any) -> None:
    """With the dialog, as a person would."""
    widget.open_folder(address)
    qtbot.waitUntil(lambda: widget.making.dialog is not None)
    dialog = widget.making.dialog
    assert "Log in" in dialog.message
    assert dialog.user_line.text() == "demo"
    dialog.password_line.setText("XXX")
    dialog.login_button.click()
    qtbot.waitUntil(lambda: dialog.open_button.isEnabled())
    assert dialog.password_line.text() == ""
    dialog.open_button.click()
    rest(widget, qtbot)
    qtbot.waitUntil(lambda: widget.value().plate == "P1")


def pixels(layer: Any) -> np.ndarray:
    """All planes of the first time point, at full size."""
    return np.asarray((layer.data[0] if layer.multiscale else layer.data)[0])


def test_a_site_a_well_and_a_plate_are_shown(
    widget: ExperimentWidget, address: str, made: Path, qtbot: Any
) -> None:
    open_there(widget, address, qtbot)
    assert "on 127.0.0.1" in widget.title
    choice = widget.value()
    widget.setValue(replace(choice, well="B03", site=2, view=View.SITE))
    qtbot.waitUntil(lambda: widget.value().site == 2)
    layers = widget.viewer.layers
    with Experiment.open(made) as ours:
        image, labels = ours.image("P1", "B03", 2, "Actin"), ours.labels("P1", "B03", 2, "Blocks")
    np.testing.assert_array_equal(pixels(layers["Actin"]), image)
    np.testing.assert_array_equal(pixels(layers["Blocks"]), labels)
    for view in (View.WELL, View.PLATE):
        widget.setValue(replace(widget.value(), view=view))
        qtbot.waitUntil(lambda view=view: widget.value().view is view)
        assert pixels(layers["Actin"]).any()
    assert recent.recent() == [address.replace("screen", "api/experiments/MQ==")]
    assert recent.title(recent.recent()[0]) == "screen on 127.0.0.1"


def test_tables_are_those_of_the_server(
    widget: ExperimentWidget, address: str, made: Path, qtbot: Any
) -> None:
    open_there(widget, address, qtbot)
    book = book_of(widget.viewer)
    with qtbot.waitSignal(book.opened):
        book.open("Blocks")
    with Experiment.open(made) as ours:
        theirs = ours.features.read("Blocks")
    found = book.data.table.numbers("Intensity_mean_smoothed_smoothed_image") if book.data else None
    assert found is not None
    np.testing.assert_array_equal(found, theirs["Intensity_mean_smoothed_smoothed_image"])


def test_what_is_saved_is_not_put_into_the_cache(
    widget: ExperimentWidget, address: str, tmp_path: Path, qtbot: Any
) -> None:
    save = SaveWidget(widget.viewer)
    qtbot.addWidget(save)
    open_there(widget, address, qtbot)
    assert save.path_line.text().startswith(str(tmp_path))
    assert str(tmp_path / "cache") not in save.path_line.text()


def test_a_plate_is_renamed_on_the_server(
    widget: ExperimentWidget,
    address: str,
    far: Path,
    qtbot: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    open_there(widget, address, qtbot)
    widget.show_plates()
    tree = widget.plates_tree.tree
    tree.setCurrentItem(tree.topLevelItem(0).child(0))
    monkeypatch.setattr(QInputDialog, "getText", lambda *_, **__: ("Renamed", True))
    widget.plates_tree.rename_button.click()
    qtbot.waitUntil(lambda: widget.value().plate == "Renamed")
    rest(widget, qtbot)
    qtbot.waitUntil(lambda: pixels(widget.viewer.layers["Actin"]).any())
    with Experiment.open(far) as experiment:
        assert experiment.plate_names() == ["Renamed"]


def test_what_changes_on_the_server_is_shown(
    widget: ExperimentWidget, address: str, far: Path, qtbot: Any
) -> None:
    open_there(widget, address, qtbot)
    with Experiment.open(far) as theirs:
        theirs.rename("another name")
    qtbot.waitUntil(lambda: widget.title.startswith("another name"))


def test_nothing_is_changed_here_alone(
    widget: ExperimentWidget, address: str, far: Path, qtbot: Any
) -> None:
    open_there(widget, address, qtbot)
    widget.site_page.convertRequested.emit()
    rest(widget, qtbot)
    assert "that can be changed on that machine only" in widget.message
    assert widget.viewer.layers


def test_objects_are_corrected_on_the_server(
    widget: ExperimentWidget, address: str, far: Path, qtbot: Any
) -> None:
    open_there(widget, address, qtbot)
    widget.setValue(replace(widget.value(), well="B03", site=2, view=View.SITE))
    qtbot.waitUntil(lambda: widget.value().site == 2)
    qtbot.waitUntil(lambda: pixels(widget.viewer.layers["Blocks"]).any())
    edit = EditWidget(widget.viewer)
    qtbot.addWidget(edit)
    edit.edit_button.click()
    edit.stroke(Hand.DELETE, (0, 0, 12, 12), (0, 0, 12, 12))
    edit.save_button.click()
    qtbot.waitUntil(lambda: not edit.is_busy)
    assert edit._message.text() == "1 changed Blocks saved."
    with Experiment.open(far) as theirs:
        labels = theirs.labels("P1", "B03", 2, "Blocks")
        assert 1 not in labels
        assert Corrections(theirs).edits()[0].who == "demo"
    rest(widget, qtbot)
    shown = lambda: pixels(widget.viewer.layers["Blocks"])  # noqa: E731
    qtbot.waitUntil(lambda: np.array_equal(shown(), labels))
    assert edit.layer is not None, "the work goes on"
    edit.edit_button.click()
    edit.history.undo_button.click()
    qtbot.waitUntil(lambda: not edit.is_busy)
    assert edit._message.text() == "1 changed Blocks undone."


def test_sites_are_excluded_on_the_server(
    widget: ExperimentWidget, address: str, far: Path, monkeypatch: Any, qtbot: Any
) -> None:
    open_there(widget, address, qtbot)
    menu = WellMenu(widget)
    monkeypatch.setattr(QInputDialog, "getText", lambda *args: ("dust", True))
    menu.fill(widget.experiment, "P1", ["B03"], "B03", 2)
    (action,) = [each for each in menu.menu.actions() if each.text() == "Exclude B03 site 2…"]
    with qtbot.waitSignal(menu.changed):
        action.trigger()
    assert excluded(widget.experiment.catalogue) == {("P1", "B03", 2): "dust"}
    with Experiment.open(far) as theirs:
        assert excluded(theirs.catalogue) == {("P1", "B03", 2): "dust"}


def test_a_lost_connection_is_told_and_the_window_lives(
    widget: ExperimentWidget, far: Path, tmp_path: Path, monkeypatch: Any, qtbot: Any
) -> None:
    monkeypatch.setenv("TMAPS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", str(tmp_path))
    with running(settings_with_users(far.parent)) as port:
        open_there(widget, f"http://demo@127.0.0.1:{port}/screen", qtbot)
        first = widget.value()
        rest(widget, qtbot)
    widget.following.look()
    qtbot.waitUntil(lambda: "cannot be reached" in widget.message)
    widget.setValue(replace(first, well="B03", site=2, view=View.SITE))
    pixels(widget.viewer.layers["Actin"])
    qtbot.waitUntil(lambda: "cannot be reached" in widget.message)
    widget.setValue(first)
    assert widget.viewer.layers, "what was seen before is still there"


def test_wrong_passwords_and_servers_are_told_in_the_dialog(
    widget: ExperimentWidget, address: str, qtbot: Any
) -> None:
    widget.start_page.buttons["server"].click()
    dialog = widget.making.dialog
    cases = [
        (address.partition("@")[2].removesuffix("/screen"), "bad", "name or the password is wrong"),
        ("127.0.0.1:1", "XXX", "cannot be reached"),
        ("http://", "XXX", "is no address"),
    ]
    dialog.user_line.setText("demo")
    for server, password, sentence in cases:
        dialog.server_line.setText(server)
        dialog.password_line.setText(password)
        dialog.log_in()
        qtbot.waitUntil(lambda sentence=sentence: sentence in dialog.message)
        qtbot.waitUntil(lambda: not dialog.is_busy)
        assert not dialog.open_button.isEnabled()
    dialog.reject()


def test_a_person_without_experiments_is_told(
    widget: ExperimentWidget, address: str, qtbot: Any
) -> None:
    widget.making.ask_on_server(address.replace("demo@", "stranger@"))
    dialog = widget.making.dialog
    dialog.password_line.setText("sss")
    dialog.log_in()
    qtbot.waitUntil(lambda: "has no experiments there" in dialog.message)
    dialog.reject()


def test_a_workflow_runs_on_the_server_and_is_seen_to_end(
    widget: ExperimentWidget, address: str, far: Path, qtbot: Any
) -> None:
    open_there(widget, address, qtbot)
    flow = WorkflowWidget(widget.viewer)
    qtbot.addWidget(flow)
    description = with_argument(flow.value(), "jterator", "pipeline", "nuclei")
    flow.setValue(with_step(description, "imextract", active=True))
    assert flow.buttons.submit.isEnabled(), flow.state
    flow.submit(until="image_preprocessing")
    qtbot.waitUntil(lambda: not flow.is_busy)
    assert flow.message == ""
    assert (far / "workflow.yaml").is_file()
    qtbot.waitUntil(lambda: " ended" in flow.state.headline)
    flow.stop()
    qtbot.waitUntil(lambda: "Nothing is at work" in flow.message)
    flow.buttons.estimate.click()
    qtbot.waitUntil(lambda: "on the machine itself" in flow.message)


def test_a_gate_is_kept_on_the_server(
    widget: ExperimentWidget, address: str, far: Path, qtbot: Any
) -> None:
    open_there(widget, address, qtbot)
    book = book_of(widget.viewer)
    book.open("Blocks")
    qtbot.waitUntil(lambda: book.data is not None)
    assert book.save_gate("large", RangeGate(column="Morphology_Area", low=1.0, high=9.0))
    assert set(book.data.gates) == {"large"}
    there = GateStore(far / "gates")
    qtbot.waitUntil(lambda: set(there.load("Blocks")) == {"large"})
    shutil.rmtree(far / "features" / "Blocks")
    book.rename_gate("large", "big")
    qtbot.waitUntil(lambda: "could not be saved on the server" in widget.message)
    assert set(there.load("Blocks")) == {"large"}


def test_a_tool_runs_on_the_server(
    widget: ExperimentWidget, address: str, far: Path, qtbot: Any
) -> None:
    open_there(widget, address, qtbot)
    results = ResultsWidget(widget.viewer)
    qtbot.addWidget(results)
    qtbot.waitUntil(lambda: results.book.data is not None)
    results.setTool("cluster", {"clusters": 2, "features": ["Morphology_Area"]})
    results.name_line.setText("groups")
    results.run_button.click()
    qtbot.waitUntil(lambda: results.value() == "groups")
    (made,) = (far / "results").glob("*/groups/result.json")
    assert made.is_file()
    qtbot.waitUntil(lambda: not results.is_busy)
    results.results.deleteRequested.emit("groups")
    qtbot.waitUntil(lambda: not made.exists())
    qtbot.waitUntil(lambda: not results.is_busy)


def test_a_pipeline_is_tuned_on_the_pixels_of_the_server(
    widget: ExperimentWidget, address: str, monkeypatch: Any, qtbot: Any
) -> None:
    monkeypatch.setattr(blocks, "_PATIENCE_S", 0.0)
    open_there(widget, address, qtbot)
    source, found = LiveSource(widget.viewer), []

    def is_here() -> bool:
        try:
            found.append(source.scene())
        except ComingError as error:
            assert "on their way" in str(error)  # noqa: PT017
        return bool(found)

    qtbot.waitUntil(is_here)
    choice = widget.value()
    with Experiment.open(choice.experiment) as ours:
        expected = ours.image("P1", choice.well, choice.site, "Actin")[0]
    np.testing.assert_array_equal(found[0].images["Actin"], expected)


def test_experiments_of_another_user_are_not_listed(
    qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends = threading.Event()
    session = SimpleNamespace(close_all=lambda: None)
    row = {"id": "1", "name": "screen", "user": "demo", "description": "", "write_access": True}

    def log_in(where: Address, *_: Any) -> tuple[Any, Address]:
        ends.wait()
        return session, where

    monkeypatch.setattr(server_dialog, "log_in", log_in)
    monkeypatch.setattr(server_dialog, "experiments_at", lambda _session: [row])
    dialog = server_dialog.ServerDialog("http://demo@far:8002/screen")
    qtbot.addWidget(dialog)
    dialog.log_in()
    qtbot.keyClicks(dialog.user_line, "x")
    assert dialog.message == ""
    ends.set()
    qtbot.waitUntil(lambda: not dialog.is_busy)
    assert dialog.list.count() == 0
    dialog.login_button.click()
    qtbot.waitUntil(lambda: not dialog.is_busy)
    assert "demox@far" in dialog.value()


def test_what_one_server_says_is_not_told_of_another_experiment(
    widget: ExperimentWidget, address: str, qtbot: Any
) -> None:
    open_there(widget, address, qtbot)
    mirror = widget.experiment.mirror
    with qtbot.captureExceptions() as raised:
        teller = threading.Thread(target=mirror.on_problem, args=("It was refused.",))
        teller.start()
        teller.join()
        widget.close_experiment()
        QApplication.processEvents()
    assert raised == []
    assert "refused" not in widget.message
