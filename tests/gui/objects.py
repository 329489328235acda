"""Objects on the small plate: two blocks in each site, with features."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from napari.components import ViewerModel
from tests.gui.plate import PIXEL_UM, SIZE, WELLS, make_experiment

from napari_tmaps.gui.experiment_widget import ExperimentWidget
from napari_tmaps.gui.state import Choice
from napari_tmaps.store.experiment import Experiment

CORNERS = ((8, 8), (40, 30))
"""Upper left corner of the blocks 1 and 2 of a site, which are 12 pixels wide."""
WIDE = 12


def make_objects(folder: Path) -> Path:
    """An experiment with the objects "Blocks", of which Area counts from 10 in steps of 10."""
    path = make_experiment(folder)
    with Experiment.open(path) as experiment:
        write_objects(experiment, "Blocks")
    return path


def write_objects(experiment: Experiment, object_type: str) -> None:
    """Labels and features of a type in all sites."""
    labels = np.zeros((1, 1, SIZE, SIZE), np.int32)
    for label, (top, left) in enumerate(CORNERS, start=1):
        labels[0, 0, top : top + WIDE, left : left + WIDE] = label
    keys = [
        ("P1", well, site, 0, label) for well in WELLS for site in range(1, 5) for label in (1, 2)
    ]
    for well in WELLS:
        for site in range(1, 5):
            experiment.plate("P1").write_labels(
                well,
                site,
                object_type,
                labels,
                pixel_size_um=(None, PIXEL_UM, PIXEL_UM),
                translation_um=(0.0, 0.0, 0.0),
            )
    frame = pd.DataFrame(keys, columns=["plate", "well", "site", "t", "label"])
    frame["Area"] = 10.0 * np.arange(1, len(frame) + 1)
    frame["Round"] = np.where(frame["label"] == 1, 0.9, 0.2) + 0.001 * np.arange(len(frame))
    write_features(experiment, object_type, frame)


def write_features(experiment: Experiment, object_type: str, frame: pd.DataFrame) -> None:
    """A table as an analysis of all sites leaves it."""
    part = experiment.path / "part.parquet"
    experiment.features.write_part(part, [frame])
    done = [("P1", well, site) for well in WELLS for site in range(1, 5)]
    experiment.features.collect(object_type, [part], done)
    part.unlink()


@contextmanager
def beside_experiment(kind: Callable[[Any], Any], path: Path, qtbot: Any) -> Iterator[Any]:
    """A widget beside the Experiment widget (`shown`), in which an experiment is open."""
    viewer = ViewerModel()
    shown = ExperimentWidget(viewer)  # type: ignore[arg-type]
    qtbot.addWidget(shown)
    shown.setValue(Choice(str(path)))
    widget = kind(viewer)
    widget.viewer, widget.shown = viewer, shown
    qtbot.addWidget(widget)
    yield widget
    shown.close_experiment()
