"""Objects of a time lapse on the map: each time point has values of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import tifffile
from napari.components import ViewerModel
from tests.gui.plate import PIPELINE, SIZE

from napari_tmaps.gui.desk import desk_of
from napari_tmaps.gui.edit_layer import Hand
from napari_tmaps.gui.edit_widget import EditWidget
from napari_tmaps.gui.experiment_widget import ExperimentWidget
from napari_tmaps.gui.map_values import COUNT, Measure, well_values
from napari_tmaps.gui.object_book import book_of
from napari_tmaps.gui.objects_widget import ObjectsWidget
from napari_tmaps.gui.results_widget import ResultsWidget
from napari_tmaps.gui.state import Choice, View
from napari_tmaps.model.progress import finish, run
from napari_tmaps.pipeline import load_pipeline
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.store.gates import RangeGate
from napari_tmaps.tools.boxes import conditions
from napari_tmaps.tools.exporting import Export, export_objects
from napari_tmaps.vendors import scan
from napari_tmaps.workflow import analyse, convert

BRIGHTNESS = (2000, 5000)
"""Of the only object of each time point."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    raw = tmp_path / "raw"
    raw.mkdir()
    for site in (1, 2):
        for t, brightness in enumerate(BRIGHTNESS):
            image = np.zeros((SIZE, SIZE), np.uint16)
            image[10:40, 10:40] = brightness + site
            for channel in ("DAPI", "Actin"):
                tifffile.imwrite(raw / f"B02_s{site}_t{t}_{channel}.tif", image)
    (tmp_path / "blocks.yaml").write_text(PIPELINE)
    path = tmp_path / "lapse.tmaps"
    pattern = r"(?P<well>[A-P]\d\d)_s(?P<site>\d)_t(?P<t>\d)_(?P<channel>\w+)\.tif"
    with Experiment.create(path) as experiment:
        experiment.add(scan(raw, pattern=pattern), plate="P1")
        run(convert(experiment))
        run(analyse(experiment, load_pipeline(tmp_path / "blocks.yaml"), workers=1))
    return path


@pytest.fixture
def shown(path: Path, qtbot: Any) -> Iterator[tuple[ViewerModel, ExperimentWidget]]:
    viewer = ViewerModel()
    widget = ExperimentWidget(viewer)  # type: ignore[arg-type]
    qtbot.addWidget(widget)
    widget.setValue(Choice(str(path), "P1", "B02", 2, View.SITE))
    yield viewer, widget
    widget.close_experiment()


def values(viewer: ViewerModel, name: str, t: int) -> set[float]:
    data: Any = viewer.layers[name].data
    plane = np.asarray((data[0] if viewer.layers[name].multiscale else data)[t, 0])
    return set(plane[np.isfinite(plane)].tolist())


def test_features_colour_the_objects_of_each_time_point(
    shown: tuple[ViewerModel, ExperimentWidget],
) -> None:
    viewer, widget = shown
    panel = widget.site_page.map_panel
    panel.setValue(Measure("Blocks", "Intensity_mean_DAPI"))
    panel.objects_box.setChecked(True)
    for t, brightness in enumerate(BRIGHTNESS):
        assert values(viewer, "Blocks: Intensity_mean_DAPI", t) == {brightness + 2.0}


def test_wells_have_the_numbers_of_a_time_point_or_of_all(
    shown: tuple[ViewerModel, ExperimentWidget],
) -> None:
    _, widget = shown
    opened = widget.experiment
    assert opened is not None
    # Two sites with an object each, of brightness 2001, 2002, then 5001, 5002.
    mean, count = Measure("Blocks", "Intensity_mean_DAPI"), Measure("Blocks", COUNT)
    assert well_values(opened, "P1", mean, t=0) == {"B02": 2001.5}
    assert well_values(opened, "P1", mean, t=1) == {"B02": 5001.5}
    assert well_values(opened, "P1", mean) == {"B02": 3501.5}
    assert well_values(opened, "P1", mean, t=2) == {}
    assert well_values(opened, "P1", count, t=1) == {"B02": 2.0}
    assert well_values(opened, "P1", count, t=2) == {"B02": 0.0}
    assert well_values(opened, "P1", count) == {"B02": 2.0}, "of a time point, on average"


def test_wells_follow_the_slider_and_say_so(
    shown: tuple[ViewerModel, ExperimentWidget],
) -> None:
    viewer, widget = shown
    panel, plate_map = widget.site_page.map_panel, widget.site_page.plate_map
    assert not panel.time_box.isEnabled(), "how far wells are has no time"
    panel.setValue(Measure("Blocks", "Intensity_mean_DAPI"))
    assert not panel.time_box.isHidden()
    assert panel.time_box.currentText() == "t = 0, as shown"

    def told() -> tuple[str, dict[str, float]]:
        return plate_map.colours().title, dict(plate_map.colours().values)

    name = "Blocks: Intensity_mean_DAPI"
    assert told() == (f"{name} (t = 0)", {"B02": 2001.5})
    viewer.dims.set_current_step(0, 1)
    assert panel.time_box.currentText() == "t = 1, as shown"
    assert told() == (f"{name} (t = 1)", {"B02": 5001.5})
    panel.time_box.setFollowing(False)
    assert panel.time_box.currentText() == "all 2 time points"
    assert told() == (f"{name} (all time points)", {"B02": 3501.5})
    viewer.dims.set_current_step(0, 0)
    assert told() == (f"{name} (all time points)", {"B02": 3501.5})


