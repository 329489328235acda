"""Objects of a time lapse on the map: each time point has values of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from napari.components import ViewerModel
from tests.gui.plate import PIPELINE, SIZE

from napari_tmaps.gui.desk import desk_of
from napari_tmaps.gui.experiment_widget import ExperimentWidget
from napari_tmaps.gui.map_values import COUNT, Measure, well_values
from napari_tmaps.gui.object_book import book_of
from napari_tmaps.gui.state import Choice, View
from napari_tmaps.model.progress import run
from napari_tmaps.pipeline import load_pipeline
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.store.gates import RangeGate
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
    # Wells are counted at the first time point: two sites with an object each.
    opened = widget.experiment
    assert opened is not None
    assert well_values(opened, "P1", Measure("Blocks", COUNT)) == {"B02": 2.0}


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
