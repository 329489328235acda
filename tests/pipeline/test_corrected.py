"""Corrected objects: measured again, and as tests of a pipeline."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from tests.analysed import PIPELINE, analysed, analysed_once  # noqa: F401
from typer.testing import CliRunner

from napari_tmaps.cli.commands import app
from napari_tmaps.errors import InputError, NotFoundError
from napari_tmaps.model.progress import finish
from napari_tmaps.pipeline import check, save_pipeline
from napari_tmaps.pipeline.correcting import restore
from napari_tmaps.pipeline.golden import golden, pooled, score_corrections
from napari_tmaps.pipeline.remeasure import derived_from, measuring_of, outdated, remeasure
from napari_tmaps.store.corrections import Corrections, SiteObjects
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.store.mapplan import plan_map
from napari_tmaps.store.mapsources import well_sources
from napari_tmaps.tools.run import run_tool
from napari_tmaps.workflow import analyse
from napari_tmaps.workflow.jterator import PipelineRunner

PLACE = SiteObjects("Blocks", "P1", "B03", 2)


@pytest.fixture
def experiment(analysed):  # noqa: F811
    with Experiment.open(analysed) as opened:
        yield opened


def ended(events):
    while True:
        try:
            next(events)
        except StopIteration as end:
            return end.value


def correct(experiment):
    """The second square is cut in two: rows 40-46 stay, rows 48-53 become the fourth."""
    before = experiment.labels(*PLACE[1:4], "Blocks")
    after = before.copy()
    after[0, 47, 12:26] = 0
    after[0, 48:54, 12:26] = 4
    return Corrections(experiment).save(PLACE, before, after)


def test_only_what_is_needed_to_measure_a_type_runs():
    checked = check(PIPELINE)
    part = measuring_of(checked, "Blocks")
    assert [step.name for step in part.steps] == ["smoothed", "shape", "actin"]
    assert part.channels == ("Actin",)
    assert part.input_objects == ("Blocks",)
    assert derived_from(checked, "Blocks") == ["Rings"]
    assert derived_from(checked, "Rings") == []


def test_only_the_touched_objects_get_new_rows(experiment):
    old = experiment.features.read("Blocks")
    rings = experiment.features.read("Rings")
    # A mark in the row of an object that is not touched shows that it is not measured again.
    path = experiment.features.root / "Blocks" / "plate=P1" / "B03.parquet"
    marked = pd.read_parquet(path, partitioning=None)
    marked.loc[(marked["site"] == 2) & (marked["label"] == 3), "Morphology_Area"] = 12345.0
    marked.to_parquet(path, index=False)
    edit = correct(experiment)
    assert edit.touched == (2, 4)
    rows = ended(remeasure(experiment, PLACE, edit.touched))
    assert rows["Morphology_Area"].to_dict() == {2: 7 * 14, 4: 6 * 14}
    new = experiment.features.read("Blocks")
    assert len(new) == len(old) + 1
    assert list(new.columns) == list(old.columns)
    assert (new.dtypes == old.dtypes).all()
    here = new.xs(("P1", "B03", 2, 0), level=[0, 1, 2, 3])
    assert here["Morphology_Area"].tolist() == [20 * 20 - 16, 98, 12345, 84]
    # The mean of the ramp of Actin over columns 12 to 25.
    (name,) = (column for column in here if column.startswith("Intensity_mean"))
    assert here.loc[4, name] == pytest.approx(1038.5)
    elsewhere = new.index.get_level_values("site") == 1
    pd.testing.assert_frame_equal(new[elsewhere], old[old.index.get_level_values("site") == 1])
    pd.testing.assert_frame_equal(experiment.features.read("Rings"), rings)
    assert experiment.info()["objects"]["Blocks"] == len(new)
    # Undone, and measured again: as it was, but for the mark.
    edit = Corrections(experiment).undo()
    ended(remeasure(experiment, PLACE, edit.touched))
    back = experiment.features.read("Blocks")
    assert back["Morphology_Area"].tolist()[:-1] == old["Morphology_Area"].tolist()[:-1]
    assert len(back) == len(old)


def test_objects_of_unknown_origin_cannot_be_measured(experiment):
    experiment.catalogue.forget_objects(["Blocks"])
    with pytest.raises(NotFoundError, match="not known which pipeline made the 'Blocks'"):
        next(remeasure(experiment, PLACE, [1]))


def test_what_was_made_before_says_so(experiment):
    assert outdated(experiment) == []
    run_tool(experiment, "heatmap", "Blocks", {"feature": "Morphology_Area"}, name="sizes")
    correct(experiment)
    first, second = outdated(experiment)
    assert first.startswith("Rings: found or measured with Blocks as they were before")
    assert "'sizes'" in second
    Corrections(experiment).undo()
    assert outdated(experiment) == []


def test_corrections_score_a_pipeline(experiment):
    with pytest.raises(InputError, match="No Blocks or Rings are corrected yet"):
        next(score_corrections(experiment, PIPELINE))
    correct(experiment)
    (score,) = ended(score_corrections(experiment, PIPELINE))
    # It finds squares 1, 2 and 3; the true ones are 1, 3 and the halves. The larger half is exactly
    # half of the second square, which is enough.
    assert score == (PLACE, 3, 4, 3)
    assert pooled([score]).f1 == pytest.approx(6 / 7)
    assert pooled([score, golden(PLACE, *[np.zeros((1, 4, 4), int)] * 2)]).f1 == pytest.approx(
        6 / 7
    )
    assert pooled([]).f1 == 1
    other = PIPELINE.model_copy(
        update={"output": PIPELINE.output.model_copy(update={"objects": ()})}
    )
    with pytest.raises(InputError, match="No objects are corrected"):
        next(score_corrections(experiment, other))


def test_an_analysis_leaves_corrected_sites_alone_and_says_so(experiment):
    edit = correct(experiment)
    corrected = experiment.labels(*PLACE[1:4], "Blocks")
    other = PIPELINE.model_copy(update={"description": "another"})
    events = list(analyse(experiment, other))
    said = " ".join(event.message for event in events)
    assert "1 site: P1 B03 site 2. Left as they were: their objects were corrected" in said
    assert np.array_equal(experiment.labels(*PLACE[1:4], "Blocks"), corrected)
    step = PipelineRunner(experiment, other)
    batches = list(step.create_run_batches(step.Arguments(corrected_sites="replace")))
    assert [step.sites_of(batch) for batch in batches] == [[("P1", "B03", 2)]]
    results = [step.run_job(batch) for batch in batches]
    args = step.Arguments(corrected_sites="replace")
    (event,) = step.collect_job_output(step.create_collect_batch(args), results)
    assert "Analysed again" in event.message
    assert experiment.labels(*PLACE[1:4], "Blocks").max() == 3
    corrections = Corrections(experiment)
    assert np.array_equal(corrections.truth(PLACE), corrected)
    restored = finish(restore(experiment, PLACE))
    assert restored.touched == edit.touched


def test_the_map_of_a_corrected_well_is_to_be_made_anew(experiment):
    plan = plan_map(experiment, "P1")

    def keys():
        settings = {"align": False, "corrected": []}
        return {work["well"]: work["keys"] for work in well_sources(experiment, plan, settings)}

    before = keys()
    correct(experiment)
    after = keys()
    assert after["B02"] == before["B02"]
    changed = {name for name in after["B03"] if after["B03"][name] != before["B03"][name]}
    assert changed == {"labels:Blocks"}


def test_corrections_on_the_command_line(experiment):
    def tmaps(*words):
        found = CliRunner().invoke(app, ["corrections", str(experiment.path), *words])
        return found.exit_code, " ".join(found.output.split())

    assert tmaps() == (0, "Nothing is corrected.")
    assert tmaps("--undo")[0] == 1
    correct(experiment)
    code, text = tmaps()
    assert code == 0
    assert "Blocks of P1 B03 site 2: 1 change" in text
    assert "Rings: found or measured with Blocks" in text
    path = experiment.path / "pipelines" / "mine.yaml"
    path.parent.mkdir(exist_ok=True)
    save_pipeline(PIPELINE, path)
    code, text = tmaps("--score", "mine")
    assert code == 0, text
    assert "3 of 4 found, 0 wrong" in text
    assert "F1 against the corrections 0.857 (precision 1.000, recall 0.750)" in text
    code, text = tmaps("--undo")
    assert "Undone: 2 Blocks of P1 B03 site 2" in text
    assert len(experiment.features.read("Blocks")) == 12
    code, text = tmaps("--redo")
    assert "Changed: 2 Blocks" in text
    assert len(experiment.features.read("Blocks")) == 13
