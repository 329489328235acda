"""The save widget saves what is chosen, replaces nothing silently, and proves the result."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from napari.components import ViewerModel
from tests.gui.plate import plane_of

from napari_tmaps.gui.desk import desk_of
from napari_tmaps.gui.save_job import Job
from napari_tmaps.gui.save_state import (
    SaveState,
    What,
    proposed_path,
    save_state,
    size_text,
    with_ending,
)
from napari_tmaps.gui.save_widget import SaveWidget
from napari_tmaps.gui.state import Choice
from napari_tmaps.model.progress import Progress
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.streams.saveoptions import SaveOptions

PIXELS = np.arange(2 * 40 * 50, dtype=np.uint16).reshape(2, 40, 50)
HERE = Choice("screen.tmaps", "P1", "B03", 2)


@pytest.fixture
def widget(qtbot: Any) -> Iterator[SaveWidget]:
    viewer = ViewerModel()
    viewer.add_image(PIXELS, name="DAPI", scale=(2, 0.5, 0.5), units=("um",) * 3)
    viewer.add_labels((PIXELS // 500).astype(np.int32), name="Cells")
    widget = SaveWidget(viewer)
    widget.viewer = viewer
    qtbot.addWidget(widget)
    widget.show()
    yield widget
    desk_of(viewer).setExperiment(None)


def finish(widget: SaveWidget, qtbot: Any) -> None:
    qtbot.waitUntil(lambda: not widget.is_busy)


def state(what: What, **changes: Any) -> SaveState:
    given = {"layers": [], "choice": Choice(), "selections": {}, "selection": ("", "")}
    return save_state(what, **{**given, **changes})


def test_nothing_open_nothing_chosen() -> None:
    found = state(What.PLATE)
    assert found.offered == (What.LAYERS,)
    assert not found.can_save
    assert found.sentence == "Choose image or labels layers in the list of layers."


@pytest.mark.parametrize(
    ("what", "sentence", "name"),
    [
        (What.SITE, "B03 site 2 of P1: channels and labels.", "P1_B03_2"),
        (What.WELL, "All sites of B03 of P1.", "P1_B03"),
        (What.PLATE, "All wells of P1.", "P1"),
        (What.SELECTION, "Cells in 'few', on the sites of P1 that have any.", "P1_few"),
    ],
)
def test_what_is_said(what: What, sentence: str, name: str, tmp_path: Path) -> None:
    found = state(what, choice=HERE, selections={"Nuclei": [], "Cells": ["few"]})
    assert found.offered == tuple(What)
    assert (found.sentence, found.name, found.can_save) == (sentence, name, True)
    path = proposed_path(tmp_path, found, "ome-zarr")
    assert path == tmp_path / f"{name}.ome.zarr"
    path.mkdir()
    assert proposed_path(tmp_path, found, "ome-zarr").name == f"{name}-2.ome.zarr"


def test_texts() -> None:
    assert with_ending("/a/b.ome.tiff", "ome-zarr") == "/a/b.ome.zarr"
    assert with_ending("/a/b.ome.tiff", "ome-tiff") == "/a/b.ome.tiff"
    assert with_ending("/a/b", "ome-zarr") == "/a/b"
    assert [size_text(n) for n in (12, 3400, 56e6, 7.8e9, 9e12)] == [
        "12 bytes",
        "3.4 kB",
        "56 MB",
        "7.8 GB",
        "9.0 TB",
    ]


def test_value(widget: SaveWidget, qtbot: Any) -> None:
    wanted = SaveOptions(format="ome-zarr", version="0.4", chunk=64, levels=2)
    with qtbot.waitSignal(widget.valueChanged):
        widget.setValue(wanted)
    assert widget.value() == wanted
    finish(widget, qtbot)


def test_layers_are_saved_compared_and_opened(
    widget: SaveWidget, tmp_path: Path, qtbot: Any
) -> None:
    widget.viewer.layers.selection = set(widget.viewer.layers)
    widget.choose(What.LAYERS, tmp_path / "two.ome.tiff")
    finish(widget, qtbot)
    assert widget._size.text().startswith("About ")
    widget.save_button.click()
    finish(widget, qtbot)
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "two.ome.tiff"), PIXELS)
    assert (tmp_path / "two_Cells.ome.tiff").is_file()
    widget.open_button.click()
    finish(widget, qtbot)
    assert widget._message.text() == "All 4 planes are the same when read again."
    np.testing.assert_array_equal(np.squeeze(widget.viewer.layers[-1].data[0]), PIXELS)

    widget.save_button.click()
    finish(widget, qtbot)
    assert "is there already" in widget._message.text()


def test_a_damaged_result_is_told(widget: SaveWidget, tmp_path: Path, qtbot: Any) -> None:
    widget.viewer.layers.selection = {widget.viewer.layers["DAPI"]}
    widget.setValue(SaveOptions(compression="none"))
    widget.choose(What.LAYERS, tmp_path / "one.ome.tiff")
    widget.save_button.click()
    finish(widget, qtbot)
    file = tmp_path / "one.ome.tiff"
    content = bytearray(file.read_bytes())
    at = content.index(PIXELS[0, 0, :20].astype("<u2").tobytes())
    content[at] ^= 1
    file.write_bytes(content)
    widget.open_button.click()
    finish(widget, qtbot)
    assert "is not what was saved" in widget._message.text()
    assert len(widget.viewer.layers) == 2


def test_a_compression_of_the_other_format_is_refused_in_place(
    widget: SaveWidget, qtbot: Any
) -> None:
    widget.viewer.layers.selection = set(widget.viewer.layers)
    widget.form.editor("compression").valueChanged.emit("blosc")
    assert "OME-TIFF has no compression" in widget._fault.text()
    assert not widget.save_button.isEnabled()
    finish(widget, qtbot)


def test_only_options_that_change_something_are_shown(widget: SaveWidget) -> None:
    def shown() -> set[str]:
        names = SaveOptions.model_fields
        return {name for name in names if widget.form.editor(name).isVisible()}

    both = {"format", "compression", "chunk", "levels", "replace"}
    assert shown() == both
    widget.form.editor("format").valueChanged.emit("ome-zarr")
    assert shown() == both | {"version", "shards"}
    widget.form.editor("version").valueChanged.emit("0.4")
    assert shown() == both | {"version"}


def test_a_well_of_the_experiment(
    widget: SaveWidget, experiment: Experiment, tmp_path: Path, qtbot: Any
) -> None:
    desk = desk_of(widget.viewer)
    desk.setExperiment(experiment)
    desk.setChoice(Choice(str(experiment.path), "P1", "B03", 2))
    widget.setValue(SaveOptions(format="ome-tiff"))
    widget.choose(What.WELL, tmp_path / "well")
    widget.save_button.click()
    finish(widget, qtbot)
    read = tifffile.imread(tmp_path / "well" / "B03_4.ome.tiff")
    np.testing.assert_array_equal(read[0], plane_of("B03", 4, "DAPI"))
    widget.open_button.click()
    finish(widget, qtbot)
    assert widget._message.text().startswith("All 8 planes are the same")


def test_the_size_of_what_is_not_chosen_any_more_is_not_told(
    widget: SaveWidget, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    finish(widget, qtbot)
    begun, ends = threading.Event(), threading.Event()

    def judge(_job: Job) -> Generator[Progress, None, tuple[int, int]]:
        yield Progress("", 0, 0)
        begun.set()
        ends.wait()
        return 1000, 10**9

    monkeypatch.setattr(Job, "judge", judge)
    widget._show()
    qtbot.waitUntil(begun.is_set)
    widget.viewer.layers.selection.clear()
    ends.set()
    finish(widget, qtbot)
    assert widget._size.text() == ""
