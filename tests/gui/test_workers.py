"""Work ends in one of four ways, and its generator is closed in each."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Generator
from threading import Event
from typing import Any

import pytest

from napari_tmaps.errors import InputError
from napari_tmaps.gui.workers import Outcome, Work, guarded
from napari_tmaps.model.progress import Progress


class Job:
    def __init__(self, error: Exception | None = None, failed: bool = False) -> None:
        self.error, self.failed, self.closed = error, failed, False

    def __call__(self) -> Generator[Progress, None, str]:
        try:
            for done in range(3):
                yield Progress("counting", done, 3, "site 1 is bad" if self.failed else "",
                               self.failed and done == 1)  # fmt: skip
            if self.error is not None:
                raise self.error
            return "three"
        finally:
            self.closed = True


def outcome(job: Any, cancel: Event | None = None) -> Outcome:
    events = guarded(job, cancel or Event())
    while True:
        try:
            next(events)
        except StopIteration as stop:
            return stop.value


@pytest.mark.parametrize(
    ("job", "expected"),
    [
        pytest.param(Job(), Outcome("three"), id="well"),
        pytest.param(Job(InputError("No such thing.")), Outcome(error="No such thing."), id="ours"),
        pytest.param(
            Job(failed=True), Outcome("three", failures=("site 1 is bad",)), id="a part failed"
        ),
    ],
)
def test_outcome(job: Job, expected: Outcome) -> None:
    assert outcome(job) == expected
    assert job.closed


def test_an_unexpected_error_is_told_in_words(caplog: pytest.LogCaptureFixture) -> None:
    got = outcome(Job(ZeroDivisionError("by zero")))
    assert "ZeroDivisionError: by zero" in got.error
    assert "report" in got.error
    assert "unexpected error" in caplog.text


def test_cancel_closes_the_generator() -> None:
    job, cancel = Job(), Event()
    events = guarded(job, cancel)
    next(events)
    cancel.set()
    with pytest.raises(StopIteration) as stop:
        next(events)
    assert stop.value.value == Outcome(cancelled=True)
    assert job.closed


def test_work_in_a_thread(qtbot: Any) -> None:
    work = Work()
    seen: list[Progress] = []
    work.progressed.connect(seen.append)
    with qtbot.waitSignal(work.ended) as ended:
        work.start("Counting", Job())
        assert work.is_running
    assert ended.args == [Outcome("three")]
    assert [event.done for event in seen] == [0, 1, 2]
    assert not work.is_running


def test_napari_cancels_it_as_we_do(make_viewer: Any, qtbot: Any) -> None:
    viewer, work, job, goes_on = make_viewer(), Work(), Job(), Event()

    def endless() -> Generator[Progress, None, None]:
        try:
            while True:
                goes_on.wait(0.01)
                yield Progress("counting", 0, 1)
        finally:
            job.closed = True

    with qtbot.waitSignal(work.progressed):
        work.start("Counting", endless)
    with qtbot.waitSignal(work.ended) as ended:
        viewer.window._task_status_manager.cancel_all()
    assert ended.args == [Outcome(cancelled=True)]
    assert job.closed


def test_nothing_is_kept_of_work_that_ended(make_viewer: Any, qtbot: Any) -> None:
    viewer, work, job = make_viewer(), Work(), Job()
    with qtbot.waitSignal(work.ended):
        work.start("Counting", job)
        kept = [weakref.ref(each) for each in (job, work._worker)]
    del job

    def gone() -> bool:
        gc.collect()
        return all(each() is None for each in kept)

    qtbot.waitUntil(gone)
    assert not viewer.window._task_status_manager.is_busy()
