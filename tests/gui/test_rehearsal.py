"""The test run of a whole pipeline: results, figures and logs of sites, and nothing stored."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication
from tests.gui.plate import PIPELINE

from napari_tmaps.errors import PipelineError
from napari_tmaps.gui.probes import Probes
from napari_tmaps.gui.rehearsal_control import RehearsalControl, rehearse
from napari_tmaps.gui.rehearsal_panel import RehearsalPanel
from napari_tmaps.pipeline import edit, load_pipeline
from napari_tmaps.pipeline.rehearsal import Rehearsed, save_rehearsed


def content(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith("experiment.db")
    }


def results(events) -> list[Rehearsed]:
    return [event.found for event in events if getattr(event, "found", None) is not None]


SITES = (("P1", "B02", 1), ("P1", "C03", 2))


def test_all_steps_on_chosen_sites(own_experiment: Path):
    before = content(own_experiment)
    pipeline = load_pipeline(PIPELINE)
    what = Probes(str(own_experiment), SITES, ("row B", "row C"))
    first, second = results(rehearse(what, pipeline))
    assert (first.title, first.group, first.error) == ("B02 site 1", "row B", "")
    assert second.title == "C03 site 2"
    assert [len(table) for table in first.tables.values()] == [1]
    active = [call.name for call in pipeline.pipeline]
    assert [line.split("  ")[1].split(":")[0] for line in first.log] == active
    assert set(first.figures) <= set(active)
    assert content(own_experiment) == before  # nothing was written


def test_a_site_that_fails_does_not_stop_the_others(own_experiment: Path):
    lost = ("P1", "B02", 2)  # its Actin was never recorded
    pipeline = edit.set_channels(load_pipeline(PIPELINE), [("DAPI", False), ("Actin", False)])
    what = Probes(str(own_experiment), (lost, SITES[1]), ("", ""))
    bad, good = results(rehearse(what, pipeline))
    assert "Actin" in bad.error
    assert bad.log == (bad.error,)
    assert not good.error
    broken = edit.rename_channel(load_pipeline(PIPELINE), "DAPI", "GFP")
    with pytest.raises(PipelineError, match="GFP"):
        list(rehearse(what, broken))


def test_saved_for_others(tmp_path: Path):
    picture = np.full((5, 7, 3), 200, np.uint8)
    table = pd.DataFrame({"area": [4.0, 9.0]}, index=pd.Index([1, 2], name="label"))
    found = Rehearsed("B02 site 1", "", {"label": picture}, {"Nuclei": table}, ("1  label: 3 ms",))
    save_rehearsed(found, tmp_path)
    folder = tmp_path / "B02_site_1"
    np.testing.assert_array_equal(np.asarray(Image.open(folder / "01_label.png")), picture)
    assert pd.read_csv(folder / "Nuclei.csv")["area"].tolist() == [4, 9]
    assert (folder / "log.txt").read_text() == "1  label: 3 ms\n"


def test_the_panel(qtbot):
    panel = RehearsalPanel()
    qtbot.addWidget(panel)
    panel.begin(("Nuclei",))
    picture = np.zeros((40, 40, 3), np.uint8)
    table = pd.DataFrame({"area": [4.0]})
    panel.add(
        Rehearsed("A01 site 1", "DMSO", {"a": picture, "b": picture}, {"Nuclei": table}, ("x",))
    )
    panel.add(Rehearsed("A02 site 1", error="No image.", log=("No image.",)))
    cells = [[panel.table.item(r, c).text() for c in range(5)] for r in range(2)]
    assert cells == [
        ["A01 site 1", "DMSO", "1", "0.00", "done"],
        ["A02 site 1", "", "–", "0.00", "⚠ failed"],
    ]
    assert panel.log.toPlainText() == "x"
    assert panel.step.currentText() == "b"
    assert not panel.figure.pixmap().isNull()
    panel.table.selectRow(1)
    assert panel.log.toPlainText() == "No image."
    assert panel.figure.pixmap().isNull()
    panel.end("")
    assert panel.run_button.isEnabled()


def test_cancelled_half_way(make_viewer, own_experiment: Path):
    viewer = make_viewer(show=True)
    control = RehearsalControl(viewer)
    sites = tuple(("P1", well, n) for well in ("B02", "B03", "C03") for n in range(1, 5))
    pipeline = load_pipeline(PIPELINE)
    control.run(Probes(str(own_experiment), sites, ("",) * len(sites)), pipeline)
    end = time.monotonic() + 60
    while not control.panel.results() and time.monotonic() < end:
        QApplication.processEvents()
        time.sleep(0.001)
    QTest.mouseClick(control.panel.progress.cancel_button, Qt.MouseButton.LeftButton)
    while control.is_busy and time.monotonic() < end:
        QApplication.processEvents()
        time.sleep(0.01)
    assert 1 <= len(control.panel.results()) <= len(sites)
    assert not control.panel.progress.isVisible()