def test_a_click_tells_the_features_of_the_time_point(
    shown: tuple[ViewerModel, ExperimentWidget],
) -> None:
    viewer, widget = shown
    found = []
    for t in (0, 1):
        viewer.dims.set_current_step(0, t)
        picked = widget._view.status.object_at((float(t), 0.0, 20.0, 20.0))
        assert picked is not None
        found.append((picked.t, picked.features["Intensity_mean_DAPI"]))
    assert found == [(0, 2002.0), (1, 5002.0)]


def test_table_and_plot_show_a_time_point_or_all(
    shown: tuple[ViewerModel, ExperimentWidget], qtbot: Any
) -> None:
    viewer, _ = shown
    objects = ObjectsWidget(viewer)  # type: ignore[arg-type]
    qtbot.addWidget(objects)
    assert objects.table.columns.value()[:4] == ("well", "site", "t", "label")
    assert len(objects.table.rows) == 4
    viewer.dims.set_current_step(0, 1)
    assert len(objects.table.rows) == 4, "all, until somebody asks for one"
    objects.table.time_box.setFollowing(True)
    qtbot.waitUntil(lambda: len(objects.table.rows) == 2)
    assert objects.table.rows.of(slice(None)).tolist() == [1, 3]
    viewer.dims.set_current_step(0, 0)
    qtbot.waitUntil(lambda: objects.table.rows.of(slice(None)).tolist() == [0, 2])
    assert "t" in conditions(objects.book.data.table)  # type: ignore[union-attr]


def test_plates_of_results_follow_the_slider(
    shown: tuple[ViewerModel, ExperimentWidget], qtbot: Any
) -> None:
    viewer, _ = shown
    results = ResultsWidget(viewer)  # type: ignore[arg-type]
    qtbot.addWidget(results)
    results.plates.setValue("Intensity_mean_DAPI", "mean")
    colours = results.plates.maps["P1"].colours
    qtbot.waitUntil(lambda: dict(colours().values) == {"B02": 2001.5})
    viewer.dims.set_current_step(0, 1)
    qtbot.waitUntil(lambda: dict(colours().values) == {"B02": 5001.5})
    assert colours().title == "mean of Intensity_mean_DAPI (t = 1)"


def test_corrections_are_of_the_time_point_that_is_shown(
    shown: tuple[ViewerModel, ExperimentWidget], qtbot: Any
) -> None:
    viewer, widget = shown
    editing = EditWidget(viewer)  # type: ignore[arg-type]
    qtbot.addWidget(editing)
    editing.edit_button.click()
    editing.stroke(Hand.DELETE, (1, 0, 20, 20), (1, 0, 20, 20))
    assert editing.changed() == 0, "that is another time point"
    viewer.dims.set_current_step(0, 1)
    qtbot.waitUntil(lambda: editing.place is not None and editing.place.t == 1)
    editing.stroke(Hand.DELETE, (0, 0, 20, 20), (0, 0, 20, 20))
    assert editing.changed() == 1
    viewer.dims.set_current_step(0, 0)
    qtbot.waitUntil(lambda: editing.place is not None and editing.place.t == 0)
    qtbot.waitUntil(lambda: not editing.is_busy)
    opened = widget.experiment
    assert opened is not None
    found = [int(opened.labels("P1", "B02", 2, "Blocks", t=t).max()) for t in (0, 1)]
    assert found[0] > 0
    assert found[1] == 0
    editing.edit_button.click()


def test_tables_of_wells_over_time(path: Path, tmp_path: Path) -> None:
    wanted = Export("wells", columns=("Intensity_mean_DAPI",), aggregate="mean", over_time=True)
    with Experiment.open(path) as experiment:
        said = finish(export_objects(experiment, "Blocks", tmp_path / "wells.csv", wanted))
        late = Export("wells", ("Intensity_mean_DAPI",), where="t == 1", aggregate="mean")
        run(export_objects(experiment, "Blocks", tmp_path / "late.csv", late))
    assert "2 time points of wells" in said
    table = pd.read_csv(tmp_path / "wells.csv")
    assert list(table) == ["plate", "well", "t", "objects", "Intensity_mean_DAPI"]
    assert table.to_numpy().tolist() == [["P1", "B02", 0, 2, 2001.5], ["P1", "B02", 1, 2, 5001.5]]
    assert pd.read_csv(tmp_path / "late.csv").to_numpy().tolist() == [["P1", "B02", 2, 5001.5]]


def test_gates_colour_the_objects_of_each_time_point(
    shown: tuple[ViewerModel, ExperimentWidget], qtbot: Any
) -> None:
    viewer, _ = shown
    book = book_of(viewer)
    qtbot.waitUntil(lambda: book.data is not None)
    gate = RangeGate(column="Intensity_mean_DAPI", low=4000.0, high=6000.0)
    assert book.save_gate("bright", gate)
    book.set_gate_active("bright", True)
    colours = desk_of(viewer).colours
    assert colours is not None
    name = f"Blocks: {colours.values.name}"
    assert values(viewer, name, 0) == set()
    assert values(viewer, name, 1) == {0.0}
