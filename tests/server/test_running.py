"""The program `tmaps serve` with a certificate, and workflows that are stopped and go on."""

from __future__ import annotations

import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import trustme
from tests.workflow.screen import PATTERN, write_screen
from tests.workflow.test_analyse import discs

from napari_tmaps.client import TmClient, sending
from napari_tmaps.client.session import RefusedError, Session
from napari_tmaps.errors import ExistsError, StorageError
from napari_tmaps.pipeline.files import save_pipeline
from napari_tmaps.vendors import scan
from napari_tmaps.workflow.door import Experiment


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(folder: Path, *options: str) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """`tmaps serve` as a person starts it."""
    port = free_port()
    command = [sys.executable, "-m", "napari_tmaps.cli", "serve", str(folder), "--user", "demo"]
    process = subprocess.Popen(
        [*command, "--port", str(port), *options],
        env={**os.environ, "TM_PASSWORD": "XXX"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        end = time.monotonic() + 120
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert process.poll() is None, "it ended at once"
            assert time.monotonic() < end
            time.sleep(0.1)
        yield port, process
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)


def wait_for_end(client: TmClient) -> dict:
    end = time.monotonic() + 200
    while True:
        found = client.get_workflow_status()
        if found is not None and not found["live"]:
            return found
        assert time.monotonic() < end
        time.sleep(0.3)


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
        assert client.kill_workflow()["message"] == "ok"
        stopped = wait_for_end(client)
        assert stopped["state"] in ("STOPPED", "TERMINATED")
        client.resume_workflow()
        ended = wait_for_end(client)
        assert ended["state"] == "TERMINATED"
        assert {each["name"] for each in ended["subtasks"]} >= {"image_conversion"}
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
        process.wait(20)
    with (
        serving(waiting.parent) as (port, _),
        TmClient("127.0.0.1", port, "demo", "XXX", "test") as client,
    ):
        assert wait_for_end(client)["state"] == "TERMINATED"
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
        process.wait(20)
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
            if len(seen) == after:
                then()
        return answer

    monkeypatch.setattr(session, "fetch", watched)
    return seen


def test_a_run_that_was_killed_with_its_server_goes_on(waiting: Path, screen: Path):
    with serving(waiting.parent) as (port, process):
        client = TmClient("127.0.0.1", port, "demo", "XXX", "test")
        run = client.submit_workflow()["process"]
        while (found := client.get_workflow_status()) is None or not found["done_units"]:
            time.sleep(0.05)
        os.killpg(run, signal.SIGKILL)
        process.kill()
        process.wait(20)
        client.session.close()
    with (
        serving(waiting.parent) as (port, _),
        TmClient("127.0.0.1", port, "demo", "XXX", "test") as client,
    ):
        found = client.get_workflow_status()
        assert (found["state"], found["live"]) == ("STOPPED", False)
        client.resume_workflow()
        assert wait_for_end(client)["state"] == "TERMINATED"
        with Experiment.open(screen) as never_stopped, Experiment.open(waiting) as experiment:
            pd.testing.assert_frame_equal(
                experiment.features.read("Discs"), never_stopped.features.read("Discs")
            )
