"""A step by hand, as scripts and other engines may use it."""

from __future__ import annotations

import json

import pytest
from tests.workflow.test_analyse import discs

from napari_tmaps.workflow.batches import StepFolder
from napari_tmaps.workflow.imextract import ImageExtractor
from napari_tmaps.workflow.job import STOPPED, JobCall, run_job
from napari_tmaps.workflow.jterator import PipelineRunner
from napari_tmaps.workflow.metaconfig import MetadataConfigurator
from napari_tmaps.workflow.metaextract import MetadataExtractor
from napari_tmaps.workflow.phases import init_step
from napari_tmaps.workflow.step import Step
from napari_tmaps.workflow.steps import STEPS


def by_hand(step, **arguments):
    args = step.Arguments(**arguments)
    batches = json.loads(json.dumps(step.create_run_batches(args), allow_nan=False))
    # A job has nothing but the folder.
    results = [type(step).for_jobs(step.path).run_job(batch) for batch in batches]
    step.collect_job_output(step.create_collect_batch(args), results)
    return len(batches)


def test_all_steps_by_hand(experiment):
    assert by_hand(MetadataExtractor(experiment), batch_size=3) == 3
    assert by_hand(MetadataConfigurator(experiment)) == 0
    images = ImageExtractor(experiment)
    assert by_hand(images, batch_size=1) == 4
    assert by_hand(images) == 0
    runner = PipelineRunner(experiment, discs())
    assert by_hand(runner) == 4
    assert len(experiment.features.read("Discs")) == 8
    plate = experiment.plate("plate01")
    assert plate.label_names("B02", 1) == ["Discs"]
    runner.delete_previous_job_output()
    assert experiment.info()["objects"] == {}
    assert plate.label_names("B02", 1) == []
    assert not list(plate.path.rglob("labels/Discs"))
    assert by_hand(runner) == 4
    assert len(experiment.features.read("Discs")) == 8
    images.delete_previous_job_output()
    assert experiment.info()["stale"] == ["Discs"]
    assert by_hand(images) == 4
    assert by_hand(runner) == 4  # the labels went with the images
    assert experiment.labels("plate01", "B02", 1, "Discs").max() == 2
    MetadataExtractor(experiment).delete_previous_job_output()
    assert by_hand(MetadataExtractor(experiment), batch_size=100) == 1


@pytest.mark.parametrize("step", ["imextract", "jterator"])
def test_jobs_end_early_when_their_run_was_stopped(experiment, step):
    for made in (MetadataExtractor, MetadataConfigurator):
        by_hand(made(experiment))
    made = (
        ImageExtractor(experiment) if step == "imextract" else PipelineRunner(experiment, discs())
    )
    init_step(made, made.Arguments())
    files = StepFolder(experiment.path, step)
    files.stop()
    outcome = run_job(JobCall(str(experiment.path), type(made), 1))
    assert outcome.exitcode == STOPPED
    assert "JOB STOPPED" in files.log("run", 1)
    assert files.finished() == []
    files.start()
    assert run_job(JobCall(str(experiment.path), type(made), 1)).exitcode == 0
    assert files.finished() == [1]


def test_jobs_cannot_touch_the_catalogue(experiment):
    step = ImageExtractor.for_jobs(experiment.path)
    assert not hasattr(step, "experiment")


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_every_step_keeps_the_contract(step: type[Step], experiment):
    made = step(experiment)
    assert step.Arguments() is not None
    assert set(step.requires) < {other.name for other in STEPS}
    assert (step.collect_job_output is not Step.collect_job_output) == step.has_collect_phase
    made.delete_previous_job_output()  # of which there is none
