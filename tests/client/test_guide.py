"""The command lines and examples of the guide, against a server on loopback."""

from __future__ import annotations

import shlex
from pathlib import Path

import numpy as np
import pytest
from tests.server.running import ended
from tests.workflow.screen import PATTERN, plane, write_screen
from tests.workflow.test_analyse import discs

from napari_tmaps.client import TmClient
from napari_tmaps.client.program import main
from napari_tmaps.pipeline.files import dump_pipeline, save_pipeline


def tm_client(line: str, port: int) -> int:
    """One line of the guide, with the port of this server."""
    return main(shlex.split(line.replace("-P 8002", f"-P {port}"))[1:])


def test_from_files_to_objects(
    empty: TmClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
):
    port = empty.session.port
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("TM_PASSWORD", raising=False)
    (tmp_path / ".tm_pass").write_text("demo: XXX\n")
    write_screen(tmp_path / "files")
    project = tmp_path / "project"
    project.mkdir()
    save_pipeline(discs(), project / "pipeline.yaml")
    start = "tm_client -vv -H localhost -P 8002 -u demo"
    for line in (
        f"{start} experiment create -n test",
        f"{start} plate -e test create --name plate01",
        f"{start} acquisition -e test create -p plate01 --name acquisition01 --pattern '{PATTERN}'",
        (
            f"{start} microscope-file -e test upload -p plate01 -a acquisition01 "
            f"--directory {tmp_path / 'files'}"
        ),
        f"{start} microscope-file -e test ls -p plate01 -a acquisition01",
        f"{start} workflow -e test download --file {tmp_path / 'workflow.yml'}",
        f"{start} workflow -e test upload --file {tmp_path / 'workflow.yml'}",
        f"{start} jtproject -e test upload --directory {project}",
        f"{start} workflow -e test submit",
    ):
        assert tm_client(line, port) == 0, line
    assert "COMPLETE" in capsys.readouterr().out
    client = TmClient("localhost", port, "demo", "XXX")
    found = ended(client)
    assert found["state"] == "TERMINATED"
    assert tm_client(f"{start} workflow -e test status", port) == 0
    assert "jterator" in capsys.readouterr().out
    folder = tmp_path / "out"
    for line in (
        (
            f"{start} -p XXX channel-image -e test download -c DAPI -p plate01 -w C03 -x 1 -y 0 "
            f"-i 0 --directory {folder}"
        ),
        f"{start} -p XXX feature-values -e test download -o Discs --directory {folder}",
    ):
        assert tm_client(line, port) == 0, line
    assert {path.name for path in folder.iterdir()} == {
        "test_plate01_C03_y000_x001_z000_t000_DAPI.png",
        "test_Discs_feature-values.csv",
        "test_Discs_metadata.csv",
    }
    image = client.download_channel_image(
        channel_name="DAPI",
        plate_name="plate01",
        well_name="C03",
        well_pos_x=1,
        well_pos_y=0,
        cycle_index=0,
        tpoint=0,
        zplane=0,
        correct=False,
    )
    np.testing.assert_array_equal(image, plane("C03", 2, "DAPI", 0))
    assert len(client.download_object_feature_values(mapobject_type="Discs")) == 8
    assert "run" in {row["phase"] for row in client.get_workflow_jobs("jterator")}
    client.close()


def test_errors_are_one_line(port: int, capsys):
    assert main(["-P", str(port), "-u", "demo", "-p", "wrong", "experiment", "ls"]) == 1
    assert "The name or the password is wrong" in capsys.readouterr().err


def test_a_workflow_that_failed_says_why(empty: TmClient, tmp_path: Path, capsys):
    write_screen(tmp_path / "files")
    empty.create_experiment("test")
    empty.create_plate("plate01")
    empty.create_acquisition("plate01", "acquisition01", pattern=PATTERN)
    empty.upload_microscope_files("plate01", "acquisition01", tmp_path / "files")
    save_pipeline(discs(channels=("DAPI", "Cy5")), tmp_path / "pipeline.yaml")
    empty.upload_jterator_project_files(tmp_path)
    empty.submit_workflow()
    ended(empty)
    start = f"tm_client -P {empty.session.port} -u demo -p XXX"
    assert tm_client(f"{start} workflow -e test status", empty.session.port) == 0
    said = capsys.readouterr().out
    assert "FAILED" in said
    assert "there is no channel 'Cy5'" in said


def test_code_that_is_sent_never_runs(empty: TmClient, tmp_path: Path):
    files, ran = tmp_path / "files", tmp_path / "ran"
    write_screen(files)
    (files / "evil.py").write_text(f"open({str(ran)!r}, 'w').close()\ndef evil(image): ...\n")
    empty.create_experiment("test")
    empty.create_plate("plate01")
    empty.create_acquisition("plate01", "acquisition01", pattern=PATTERN)
    sent = empty.upload_microscope_files("plate01", "acquisition01", files)
    assert "evil.py" in sent
    text = dump_pipeline(discs()).replace("threshold_manual", "evil")
    (tmp_path / "pipeline.yaml").write_text(text)
    empty.upload_jterator_project_files(tmp_path)
    empty.submit_workflow()
    found = ended(empty)
    assert found["state"] == "FAILED"
    assert "no module 'evil'" in found["submission"]["message"]
    assert not ran.exists()
