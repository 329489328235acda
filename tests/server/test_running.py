"""The program `tmaps serve` with a certificate, and workflows that are stopped and go on."""

from __future__ import annotations

import json
import os
import re
import signal
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import trustme
from tests.server.running import ended, until
from tests.workflow.screen import PATTERN, write_screen
from tests.workflow.test_analyse import discs

from napari_tmaps.client import TmClient, sending
from napari_tmaps.client.session import RefusedError, Session
from napari_tmaps.errors import ExistsError, StorageError
from napari_tmaps.model.progress import run
from napari_tmaps.pipeline.files import save_pipeline
from napari_tmaps.vendors import scan
from napari_tmaps.workflow import convert
from napari_tmaps.workflow.door import Experiment


@contextmanager
def serving(folder: Path, *options: str) -> Iterator[tuple[int, subprocess.Popen[str]]]:
    """`tmaps serve` as a person starts it, at a port that the system chooses."""
    command = [sys.executable, "-m", "napari_tmaps.cli", "serve", str(folder), "--user", "demo"]
    with subprocess.Popen(
        [*command, "--port", "0", "--verbose", *options],
        env={**os.environ, "TM_PASSWORD": "XXX"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stderr is not None
            said = ""
            while (found := re.search(r"running on https?://127.0.0.1:(\d+)", said)) is None:
                line = process.stderr.readline()
                assert line, f"it ended at once: {said}"
                said += line
            yield int(found[1]), process
        finally:
            process.send_signal(signal.SIGINT)


@pytest.fixture
def waiting(tmp_path: Path) -> Path:
    """An experiment that nothing was made of yet, with a pipeline."""
    write_screen(tmp_path / "microscope")
    path = tmp_path / "served" / "test.tmaps"
    with Experiment.create(path) as made:
        made.add(scan(tmp_path / "microscope", pattern=PATTERN), plate="plate01")
    (path / "pipelines").mkdir(exist_ok=True)
    save_pipeline(discs(), path / "pipelines" / "discs.yaml")
    return path


def test_with_a_certificate(tmp_path: Path):
    (tmp_path / "served").mkdir()
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1", "localhost")
    chain, key = tmp_path / "chain.pem", tmp_path / "key.pem"
    certificate.cert_chain_pems[0].write_to_path(chain)
    certificate.private_key_pem.write_to_path(key)
    options = ("--certificate", str(chain), "--key", str(key))
    with serving(tmp_path / "served", *options) as (port, _):
        trusting = ssl.create_default_context()
        authority.configure_trust(trusting)
        with TmClient("localhost", port, "demo", "XXX", https=trusting) as client:
            client.create_experiment("secret")
            assert [row["name"] for row in client.get_experiments()] == ["secret"]
        with pytest.raises(StorageError, match="cannot be reached"):
            TmClient("localhost", port, "demo", "XXX", https=True)
        with pytest.raises(StorageError, match="cannot be reached"):
            TmClient("localhost", port, "demo", "XXX")


def test_a_workflow_is_stopped_and_goes_on(waiting: Path):
    with (
        serving(waiting.parent) as (port, _),
        TmClient("127.0.0.1", port, "demo", "XXX", "test") as client,
    ):
        with pytest.raises(RefusedError):
            TmClient("127.0.0.1", port, "demo", "wrong")
        client.submit_workflow()
        with pytest.raises(ExistsError, match="at work"):
            client.submit_workflow()
        assert client.kill_workflow()["message"] in ("ok", "stopping")
        stopped = ended(client)
        assert stopped["state"] in ("STOPPED", "TERMINATED")
        client.resume_workflow()
        through = ended(client)
        assert through["state"] == "TERMINATED"
        assert {each["name"] for each in through["subtasks"]} >= {"image_conversion"}
        assert len(client.download_object_feature_values("Discs")) == 8
        jobs = client.get_workflow_jobs("jterator")
        assert {job["state"] for job in jobs} == {"TERMINATED"}
        assert isinstance(client.get_workflow_job_log("jterator", 1), str)


def test_a_server_that_was_killed_loses_no_run(waiting: Path):
    with serving(waiting.parent) as (port, process):
        client = TmClient("127.0.0.1", port, "demo", "XXX", "test")
        client.submit_workflow()
        client.session.close()
        process.kill()
        process.wait()
    with (
        serving(waiting.parent) as (port, _),
        TmClient("127.0.0.1", port, "demo", "XXX", "test") as client,
    ):
        assert ended(client)["state"] == "TERMINATED"
        assert len(client.download_object_feature_values("Discs")) == 8


def test_a_server_that_is_killed_while_files_come(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(sending, "PIECE", 1 << 16)
    monkeypatch.setattr(sending, "_SMALL", 1 << 14)
    files, served = tmp_path / "files", tmp_path / "served"
    for folder in (files, served):
        folder.mkdir()
    for number in range(3):
        (files / f"large{number}.bin").write_bytes(os.urandom(10 * sending.PIECE + number))
        (files / f"small{number}.bin").write_bytes(os.urandom(100))
    with serving(served) as (port, process):
        client = TmClient("127.0.0.1", port, "demo", "XXX")
        client.create_experiment("test")
        client.create_plate("p")
        client.create_acquisition("p", "a")
        confirmed = watch(client.session, monkeypatch, after=8, then=process.kill)
        with pytest.raises(StorageError, match="cannot be reached"):
            client.upload_microscope_files("p", "a", files, parallel=2, retry=0)
        process.wait()
    client.session.close_all()
    have = {name: max(end for of, _, end in confirmed if of == name) for name, _, _ in confirmed}
    assert sum(have.values()) >= 8 * sending.PIECE
    with (
        serving(served) as (port, _),
        TmClient("127.0.0.1", port, "demo", "XXX", "test") as other,
    ):
        other.session.token = client.session.token  # the login was confirmed, too
        again = watch(other.session, monkeypatch)
        other.upload_microscope_files("p", "a", files, parallel=2)
        assert all(start >= have.get(name, 0) for name, start, _ in again)
        states = {row["status"] for row in other.get_microscope_files("p", "a")}
        assert states == {"COMPLETE"}
    arrived = {path.name: path.read_bytes() for path in served.rglob("*.bin")}
    assert arrived == {path.name: path.read_bytes() for path in files.iterdir()}


def watch(
    session: Session, monkeypatch: pytest.MonkeyPatch, after: int = 0, then: Callable = print
) -> list[tuple[str, int, int]]:
    """(file, first byte that was sent, bytes that are confirmed) of each piece, as they come."""
    seen: list[tuple[str, int, int]] = []
    fetch = session.fetch

    def watched(method: str, path: str, **more: Any) -> bytes:
        answer = fetch(method, path, **more)
        if method == "PUT":
            size = json.loads(answer)["data"]["size"]
            seen.append((path.rsplit("/", 1)[-1], more["query"]["offset"], size))
            if after and len(seen) >= after:  # of two threads, perhaps none sees it equal
                then()
        return answer

    monkeypatch.setattr(session, "fetch", watched)
    return seen


def test_a_run_that_was_killed_with_its_server_goes_on(waiting: Path, screen: Path):
    with Experiment.open(waiting) as experiment:
        assert not run(convert(experiment, workers=1))
    (pixels,) = waiting.glob("plates/*/C/03/2/0/c/0/0/0/0/0")
    content = pixels.read_bytes()
    pixels.unlink()
    os.mkfifo(pixels)  # who reads it waits, so that the run cannot end before it is killed
    with serving(waiting.parent) as (port, process):
        client = TmClient("127.0.0.1", port, "demo", "XXX", "test")
        number = client.submit_workflow()["process"]
        until(lambda: "RUNNING" in {job["state"] for job in client.get_workflow_jobs("jterator")})
        os.killpg(number, signal.SIGKILL)
        process.kill()
        process.wait()
        client.session.close()
    pixels.unlink()
    pixels.write_bytes(content)
    with (
        serving(waiting.parent) as (port, _),
        TmClient("127.0.0.1", port, "demo", "XXX", "test") as client,
    ):
        assert ended(client)["state"] == "STOPPED"
        client.resume_workflow()
        assert ended(client)["state"] == "TERMINATED"
        with Experiment.open(screen) as never_stopped, Experiment.open(waiting) as experiment:
            pd.testing.assert_frame_equal(
                experiment.features.read("Discs"), never_stopped.features.read("Discs")
            )
