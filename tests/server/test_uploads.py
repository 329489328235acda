"""Files on their way: resumed, replayed, cut off, badly meant."""

from __future__ import annotations

import hashlib
import io
import socket
import tarfile
from pathlib import Path

import httpx
import pytest
from tests.server.running import running
from tests.workflow.screen import PATTERN, write_screen

from napari_tmaps.client import TmClient
from napari_tmaps.client.sending import local_files
from napari_tmaps.errors import ExistsError, InputError, NotFoundError, StorageError
from napari_tmaps.server.uploads import Acquisition, ExpectedFile, file_name


@pytest.fixture
def ready(empty: TmClient) -> TmClient:
    """An experiment with a plate and an acquisition."""
    empty.create_experiment("test")
    empty.create_plate("plate01", "The first")
    empty.create_acquisition("plate01", "acquisition01", pattern=PATTERN)
    return empty


def target(client: TmClient) -> str:
    return client._acquisition("plate01", "acquisition01")


def test_a_folder_arrives_whole_and_once(ready: TmClient, tmp_path: Path):
    folder = tmp_path / "files"
    write_screen(folder)
    (folder / "sub").mkdir()
    (folder / "sub" / "notes.txt").write_text("ä")
    (folder / ".hidden").write_text("no")
    (folder / "large.bin").write_bytes(bytes(range(256)) * 5000)
    sent = ready.upload_microscope_files("plate01", "acquisition01", folder)
    assert len(sent) == 10
    states = {
        row["name"]: row["status"] for row in ready.get_microscope_files("plate01", "acquisition01")
    }
    assert set(states.values()) == {"COMPLETE"}
    assert set(states) == set(sent)
    assert ready.get_plates()[0]["status"] == "COMPLETE"
    assert ready.upload_microscope_files("plate01", "acquisition01", folder) == []
    (arrived,) = Path(tmp_path / "own").rglob("large.bin")
    assert arrived.read_bytes() == (folder / "large.bin").read_bytes()
    (folder / "large.bin").write_bytes(b"other")
    assert ready.upload_microscope_files("plate01", "acquisition01", folder) == ["large.bin"]
    assert arrived.read_bytes() == b"other"


def test_names_of_plates_and_acquisitions(ready: TmClient):
    with pytest.raises(ExistsError, match="a plate 'plate01' already"):
        ready.create_plate("plate01")
    with pytest.raises(InputError, match="an acquisition 'acquisition01' already"):
        ready.create_acquisition("plate01", "acquisition01")
    with pytest.raises(InputError, match="becomes a folder"):
        ready.create_plate("../plate")
    with pytest.raises(NotFoundError, match="no plate 'x'"):
        ready.create_acquisition("x", "a")
    ready.delete_acquisition("plate01", "acquisition01")
    assert ready.get_acquisitions() == []
    ready.delete_plate("plate01")
    assert ready.get_plates() == []


