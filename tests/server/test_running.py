"""The program `tmaps serve` with a certificate, and workflows that are stopped and go on."""

from __future__ import annotations

import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trustme
from tests.workflow.screen import PATTERN, write_screen
from tests.workflow.test_analyse import discs

from napari_tmaps.client import TmClient
from napari_tmaps.client.session import RefusedError
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
