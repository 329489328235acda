"""A step by hand, as scripts and other engines may use it."""

from __future__ import annotations

import json
from time import thread_time

import pytest
from tests.workflow.test_analyse import discs
from tests.workflow.toys import Toy, ToyArguments

from napari_tmaps.errors import NotFoundError
from napari_tmaps.workflow.batches import StepFolder
from napari_tmaps.workflow.imextract import ImageExtractor
from napari_tmaps.workflow.job import STOPPED, JobCall, run_job
from napari_tmaps.workflow.jterator import PipelineRunner
from napari_tmaps.workflow.metaconfig import MetadataConfigurator
from napari_tmaps.workflow.metaextract import MetadataExtractor
from napari_tmaps.workflow.phases import init_step
from napari_tmaps.workflow.step import Step, split
from napari_tmaps.workflow.steps import STEPS


def by_hand(step, **arguments):
    args = step.Arguments(**arguments)
    batches = json.loads(json.dumps(list(step.create_run_batches(args)), allow_nan=False))
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


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        pytest.param(0, [], id="nothing"),
        pytest.param(1, [1], id="one"),
        pytest.param(7, [1] * 7, id="a-few-for-each-worker"),
        pytest.param(17, [3] * 5 + [2], id="evenly"),
        pytest.param(24, [3] * 8, id="just"),
        pytest.param(29, [3] * 9 + [2], id="many"),
    ],
)
def test_work_is_split(number, expected):
    parts = list(split(iter(range(number)), 3, workers=2))
    assert [len(part) for part in parts] == expected
    assert [item for part in parts for item in part] == list(range(number))


def test_work_is_taken_only_as_it_is_needed():
    taken = []
    items = (taken.append(number) or number for number in range(1000))
    next(split(items, 10, workers=1))
    assert len(taken) == 40


class Refused(Toy):
    """A step that finds out too late that it cannot begin."""

    def create_run_batches(self, args):
        raise NotFoundError("There is nothing to work on.")
        yield


def test_what_cannot_begin_leaves_the_batches_that_are_there(experiment):
    init_step(Toy(experiment), ToyArguments(jobs=("nothing", "nothing")))
    files = StepFolder(experiment.path, "toy")
    before = files.jobs()
    assert before == [1, 2]
    with pytest.raises(NotFoundError):
        init_step(Refused(experiment), ToyArguments())
    assert files.jobs() == before


def test_processor_time_of_a_job_is_that_of_all_its_threads(experiment, monkeypatch):
    for made in (MetadataExtractor, MetadataConfigurator):
        by_hand(made(experiment))
    init_step(ImageExtractor(experiment), ImageExtractor.Arguments())

    def busy(self, image, readers, version):
        end = thread_time() + 0.1
        while thread_time() < end:
            pass
        return []

    monkeypatch.setattr(ImageExtractor, "_write", busy)
    call = JobCall(str(experiment.path), ImageExtractor, 1)
    images = len(call.files.batch(1)["images"])
    assert run_job(call, own_process=False).cpu_s >= 0.1 * images