def test_pieces_are_resumed_and_replayed(ready: TmClient, empty_settings):
    content = bytes(range(256)) * 40
    address = target(ready)
    entry = {"name": "a.bin", "size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    body = {"files": [entry]}
    assert ready.session.json("POST", f"{address}/upload/register", body=body)["data"] == ["a.bin"]
    file = f"{address}/upload/files/a.bin"
    ready.session.fetch("PUT", file, content=content[:5000], query={"offset": 0})
    with running(empty_settings) as port:  # another server finds what the first confirmed
        other = TmClient("127.0.0.1", port, "demo", "XXX", "test")
        assert other.session.json("GET", file)["data"] == {"size": 5000, "complete": False}
        other.close()
    with pytest.raises(InputError, match="is here up to byte 5000"):
        ready.session.fetch("PUT", file, content=b"x", query={"offset": 6000})
    ready.session.fetch("PUT", file, content=content[:5000], query={"offset": 0})  # replayed
    assert ready.session.json("GET", file)["data"]["size"] == 5000
    ready.session.fetch("PUT", file, content=content[4000:], query={"offset": 4000})
    assert ready.session.json("GET", file)["data"] == {"size": len(content), "complete": True}
    ready.session.fetch("PUT", file, content=content, query={"offset": 0})  # replayed
    check = ready.session.json("POST", f"{address}/upload/validity-check", body=body)["data"]
    assert check == [{"name": "a.bin", "is_valid": True}]
    entry["sha256"] = "0" * 64
    check = ready.session.json("POST", f"{address}/upload/validity-check", body=body)["data"]
    assert check == [{"name": "a.bin", "is_valid": False}]


def test_what_differs_from_its_checksum_is_not_taken(tmp_path: Path):
    each = Acquisition(tmp_path, "p", "a")
    digest = hashlib.sha256(b"right").hexdigest()
    assert each.expect([ExpectedFile(name="f", size=5, sha256=digest)]) == ["f"]
    with pytest.raises(InputError, match="did not arrive as it was registered"):
        each.append("f", 0, io.BytesIO(b"wrong"))
    assert each.have("f") == (0, False)
    with pytest.raises(InputError, match="longer than the 5 bytes"):
        each.append("f", 0, io.BytesIO(b"far too long"))
    with pytest.raises(NotFoundError, match="was not registered"):
        each.append("g", 0, io.BytesIO(b"x"))
    assert each.status() == "WAITING"
    assert each.append("f", 0, io.BytesIO(b"right")) == (5, True)
    assert each.status() == "COMPLETE"


EVIL = ["../x", "/etc/x", "a/../../x", "a\\..\\x", "C:x", "a//b", "", ".", "a\0b", "x" * 300]


@pytest.mark.parametrize("name", EVIL)
def test_names_that_lead_elsewhere(name: str):
    with pytest.raises(InputError, match="cannot be the name of a file"):
        file_name(name)


@pytest.mark.parametrize("kind", ["../out", "/tmp/out", "link", "cut"])
def test_archives_that_are_badly_meant(ready: TmClient, tmp_path: Path, kind: str):
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        info = tarfile.TarInfo("ok" if kind == "cut" else kind)
        if kind == "link":
            info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
        info.size = 0 if kind == "link" else 5000
        archive.addfile(info, io.BytesIO(bytes(info.size)))
    body = content.getvalue()[: 3000 if kind == "cut" else None]
    with pytest.raises(InputError, match=r"no plain file|cannot be the name|cannot be read"):
        ready.session.fetch("POST", f"{target(ready)}/upload/archive", content=body)
    assert [path for path in tmp_path.rglob("*") if path.name in ("out", "link", "ok")] == [] or (
        kind == "cut"
    )
    assert ready.get_microscope_files("plate01", "acquisition01") == [] or kind == "cut"


def test_one_file_as_a_form(ready: TmClient):
    url = f"http://127.0.0.1:{ready.session.port}{target(ready)}/microscope-file"
    headers = {"Authorization": f"JWT {ready.session._token}"}
    for name, status in (("a.tif", 200), ("a.tif", 200), ("..", 400)):
        answer = httpx.post(url, files={"file": (name, b"pixels")}, headers=headers)
        assert answer.status_code == status
    (row,) = ready.get_microscope_files("plate01", "acquisition01")
    assert row == {"name": "a.tif", "status": "COMPLETE"}


def test_huge_bodies(ready: TmClient):
    headers = {"Authorization": f"JWT {ready.session._token}"}
    url = f"http://127.0.0.1:{ready.session.port}{target(ready)}/upload/archive"

    def endless():
        for _ in range(80):
            yield bytes(2**20)

    with socket.create_connection(("127.0.0.1", ready.session.port)) as raw:
        raw.sendall(
            f"POST {target(ready)}/upload/archive HTTP/1.1\r\nHost: x\r\n".encode()
            + f"Authorization: {headers['Authorization']}\r\n".encode()
            + b"Content-Length: 99999999999\r\n\r\n"
        )
        assert raw.recv(100).startswith(b"HTTP/1.1 413")
    try:
        answer = httpx.post(url, content=endless(), headers=headers, timeout=None)
        assert answer.status_code == 413
    except httpx.HTTPError:
        pass  # the server answered and closed while we were still sending
    assert ready.get_microscope_files("plate01", "acquisition01") == []


def test_slow_clients(empty_settings, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("napari_tmaps.server.app.SLOW_S", 0.3)
    with running(empty_settings) as port, socket.create_connection(("127.0.0.1", port)) as raw:
        raw.sendall(b"POST /auth HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\n{")
        assert raw.recv(100).startswith(b"HTTP/1.1 408")


def test_folders_of_the_server(ready: TmClient, tmp_path: Path):
    with pytest.raises(InputError, match="in no folder that this server lets you register"):
        ready.register_microscope_files("plate01", "acquisition01", "/etc")
    write_screen(tmp_path / "there")
    ready.register_microscope_files("plate01", "acquisition01", str(tmp_path / "there"))
    with pytest.raises(ExistsError, match="part of the experiment already"):
        ready.delete_plate("plate01")
    with pytest.raises(ExistsError, match="part of the experiment already"):
        ready.delete_acquisition("plate01", "acquisition01")


def test_a_server_that_is_not_there(tmp_path: Path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))  # nobody else takes it, and nobody listens
        port = free.getsockname()[1]
        with pytest.raises(StorageError, match=rf"127.0.0.1:{port} cannot be reached"):
            TmClient("127.0.0.1", port, "demo", "XXX")
    with pytest.raises(NotFoundError, match="no files"):
        local_files(tmp_path)
