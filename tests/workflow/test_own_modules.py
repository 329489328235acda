"""The user's modules in worker processes and detached runs; what counts as up to date."""

from __future__ import annotations

import time

import pandas as pd
import pytest
from tests.workflow.test_analyse import discs

from napari_tmaps.errors import InputError, PipelineError
from napari_tmaps.model.pipeline import PipelineDescription
from napari_tmaps.model.progress import run
from napari_tmaps.modules import own
from napari_tmaps.modules.own import allow_folders
from napari_tmaps.pipeline import save_pipeline
from napari_tmaps.workflow import analyse, convert, detached
from napari_tmaps.workflow.engines import EngineChoice
from napari_tmaps.workflow.jterator import JteratorArguments, PipelineRunner
from napari_tmaps.workflow.lock import coordinator
from napari_tmaps.workflow.submission import prepare, submit

MODULE = '''
from typing import Annotated
from napari_tmaps.model.kinds import IntensityImage, MaskImage

def bright(image: IntensityImage, *, threshold: int = 400) -> Annotated[MaskImage, "mask"]:
    """Pixels above a threshold.

    Parameters
    ----------
    image
        Intensities.
    threshold
        The threshold.
    """
    return image > threshold
'''


@pytest.fixture
def pipeline(tmp_path, monkeypatch) -> PipelineDescription:
    """A pipeline with a module of the user, whose folder is allowed."""
    monkeypatch.setenv("NAPARI_TMAPS_CONFIG", str(tmp_path / "config.json"))
    monkeypatch.setenv(own.FOLDERS, "")
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "bright.py").write_text(MODULE)
    allow_folders([folder])
    content = discs().model_dump(mode="json")
    content["pipeline"][0] |= {"module": "bright"}
    return PipelineDescription.model_validate(content)


def count(experiment) -> int:
    return len(experiment.features.read("Discs"))


def test_a_run_in_processes_knows_the_modules(experiment, pipeline):
    assert run(convert(experiment)) == []
    assert run(analyse(experiment, discs())) == []
    expected = experiment.features.read("Discs")
    save_pipeline(pipeline, experiment.path / "pipelines" / "own.yaml")
    request = prepare(
        experiment, start="jterator", engine=EngineChoice(kind="processes", workers=1)
    )
    assert run(submit(experiment, request)) == []
    found = experiment.features.read("Discs")
    pd.testing.assert_frame_equal(found, expected)
    # Detached, in a Python of its own, after a change of the module: nothing is up to date.
    path = own.module_folders()[0] / "bright.py"
    path.write_text(MODULE.replace("image > threshold", "image > 60000"))
    request = prepare(experiment, start="jterator", engine=EngineChoice(kind="threads", workers=1))
    detached.start(experiment.path, request)
    end = time.monotonic() + 60
    while coordinator(experiment.path) is not None and time.monotonic() < end:
        time.sleep(0.05)
    assert "Ended well." in detached.log_path(experiment.path).read_text()
    assert count(experiment) == 0


def test_up_to_date_follows_the_code(experiment, pipeline):
    run(convert(experiment))
    run(analyse(experiment, pipeline))
    before = count(experiment)
    assert before > 0
    runner, args = PipelineRunner(experiment, pipeline), JteratorArguments()
    assert list(runner.create_run_batches(args)) == []
    path = own.module_folders()[0] / "bright.py"
    path.write_text(MODULE + "\n# another file\n")
    assert len(list(runner.create_run_batches(args))) > 0
    path.write_text(MODULE)
    assert list(runner.create_run_batches(args)) == []


def test_a_batch_runs_no_modules_that_were_not_allowed_here(experiment, pipeline, monkeypatch):
    run(convert(experiment))
    runner = PipelineRunner(experiment, pipeline)
    batch = next(runner.create_run_batches(JteratorArguments()))
    folder = str(own.module_folders()[0])
    assert batch["modules"] == [folder]
    assert (
        next(PipelineRunner(experiment, discs()).create_run_batches(JteratorArguments()))["modules"]
        == []
    )
    monkeypatch.setenv(own.FOLDERS, "")
    with pytest.raises(InputError, match=f"from the folder '{folder}', which you have not"):
        runner.run_job(batch)
    with pytest.raises(PipelineError, match="there is no module 'bright'"):
        run(analyse(experiment, pipeline))
