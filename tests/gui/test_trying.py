"""Trials from the pipeline widget: sweeps, probe sites, the check before a run."""

from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from napari.components import ViewerModel
from qtpy.QtCore import QStandardPaths
from qtpy.QtWidgets import QApplication
from tests.gui.plate import PIPELINE

from napari_tmaps.errors import MissingError, PipelineError
from napari_tmaps.gui.live_source import LiveSource
from napari_tmaps.gui.probes import WAYS, Probes, choose_sites
from napari_tmaps.gui.run_dialog import RunDialog, duration, judge
from napari_tmaps.gui.trials_panel import card_of, groups_of
from napari_tmaps.gui.trying import sweep_of, try_out
from napari_tmaps.gui.tuning import upto
from napari_tmaps.modules import MODULES
from napari_tmaps.modules.describe import describe
from napari_tmaps.pipeline import edit, load_pipeline
from napari_tmaps.pipeline.cache import Cache
from napari_tmaps.pipeline.trials import Trial, Tried, run_trials
from napari_tmaps.store.exclusions import change
from napari_tmaps.store.experiment import Experiment


def blocks():
    return load_pipeline(PIPELINE)


def results(events):
    return [event.tried for event in events if getattr(event, "tried", None) is not None]


def last_step(pipeline):
    return pipeline.pipeline[-1].name


def choose(experiment, how, count=50, seed=1, **marked):
    return choose_sites(experiment, how, count, seed, **marked)


def test_probe_sites(own_experiment: Path):
    pipeline = blocks()
    with Experiment.open(own_experiment) as experiment:
        everywhere = choose(experiment, "random")
        assert choose(experiment, "random") == everywhere
        assert len(choose(experiment, "random", 2).sites) == 2
        by_row = choose(experiment, "rows")
        assert by_row.groups == ("row B", "row C")
        assert [site[1][0] for site in by_row.sites] == ["B", "C"]
        assert choose(experiment, "columns").groups == ("column 2", "column 3")
    found = results(try_out(everywhere, pipeline, last_step(pipeline), None, Cache()))
    assert len(found) == len(everywhere.sites)
    good = [tried for tried in found if not tried.error]
    assert all(tried.count is not None and tried.picture is not None for tried in good)


def test_sites_of_marked_wells(own_experiment: Path):
    with Experiment.open(own_experiment) as experiment:
        assert "Mark wells" in WAYS["marked"].lack(experiment, ())
        with pytest.raises(MissingError, match="Mark wells"):
            choose(experiment, "marked")
        both = choose(experiment, "marked", 6, plate="P1", wells={"B03", "C03"})
        assert [site[1] for site in both.sites] == ["B03"] * 3 + ["C03"] * 3
        assert both.groups == ("B03",) * 3 + ("C03",) * 3
        with pytest.raises(MissingError, match="no such sites"):
            choose(experiment, "marked", plate="P2", wells={"B03"})


def test_sites_by_the_plate_map(own_experiment: Path):
    with Experiment.open(own_experiment) as experiment:
        assert "column 'control'" in WAYS["controls"].lack(experiment, ())
        assert "column 'treatment'" in WAYS["treatments"].lack(experiment, ())
        (own_experiment / "plate_map.csv").write_text(
            "well,treatment,dose,control\nB02,DMSO,,negative\nB03,taxol,0.5,positive\nC03,taxol,2,\n"
        )
        controls = choose(experiment, "controls", 4)
        assert controls.groups == ("negative control",) * 2 + ("positive control",) * 2
        assert [site[1] for site in controls.sites] == ["B02", "B02", "B03", "B03"]
        assert choose(experiment, "treatments").groups == ("DMSO", "taxol 0.5", "taxol 2")
        assert set(choose(experiment, "random").groups) == {"DMSO", "taxol 0.5", "taxol 2"}


def test_sites_that_are_excluded_are_not_tried(own_experiment: Path):
    with Experiment.open(own_experiment) as experiment:
        change(experiment.catalogue, "exclude", [("P1", "C03", n) for n in range(1, 5)], "dust")
        assert choose(experiment, "rows").groups == ("row B",)


def test_extremes_need_an_analysis(own_experiment: Path):
    with (
        Experiment.open(own_experiment) as experiment,
        pytest.raises(MissingError, match="Run a pipeline"),
    ):
        choose(experiment, "extremes")


def test_extremes(own_experiment: Path, monkeypatch):
    rows = [("P1", *site, 0, n + 1) for site, count in COUNTS.items() for n in range(count)]
    table = pd.DataFrame(rows, columns=["plate", "well", "site", "t", "label"])
    analysed = [("P1", *site) for site in (*COUNTS, ("B02", 4))]
    with Experiment.open(own_experiment) as experiment:
        experiment.features.write_part(own_experiment / "part.parquet", [table])
        experiment.features.collect("Nuclei", [own_experiment / "part.parquet"], analysed)
        monkeypatch.setattr(
            type(experiment.catalogue), "analysed", lambda self: {("x", *s): "" for s in analysed}
        )
        found = choose(experiment, "extremes", 3)
    assert dict(zip(found.groups, found.sites, strict=True)) == {
        "fewest Nuclei": ("P1", "B02", 4),
        "middling Nuclei": ("P1", "B03", 1),
        "most Nuclei": ("P1", "C03", 2),
    }


