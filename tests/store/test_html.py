"""Experiments and plates draw themselves in notebooks."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path

from tests.gui.plate import make_experiment, make_scan

from napari_tmaps.store.experiment import Experiment


def test_experiment_and_plate_in_a_notebook(tmp_path: Path) -> None:
    with Experiment.open(make_experiment(tmp_path)) as experiment:
        page = experiment._repr_html_()
        assert "DAPI, Actin" in page
        assert "<title>B02: 4 sites</title>" in page
        svg = ElementTree.fromstring(experiment.plate("P1")._repr_html_())
    circles = [each for each in svg if each.tag.endswith("circle")]
    assert len(circles) == 96
    assert sum(each.get("fill") != "none" for each in circles) == 3


def test_a_plate_that_is_not_converted_has_no_picture(tmp_path: Path) -> None:
    with Experiment.create(tmp_path / "new.tmaps") as experiment:
        experiment.add(make_scan(tmp_path / "raw"))
        assert experiment.plate("P1")._repr_html_() is None  # notebooks show its name then
