"""The workflow of an experiment of a server: sent there, run there, followed here."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.server.running import opened_from_afar
from tests.workflow.screen import PATTERN, write_screen

from napari_tmaps.client.session import RefusedError
from napari_tmaps.errors import ExistsError, InputError, NotFoundError, StorageError
from napari_tmaps.vendors import scan
from napari_tmaps.workflow.door import Experiment
from napari_tmaps.workflow.lock import coordinating, is_asked_to_stop


@pytest.fixture
def far(tmp_path: Path) -> Path:
    """An experiment with files that are not converted yet."""
    write_screen(tmp_path / "microscope")
    path = tmp_path / "served" / "test.tmaps"
    with Experiment.create(path) as made:
        made.add(scan(tmp_path / "microscope", pattern=PATTERN), plate="plate01")
    return path


@pytest.fixture
def ours(far: Path, tmp_path: Path) -> Iterator[Experiment]:
    with opened_from_afar(far, tmp_path) as opened:
        yield opened


def test_it_runs_there_and_its_images_come(ours: Experiment, far: Path):
    assert ours.catalogue.sites().empty
    events = list(ours.workflow.submit(until="image_conversion"))
    assert not [event for event in events if event.failed]
    status = ours.workflow.status()
    assert status["submission"]["state"] == "TERMINATED"
    assert status["coordinator"] is None
    assert (far / "plates" / "plate01.ome.zarr").is_dir()
    assert ours.image("plate01", "B02", 1, ours.catalogue.channel_names()[0]).any()
    assert not (far / "workflow.yaml").exists(), "what is sent once is not kept for ever"
    assert not [e for e in ours.workflow.resubmit("imextract") if e.failed]


def test_a_workflow_is_saved_there(ours: Experiment, far: Path):
    ours.workflow.save(ours.workflow.description)
    assert (far / "workflow.yaml").is_file()
    with Experiment.open(far) as theirs:
        assert theirs.workflow.description == ours.workflow.description


def test_who_is_at_work_there_is_seen_here(ours: Experiment, far: Path):
    with pytest.raises(NotFoundError, match="Nothing is at work"):
        ours.workflow.kill()
    begun = threading.Event()

    def work() -> None:
        with coordinating(far, "something"):
            begun.set()
            while not is_asked_to_stop(far):
                time.sleep(0.05)

    worker = threading.Thread(target=work)
    worker.start()
    begun.wait()
    with pytest.raises(ExistsError, match="Something is at work"):
        ours.workflow.detach(ours.workflow.request(until="image_conversion"))
    ours.refresh()
    assert ours.workflow.status()["coordinator"]["what"] == "something"
    assert ours.workflow.kill()
    worker.join()
    ours.refresh()
    assert ours.workflow.status()["coordinator"] is None


def test_a_run_is_stopped_when_nobody_follows_it(ours: Experiment, far: Path):
    run = ours.workflow.submit(until="image_conversion")
    next(run)
    run.close()
    with Experiment.open(far) as theirs:
        assert theirs.workflow.status()["submission"]["state"] in ("STOPPED", "TERMINATED")


def test_what_cannot_be_asked_of_a_server(ours: Experiment):
    with pytest.raises(StorageError, match="found out on the machine itself"):
        ours.workflow.dry_run()
    with pytest.raises(InputError, match="is a file here"):
        ours.workflow.request(pipeline="mine.yaml")
    nothing = ours.workflow.description
    stages = tuple(stage.model_copy(update={"active": False}) for stage in nothing.stages)
    with pytest.raises(InputError, match="nothing to do"):
        ours.workflow.request(nothing.model_copy(update={"stages": stages}))


def test_who_may_read_cannot_run(ours: Experiment):
    ours.mirror.ask("POST", "/shares", body={"user": "reader", "write_access": False})
    address = str(ours.mirror.address).replace("demo@", "reader@")
    with (
        Experiment.open(address, password="rrr") as theirs,
        pytest.raises(RefusedError, match="is shared with you to read"),
    ):
        theirs.workflow.submit(until="image_conversion")