COUNTS = {("B03", 1): 3, ("C03", 2): 7}


def test_a_pipeline_that_does_not_fit_is_told(own_experiment: Path):
    pipeline = edit.rename_channel(blocks(), blocks().input.channels[0].name, "GFP")
    what = Probes(str(own_experiment), (("p", "B02", 1),), ("",))
    with pytest.raises(PipelineError, match="GFP"):
        list(try_out(what, pipeline, last_step(pipeline), None, Cache()))


def scene_of(size: int):
    viewer = ViewerModel()
    image = np.zeros((50, 50), np.uint16)
    image[5 : 5 + size, 5 : 5 + size] = 300
    viewer.add_image(image, name="DAPI")
    return LiveSource(viewer).scene()


def threshold_pipeline():
    pipeline, _ = edit.add_step(
        edit.set_channels(blocks().model_copy(update={"pipeline": ()}), [("DAPI", False)]),
        "threshold_manual",
    )
    return edit.keep_objects(pipeline, [])


def test_sweep():
    spec = describe(MODULES["threshold_manual"]).settings[0]
    pipeline = edit.set_setting(threshold_pipeline(), "threshold_manual", "threshold", 200.0)
    what = sweep_of(pipeline, "threshold_manual", spec)
    assert what.values[0] == 100
    assert what.values[-1] == 400
    found = results(try_out(what, pipeline, "threshold_manual", scene_of(10), Cache()))
    assert [tried.trial.title for tried in found] == [f"{value:g}" for value in what.values]
    assert [tried.pieces for tried in found] == sorted(
        (tried.pieces for tried in found), reverse=True
    )
    assert found[0].share > found[-1].share
    broken = edit.set_wire(pipeline, "threshold_manual", "image", None)
    with pytest.raises(MissingError, match="cannot run"):
        list(try_out(what, broken, "threshold_manual", scene_of(10), Cache()))


def test_words_of_a_result():
    trial = Trial("B02 site 1", None, lambda: ({}, {}), "row B")
    table = pd.DataFrame({"area (px)": [41.0], "Intensity_mean_DAPI": [7.0]})
    good = Tried(trial, table=table, seconds=0.0123)
    assert card_of(good).text == "1 object · area (px) 41 · 12 ms"
    assert card_of(good, "Intensity_mean_DAPI").text == "1 object · Intensity_mean_DAPI 7 · 12 ms"
    assert card_of(Tried(trial, error="The image was never recorded.")).failed
    mask = Tried(trial, share=0.2512, pieces=1, seconds=0.002)
    assert card_of(mask).text == "25.1 % covered · 1 piece · 2 ms"
    empty = Tried(trial, table=table[:0])
    assert card_of(empty).text == "0 objects · 0 ms"
    assert groups_of([good, Tried(trial, error="x"), empty]) == {"row B": [good, empty]}


def test_pictures_show_the_part_that_is_looked_at():
    scene = scene_of(10)
    checked = upto(threshold_pipeline(), scene, "threshold_manual")
    trial = Trial("a", checked, lambda: (scene.images, {}))
    (tried,) = run_trials([trial], part=(slice(0, 20), slice(5, 35)))
    assert tried.picture.shape == (20, 30, 3)
    # a smaller site has no such part
    (tried,) = run_trials([trial], part=(slice(60, 80), slice(60, 80)))
    assert tried.picture.shape == (50, 50, 3)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.2, "1 second"),
        (59, "59 seconds"),
        (100, "1.7 minutes"),
        (3600, "60 minutes"),
        (9e4, "25 hours"),
    ],
)
def test_duration(seconds, words):
    assert duration(seconds) == words


def found(**changes):
    step = {"step": "jterator", "jobs": 4, "units": 40, "note": ""}
    return {
        "steps": [step | {k: v for k, v in changes.items() if k in step}],
        "workers": 2,
        "seconds": 90.0,
        "memory_mb": 1500.0,
        "disk_mb": 2000.0,
        "free_mb": 50_000.0,
    } | {k: v for k, v in changes.items() if k not in step}


