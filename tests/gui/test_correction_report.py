"""What the window tells of correction and alignment: colours of wells, and the report."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from napari.components import ViewerModel
from qtpy.QtWidgets import QLabel
from tests.gui.plate import make_experiment

from napari_tmaps.errors import FormatError, NotFoundError
from napari_tmaps.gui.correction_report import CorrectionReport
from napari_tmaps.gui.correction_state import (
    alignment_in_words,
    field_in_words,
    field_pictures,
    field_title,
)
from napari_tmaps.gui.experiment_widget import ExperimentWidget
from napari_tmaps.gui.map_alignment import ALIGNMENT, FOUND, QUALITY, SHIFT
from napari_tmaps.gui.map_values import Measure, measures, well_colours
from napari_tmaps.gui.state import Choice
from napari_tmaps.model.progress import run
from napari_tmaps.store.exclusions import change
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.workflow.corilla import CorillaArguments, IlluminationCalculator
from napari_tmaps.workflow.local import run_step

SHIFTS = [  # well, site, cycle, y, x, quality, state
    ("B02", 1, 0, 0, 0, None, "reference"),
    ("B02", 1, 1, 3, 4, 0.9, "measured"),
    ("B02", 2, 0, 0, 0, None, "reference"),
    ("B02", 2, 1, 0, 1, 0.2, "repaired"),
    ("B03", 1, 0, 0, 0, None, "reference"),
    ("B03", 1, 1, 6, 8, 0.8, "measured"),
]


@pytest.fixture
def aligned(tmp_path: Path) -> Iterator[Experiment]:
    """An experiment with shifts that somebody wrote down."""
    columns = ["well", "site", "cycle", "y_px", "x_px", "quality", "state"]
    table = pd.DataFrame(SHIFTS, columns=columns).assign(plate="P1", source="")
    table["measured_y_px"], table["measured_x_px"] = table["y_px"], table["x_px"]
    with Experiment.open(make_experiment(tmp_path)) as experiment:
        assert Measure(alignment=QUALITY) not in measures(experiment)
        with pytest.raises(NotFoundError, match="Nothing is aligned"):
            well_colours(experiment, "P1", Measure(alignment=QUALITY))
        experiment.shifts.write(table, {})
        yield experiment


def test_wells_are_coloured_by_their_worst_cycle(aligned: Experiment) -> None:
    assert [Measure(alignment=name) for name in ALIGNMENT] == measures(aligned)[1:4]

    def found(name: str) -> Any:
        return well_colours(aligned, "P1", Measure(alignment=name))

    quality = found(QUALITY)
    assert quality.values == {"B02": 0.2, "B03": 0.8}
    assert quality.ends == (0.0, 1.0)
    assert quality.in_words("B02") == (", Alignment: correlation 0.2 (site 2, cycle 1, repaired)")
    assert quality.in_words("C03") == ""
    shift = found(SHIFT)
    assert shift.values == {"B02": 5.0, "B03": 10.0}
    assert shift.ends == (0.0, 10.0)
    states = found(FOUND)
    assert [states.classes[int(states.values[well])][0] for well in ("B02", "B03")] == [
        "repaired",
        "measured",
    ]
    # An excluded site is nobody's worst.
    change(aligned.catalogue, "exclude", [("P1", "B02", 2)], "dust")
    assert found(QUALITY).values == {"B02": 0.9, "B03": 0.8}


def test_sites_of_a_slide_are_coloured(aligned: Experiment) -> None:
    sites = well_colours(aligned, "P1", Measure(alignment=SHIFT), "site")
    assert sites.values == {1: 10.0, 2: 1.0}
    # A column of the plate map says the same of all sites of the one well: nothing.
    assert not well_colours(aligned, "P1", Measure("", "drug"), "site").values


def test_alignment_in_words(aligned: Experiment) -> None:
    (line,) = alignment_in_words(aligned)
    assert line == (
        "Cycle 1: 2 measured, 1 repaired; shifts of 5.0 px, at most 10.0; correlation 0.80, at "
        "least 0.20."
    )


@pytest.fixture(scope="module")
def corrected_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = make_experiment(tmp_path_factory.mktemp("corrected"))
    with Experiment.open(path) as experiment:
        run(run_step(IlluminationCalculator(experiment), CorillaArguments(by="plate"), workers=1))
    return path


@pytest.fixture
def corrected(corrected_path: Path) -> Iterator[Experiment]:
    with Experiment.open(corrected_path) as experiment:
        yield experiment


def test_a_field_in_words_and_pictures(corrected: Experiment) -> None:
    entry = next(e for e in corrected.illumination.entries() if e.channel == "DAPI")
    assert field_title(entry) == "DAPI, plate P1"
    words = field_in_words(corrected, entry)
    assert words.startswith("By logarithms, from 12 images. The mean image varies by ")
    before, after, *fields = field_pictures(corrected, entry)
    assert [each.title for each in fields] == ["Mean of log10", "Deviation of log10"]
    # The ramp of 0 … 7 is dark on the left and bright on the right; without it, all is even.
    assert before.ends[1] - before.ends[0] > 3
    assert after.ends[1] - after.ends[0] < (before.ends[1] - before.ends[0]) / 2
    assert (before.pixels[:, 0] != before.pixels[:, -1]).any()


def test_a_damaged_field_is_told(corrected_path: Path, tmp_path: Path) -> None:
    import shutil

    path = Path(shutil.copytree(corrected_path, tmp_path / "copy.tmaps"))
    with Experiment.open(path) as experiment:
        entry = experiment.illumination.entries()[0]
        folder = experiment.illumination.path / entry.folder
        facts = json.loads((folder / "statistics.json").read_text())
        (folder / "statistics.json").write_text("{")
        with pytest.raises(FormatError, match=r"statistics\.json' cannot be read"):
            field_in_words(experiment, entry)
        # Of a field that was given, nothing was added up.
        facts = {name: value for name, value in facts.items() if name != "images"}
        (folder / "statistics.json").write_text(json.dumps(facts))
        assert field_in_words(experiment, entry) == "By logarithms, from an image that was given."
        (folder / "mean.tif").write_bytes(b"no picture")
        with pytest.raises(FormatError, match=r"mean\.tif' cannot be read"):
            field_pictures(experiment, entry)


def test_the_report(corrected: Experiment, qtbot: Any) -> None:
    report = CorrectionReport(corrected)
    qtbot.addWidget(report)
    report.show()
    for title in ("DAPI, plate P1", "Actin, plate P1"):
        report.setValue(title)
        assert report.value() == title
        qtbot.waitUntil(lambda: not report.is_busy)
        assert "varies by" in report.words.text()
        names = {label.accessibleName() for label in report.pictures.findChildren(QLabel)}
        assert "Mean image, corrected" in names
    report.close()


def test_the_button_of_the_report(corrected_path: Path, experiment_path: Path, qtbot: Any) -> None:
    widget = ExperimentWidget(ViewerModel())
    qtbot.addWidget(widget)
    panel = widget.site_page.map_panel
    widget.setValue(Choice(str(experiment_path)))
    assert not panel.report_button.isVisibleTo(panel)  # nothing to tell
    widget.setValue(Choice(str(corrected_path)))
    assert panel.report_button.isVisibleTo(panel)
    panel.report_button.click()
    report = widget.findChild(CorrectionReport)
    assert report.isVisible()
    qtbot.waitUntil(lambda: not report.is_busy)
    report.close()
    widget.close_experiment()


def test_pictures_are_small() -> None:
    from napari_tmaps.gui.correction_state import _small

    small = _small(np.arange(1000 * 500, dtype=float).reshape(1000, 500))
    assert small.shape == (200, 100)
    assert small[0, 0] == np.mean([500 * y + x for y in range(5) for x in range(5)])
    assert _small(np.ones((3, 900))).shape == (3, 900)
