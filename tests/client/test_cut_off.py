"""Answers that end too early, and disks that take nothing: nothing is half-written."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from napari_tmaps.client.files import save
from napari_tmaps.client.session import Session, pieces
from napari_tmaps.errors import StorageError


@pytest.fixture
def cut_off() -> Iterator[int]:
    """Port of a server that promises 3 MB, and sends two."""
    listening = socket.create_server(("127.0.0.1", 0))

    def answer() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with connection:
                connection.recv(65536)
                head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (3 << 20)
                connection.sendall(head + bytes(2 << 20))

    thread = threading.Thread(target=answer)
    thread.start()
    yield listening.getsockname()[1]
    listening.shutdown(socket.SHUT_RDWR)
    listening.close()
    thread.join()


def test_a_file_is_not_half_there(cut_off: int, tmp_path: Path):
    file = tmp_path / "image.png"
    file.write_bytes(b"before")
    session = Session("127.0.0.1", cut_off)
    with (
        pytest.raises(StorageError, match="the answer was cut off"),
        session.open("GET", "/image") as answer,
    ):
        save(file, pieces(answer))
    assert [each.name for each in tmp_path.iterdir()] == ["image.png"]
    assert file.read_bytes() == b"before"


def test_nor_bytes_that_somebody_reads_in_parts(cut_off: int):
    session = Session("127.0.0.1", cut_off)
    with (
        pytest.raises(StorageError, match="the answer was cut off"),
        session.open("GET", "/image") as answer,
    ):
        list(iter(lambda: answer.read(1 << 20), b""))


@pytest.mark.parametrize("name", ["file/image.png", "folder"])
def test_the_server_is_not_blamed_for_this_computer(tmp_path: Path, name: str):
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "folder").mkdir()
    with pytest.raises(StorageError, match=f"{name}' could not be written: .*Choose another"):
        save(tmp_path / name, [b"1"])
    assert sorted(each.name for each in tmp_path.rglob("*")) == ["file", "folder"]


def test_a_file_is_whole_or_as_before(tmp_path: Path):
    file = save(tmp_path / "new" / "image.png", [b"1", b"2"])
    assert file.read_bytes() == b"12"

    def ends() -> Iterator[bytes]:
        yield b"3"
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        save(file, ends())
    assert file.read_bytes() == b"12"
    assert [each.name for each in file.parent.iterdir()] == ["image.png"]