def test_before_a_run():
    told = judge(found(), 48, {})
    assert told.can_run
    assert told.lines[0] == "40 of 48 sites, in 4 jobs on 2 workers."
    assert "About 1.5 minutes." in told.lines
    assert "About 1.5 GB of memory." in told.lines
    assert "About 2.0 GB of disk; 50 GB are free." in told.lines
    assert "About 2 MB of disk; 50 GB are free." in judge(found(disk_mb=2.2), 48, {}).lines
    full = judge(found(free_mb=2100.0), 48, {})
    assert "likely to be full" in full.warnings[0]
    assert not judge(found(units=0, jobs=0), 48, {}).can_run
    assert judge(found(jobs=None, note="There is no channel."), 48, {}).warnings == (
        "There is no channel.",
    )
    unknown = judge(
        found(note="A site failed.", seconds=None, memory_mb=None, disk_mb=None), 48, {}
    )
    assert "A site failed." in unknown.warnings[0]


def test_sites_that_are_left_out_are_named():
    why = {
        ("P1", "B10", 1): "analysed already",
        ("P1", "B03", 2): "excluded: out of focus",
        ("P1", "B03", 1): "excluded: out of focus",
        ("P1", "B03", 3): "corrected by hand",
    }
    assert judge(found(), 48, why).left_out == (
        "B03, sites 1, 2: excluded: out of focus",
        "B03, site 3: corrected by hand",
        "B10, site 1: analysed already",
    )
    assert judge(found(), 48, why | {("P2", "B03", 1): "excluded"}).left_out[-1] == (
        "P2 B03, site 1: excluded"
    )


def test_the_dialog_names_what_is_left_out(own_experiment: Path, qtbot):
    with Experiment.open(own_experiment) as experiment:
        site = ("P1", "B02", 2)
        change(experiment.catalogue, "exclude", [site], "out of focus")
    dialog = RunDialog(
        str(own_experiment), load_pipeline(own_experiment / "pipelines" / "blocks.yaml")
    )
    qtbot.addWidget(dialog)
    qtbot.waitUntil(dialog.run_button.isEnabled)
    assert dialog.left_out.toPlainText() == "B02, site 2: excluded: out of focus"
    assert "11 of 12 sites" in dialog.text.text()


def test_the_dialog_sends_it_off(make_viewer, own_experiment: Path, qtbot, monkeypatch):
    dialog = RunDialog(
        str(own_experiment), load_pipeline(own_experiment / "pipelines" / "blocks.yaml")
    )
    qtbot.addWidget(dialog)
    end = time.monotonic() + 120
    while not dialog.run_button.isEnabled() and time.monotonic() < end:
        QApplication.processEvents()
        time.sleep(0.02)
        if "⚠" in dialog.text.text():
            break
    assert "sites, in" in dialog.text.text(), dialog.text.text()
    sent = []
    dialog.submitted.connect(sent.append)
    dialog.run_button.click()
    assert len(sent) == 1
    while time.monotonic() < end:
        with Experiment.open(own_experiment) as experiment:
            if len(experiment.catalogue.object_types()):
                break
        time.sleep(0.2)
    with Experiment.open(own_experiment) as experiment:
        assert len(experiment.catalogue.object_types())
        jobs = experiment.catalogue.jobs()
    assert json.loads(jobs.to_json())


def test_sites_from_the_widget(make_viewer, own_experiment: Path, qtbot, monkeypatch, tmp_path):
    from napari_tmaps.gui.experiment_widget import ExperimentWidget
    from napari_tmaps.gui.pipeline_widget import PipelineWidget
    from napari_tmaps.gui.state import Choice

    monkeypatch.setattr(QStandardPaths, "writableLocation", lambda place: str(tmp_path / "home"))
    viewer = make_viewer(show=True)
    experiment = ExperimentWidget(viewer)
    viewer.window.add_dock_widget(experiment, name="Experiment")
    experiment.setValue(Choice(experiment=str(own_experiment)))
    widget = PipelineWidget(viewer)
    viewer.window.add_dock_widget(widget, name="Pipeline")

    def settle():
        quiet, end = 0, time.monotonic() + 60
        while quiet < 5 and time.monotonic() < end:
            QApplication.processEvents()
            quiet = 0 if widget.is_busy else quiet + 1
            time.sleep(0.01)

    settle()
    assert widget.value().name == "blocks"  # the pipeline of the experiment
    widget.steps.setCurrentRow(widget.steps.count() - 1)
    widget.try_button.sitesRequested.emit("random")
    settle()
    panel = widget._trials.trials.panel
    assert len(panel.results()) > 1
    last = panel.results()[-1].trial.title
    panel.chosen.emit(len(panel.results()) - 1)
    settle()
    choice = experiment.value()
    assert f"{choice.well} site {choice.site}" == last
    assert last != "B02 site 1"
    widget.bar.opened.emit("", True)  # an empty pipeline has nothing to try
    settle()
    assert not panel.results()
    assert "no step to try" in panel._title.text()
    widget.picker.chosen.emit("threshold_otsu")
    settle()
    assert len(panel.results()) > 1
    assert panel._title.text().startswith("threshold_otsu on ")
    widget.close()
    experiment.close_experiment()
