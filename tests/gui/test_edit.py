"""Objects corrected by hand, driven as a person would."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.utils._proxies import PublicOnlyProxy
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDockWidget, QFileDialog, QInputDialog, QMainWindow
from tests.analysed import analysed, analysed_once, squares  # noqa: F401

from napari_tmaps.errors import StorageError
from napari_tmaps.gui import edit_widget, undocked
from napari_tmaps.gui.edit_layer import Hand
from napari_tmaps.gui.edit_widget import EditWidget
from napari_tmaps.gui.experiment_widget import ExperimentWidget
from napari_tmaps.gui.state import Choice, View
from napari_tmaps.model.progress import Progress
from napari_tmaps.pipeline.correcting import correct
from napari_tmaps.store.corrections import Corrections, SiteObjects

PLACE = SiteObjects("Blocks", "P1", "B03", 2)


@pytest.fixture
def shown(qtbot: Any, analysed: Path) -> Iterator[Any]:  # noqa: F811
    viewer = ViewerModel()
    widget = ExperimentWidget(viewer)  # type: ignore[arg-type]
    widget.viewer = viewer  # type: ignore[attr-defined]
    qtbot.addWidget(widget)
    widget.setValue(Choice(str(analysed), plate="P1", well="B03", site=2))
    yield widget
    widget.close_experiment()


@pytest.fixture
def widget(shown: Any) -> Iterator[EditWidget]:
    widget = EditWidget(PublicOnlyProxy(shown.viewer))  # type: ignore[arg-type]  # as napari does
    yield widget
    with suppress(RuntimeError):  # it has gone with its dock
        widget.discard()
        widget.close()


def wait(qtbot: Any, widget: EditWidget) -> None:
    qtbot.waitUntil(lambda: not widget.is_busy)


def stored(shown: Any, place: SiteObjects = PLACE) -> np.ndarray:
    labels: np.ndarray = shown._experiment.labels(*place[1:4], place.object_type)[0]
    return labels


def areas(shown: Any) -> list[float]:
    table = shown._experiment.features.read_site("Blocks", "P1", "B03", 2)
    found: list[float] = table["Morphology_Area"].tolist()
    return found


def sites(widget: Any) -> list[str]:
    """The sites with corrections, as they are listed."""
    found = widget.history.sites
    return [found.item(n).text() for n in range(found.count())]


def test_split_merge_and_delete_are_saved_and_measured(
    shown: Any, widget: EditWidget, qtbot: Any
) -> None:
    assert widget.edit_button.text() == "Edit this site"
    widget.edit_button.click()
    layer = widget.layer
    assert layer.name == "Edit: Blocks"
    assert shown.viewer.layers.selection.active == layer
    assert not shown.viewer.layers["Blocks"].visible
    assert not widget.save_button.isEnabled()
    widget.stroke(Hand.SPLIT, (0, 0, 47, 5), (0, 0, 47, 30))
    widget.stroke(Hand.DELETE, (0, 0, 12, 12), (0, 0, 12, 12))
    assert widget.changed() == 3
    assert "3 objects changed" in widget._state.text()
    assert not widget.history.undo_button.isEnabled()
    widget.save_button.click()
    wait(qtbot, widget)
    assert widget._message.text() == "3 changed Blocks saved."
    wanted = squares()
    wanted[wanted == 1] = 0
    now = stored(shown)
    assert np.array_equal(now > 0, wanted > 0)
    assert sorted(np.unique(now).tolist()) == [0, 2, 3, 4]
    assert sum(areas(shown)) == 14 * 14 + 36 * 36
    assert len(areas(shown)) == 3
    assert sites(widget) == ["Blocks of P1 B03 site 2"]
    assert "Rings: found or measured with Blocks" in widget.history.older.text()
    # What is below has been read anew, and the work goes on.
    assert np.array_equal(np.asarray(shown.viewer.layers["Blocks"].data)[0, 0], now)
    assert widget.layer is not None
    widget.stroke(Hand.MERGE, (0, 0, 42, 15), (0, 0, 52, 15))
    widget.save()
    wait(qtbot, widget)
    assert len(areas(shown)) == 2
    widget.history.undo_button.click()
    wait(qtbot, widget)
    assert np.array_equal(stored(shown), now)
    widget.history.undo_button.click()
    wait(qtbot, widget)
    assert np.array_equal(stored(shown), squares())
    assert areas(shown) == [384, 196, 1296]
    assert sites(widget) == []
    assert not widget.history.undo_button.isEnabled()
    widget.history.redo_button.click()
    wait(qtbot, widget)
    assert np.array_equal(stored(shown), now)


def test_napari_paints_and_takes_strokes_back(shown: Any, widget: EditWidget) -> None:
    widget.edit_button.click()
    layer = widget.layer
    assert layer.mode == "paint"
    layer.selected_label = 2
    layer.paint((0, 0, 35, 20), 2)
    assert widget.changed() == 1
    layer.undo()
    assert widget.changed() == 0
    widget.stroke(Hand.DELETE, (0, 0, 45, 20), (0, 0, 45, 20))
    assert widget.changed() == 1
    layer.undo()
    assert widget.changed() == 0
    layer.paint((0, 0, 35, 20), 2)
    widget.discard_button.click()
    assert widget.changed() == 0
    assert np.array_equal(np.asarray(layer.data)[0, 0], squares())
    widget.setHand(Hand.ERASE)
    assert layer.mode == "erase"
    widget.setHand(Hand.SPLIT)
    assert layer.mode == "pan_zoom"
    assert not layer.mouse_pan


def test_walking_on_saves_and_undo_goes_back_to_the_site(
    shown: Any, widget: EditWidget, qtbot: Any
) -> None:
    widget.edit_button.click()
    widget.stroke(Hand.DELETE, (0, 0, 45, 20), (0, 0, 45, 20))
    shown.setValue(Choice(shown.value().experiment, plate="P1", well="B02", site=1))
    wait(qtbot, widget)
    assert 2 not in stored(shown)
    assert widget.place == SiteObjects("Blocks", "P1", "B02", 1)
    assert np.array_equal(np.asarray(widget.layer.data)[0, 0], squares())
    widget.history.undo_button.click()
    wait(qtbot, widget)
    assert (shown.value().well, shown.value().site) == ("B03", 2)
    assert np.array_equal(stored(shown), squares())
    assert widget.place == PLACE
    shown.setValue(Choice(shown.value().experiment, plate="P1", view=View.PLATE))
    assert widget.layer is None
    assert not widget.edit_button.isChecked()
    assert [name for name in map(str, shown.viewer.layers) if name.startswith("Edit")] == []


def test_what_goes_wrong_is_said_and_nothing_is_lost(
    shown: Any, widget: EditWidget, qtbot: Any
) -> None:
    widget.edit_button.click()
    widget.stroke(Hand.DELETE, (0, 0, 45, 20), (0, 0, 45, 20))
    # Somebody else changes the site meanwhile.
    other = squares()[np.newaxis]
    Corrections(shown._experiment).save(PLACE, other, np.where(other == 3, 0, other))
    widget.save_button.click()
    wait(qtbot, widget)
    assert "changed by somebody else meanwhile" in widget._message.text()
    assert 2 in stored(shown)
    widget.type_box.setCurrentText("Rings")
    shown._experiment.plate("P1").remove_labels("B03", 2, ["Rings"])
    widget.edit_button.setChecked(False)


def test_corrections_are_exported_for_training(
    shown: Any, widget: EditWidget, qtbot: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert widget.history.train_button.isHidden(), "nothing is corrected yet"
    widget.edit_button.click()
    widget.stroke(Hand.DELETE, (0, 0, 12, 12), (0, 0, 12, 12))
    widget.save()
    wait(qtbot, widget)
    assert not widget.history.train_button.isHidden()
    chosen = str(tmp_path / "training")
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (chosen, ""))
    for_stardist = widget.history.training_menu.actions()[1]
    assert for_stardist.text() == "For StarDist…"
    for_stardist.trigger()
    wait(qtbot, widget)
    assert "Wrote 1 image of corrected Blocks for stardist" in widget._message.text()
    assert (tmp_path / "training" / "masks" / "P1_B03_s2_t0.tif").is_file()
    for_stardist.trigger()
    wait(qtbot, widget)
    assert "not empty" in widget._message.text()


def test_without_objects_it_says_what_to_do(qtbot: Any) -> None:
    viewer = ViewerModel()
    widget = EditWidget(viewer)  # type: ignore[arg-type]
    qtbot.addWidget(widget)
    assert widget.empty.text() == "No experiment is open."
    assert widget.changed() == 0


def test_what_is_painted_is_not_lost_by_a_new_name(
    shown: Any, widget: EditWidget, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(QInputDialog, "getText", lambda *_, **__: pytest.fail("it was asked for"))
    widget.edit_button.click()
    widget.layer.paint((0, 0, 35, 20), 2)
    shown.show_plates()
    tree = shown.plates_tree
    tree.tree.setCurrentItem(tree.tree.topLevelItem(0).child(0))
    tree.rename()
    assert "1 object changed, not saved yet. Save or discard that" in tree._fault.text()
    widget.discard_button.click()
    monkeypatch.setattr(QInputDialog, "getText", lambda *_, **__: ("", False))
    tree.rename()
    assert tree.unsaved() == ""


def test_what_is_painted_is_not_lost_by_another_experiment(
    shown: Any, widget: EditWidget, tmp_path: Path
) -> None:
    before = shown.value()
    widget.edit_button.click()
    widget.layer.paint((0, 0, 35, 20), 2)
    shown.setValue(Choice(str(tmp_path / "another.tmaps")))
    assert "1 object changed, not saved yet. Save or discard that" in shown.message
    assert shown.value() == before
    assert widget.changed() == 1
    widget.discard_button.click()
    shown.setValue(Choice(str(tmp_path / "another.tmaps")))
    assert "is no experiment" in shown.message


@pytest.mark.parametrize("closed", ["dock", "window"])
def test_what_is_painted_is_saved_when_the_window_closes(
    shown: Any, widget: EditWidget, qtbot: Any, closed: str
) -> None:
    window, dock = QMainWindow(), QDockWidget()
    qtbot.addWidget(window)
    dock.setWidget(widget)
    window.addDockWidget(Qt.DockWidgetArea.RightDockWidgetArea, dock)
    window.show()
    before = stored(shown)
    told: list[str] = []
    shown._desk.tablesChanged.connect(told.append)
    widget.edit_button.click()
    widget.layer.paint((0, 0, 35, 20), 2)
    assert widget.changed() == 1
    {"dock": dock, "window": window}[closed].close()
    after = stored(shown)
    assert after[..., 35, 20] == 2
    assert (after != before).any()
    assert widget.changed() == 0
    assert shown.plates_tree.unsaved() == ""
    assert told == ["Blocks"]
    widget.setParent(None)  # it goes by itself


def test_what_is_painted_is_saved_when_napari_takes_the_dock_away(
    shown: Any, widget: EditWidget, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    dock = QDockWidget()
    qtbot.addWidget(dock)
    dock.setWidget(widget)
    dock.show()
    widget.edit_button.click()
    widget.layer.paint((0, 0, 35, 20), 2)

    def refuse(*_: Any) -> None:
        raise StorageError("The disk is full.")

    with monkeypatch.context() as patch:
        patch.setattr(edit_widget, "correct", refuse)
        patch.setattr(undocked, "dock_again", lambda _viewer, widget, _name: dock.setWidget(widget))
        widget.setParent(None)  # as napari does, and says no more
        qtbot.waitUntil(lambda: widget.parentWidget() is dock)
        assert "The disk is full." in widget._message.text()
        assert widget.changed() == 1
    gone: list[bool] = []
    widget.destroyed.connect(lambda: gone.append(True))
    widget.setParent(None)
    qtbot.waitUntil(lambda: bool(gone))
    assert stored(shown)[..., 35, 20] == 2
    assert not [layer for layer in shown.viewer.layers if layer.name.startswith("Edit")]
    assert shown.plates_tree.unsaved() == ""


def test_a_window_stays_open_while_changes_are_saved(
    shown: Any, widget: EditWidget, qtbot: Any
) -> None:
    widget.show()
    widget.edit_button.click()
    widget.layer.paint((0, 0, 35, 20), 2)
    widget.save()
    assert widget.is_busy
    assert not widget.close()
    assert "Something is being saved" in widget._message.text()
    wait(qtbot, widget)
    assert len(Corrections(shown._experiment).edits()) == 1
    assert widget.close()


def test_a_window_stays_open_if_what_is_painted_cannot_be_saved(
    shown: Any, widget: EditWidget, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> Any:
        raise StorageError("The disk is full.")

    monkeypatch.setattr("napari_tmaps.gui.edit_widget.correct", refuse)
    widget.show()
    widget.edit_button.click()
    widget.layer.paint((0, 0, 35, 20), 2)
    assert not widget.close()
    assert widget.isVisible()
    assert "The disk is full. It stays open" in widget._message.text()
    assert widget.changed() == 1
    widget.discard_button.click()
    assert widget.close()


@pytest.mark.parametrize("painted", [True, False])
def test_the_layer_that_is_edited_is_taken_out_of_the_list(
    shown: Any, widget: EditWidget, qtbot: Any, painted: bool
) -> None:
    widget.edit_button.click()
    if painted:
        widget.layer.paint((0, 0, 35, 20), 2)
    shown.viewer.layers.remove(widget.layer)
    wait(qtbot, widget)
    assert widget.layer is None
    assert not widget.edit_button.isChecked()
    assert bool(stored(shown)[..., 35, 20] == 2) is painted
    assert shown.viewer.layers["Blocks"].visible
    widget.setHand(Hand.SPLIT)
    widget.edit_button.click()
    assert widget.layer in shown.viewer.layers
    shown.viewer.layers.clear()
    assert widget.layer is None


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Iterator[Event]:
    """Saving goes on once this is set."""
    goes_on = Event()

    def correct_slowly(*given: Any) -> Any:
        yield Progress("saving", 0, 1)
        goes_on.wait()
        return (yield from correct(*given))

    monkeypatch.setattr("napari_tmaps.gui.edit_widget.correct", correct_slowly)
    yield goes_on
    goes_on.set()


def test_an_experiment_is_closed_while_corrections_of_it_are_saved(
    shown: Any,
    widget: EditWidget,
    qtbot: Any,
    slow: Event,
    analysed: Path,  # noqa: F811
) -> None:
    widget.edit_button.click()
    widget.layer.paint((0, 0, 35, 20), 2)
    widget.save()
    shown.close_experiment()
    assert widget.layer is None
    slow.set()
    wait(qtbot, widget)
    assert widget.layer is None
    assert widget.empty.text() == "No experiment is open."
    shown.setValue(Choice(str(analysed), plate="P1", well="B03", site=2))
    assert stored(shown)[..., 35, 20] == 2


def test_nothing_is_painted_while_corrections_are_saved(
    shown: Any, widget: EditWidget, qtbot: Any, slow: Event
) -> None:
    widget.edit_button.click()
    widget.layer.paint((0, 0, 35, 20), 2)
    before = widget.layer.data.copy()
    widget.save()
    assert not widget.layer.editable
    widget.stroke(Hand.DELETE, (0, 0, 12, 12), (0, 0, 12, 12))
    assert np.array_equal(widget.layer.data, before)
    slow.set()
    wait(qtbot, widget)
    assert widget.layer.editable
    assert widget.layer.mode == "paint"


def test_saving_and_undo_can_be_cancelled(
    shown: Any, widget: EditWidget, qtbot: Any, slow: Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    widget.edit_button.click()
    widget.layer.paint((0, 0, 35, 20), 2)
    with qtbot.waitSignal(widget._work.progressed):
        widget.save()
    widget.progress_row.cancelRequested.emit()
    slow.set()
    wait(qtbot, widget)
    if widget.changed():  # else it was saved before it could be cancelled
        assert widget.layer.editable
        widget.save()
        wait(qtbot, widget)

    def undo_slowly(*_given: Any) -> Any:
        while True:
            time.sleep(0.01)
            yield Progress("undoing", 0, 1)

    monkeypatch.setattr("napari_tmaps.gui.edit_widget.undo", undo_slowly)
    with qtbot.waitSignal(widget._work.progressed):
        widget.history.undo_button.click()
    widget.progress_row.cancelRequested.emit()
    wait(qtbot, widget)
    assert stored(shown)[..., 35, 20] == 2
    assert widget.history.undo_button.isEnabled()
