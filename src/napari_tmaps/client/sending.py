"""Send files: small ones many in a request, large ones in pieces; nothing is sent twice."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from napari_tmaps.client.session import Session
from napari_tmaps.errors import InputError, NotFoundError, StorageError

PIECE = 16 * 2**20
"""Bytes of a request, about."""
_SMALL = 2**20


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A file to send, and what it is called there."""

    path: Path
    name: str
    size: int


def local_files(path: Path) -> list[LocalFile]:
    """A file, or all files of a folder, but no hidden ones.

    Raises
    ------
    NotFoundError
        There is nothing.
    """
    if path.is_file():
        return [LocalFile(path, path.name, path.stat().st_size)]
    files = [
        LocalFile(file, file.relative_to(path).as_posix(), file.stat().st_size)
        for file in sorted(path.rglob("*"))
        if file.is_file() and not any(part.startswith(".") for part in file.relative_to(path).parts)
    ]
    if not files:
        raise NotFoundError(f"There are no files in '{path}'.")
    return files


def send_files(
    session: Session, address: str, files: list[LocalFile], *, parallel: int = 4, retries: int = 5
) -> list[str]:
    """Send what the server does not have yet; returns the names that were sent.

    Parameters
    ----------
    address
        Of the acquisition.
    parallel
        Requests at the same time.

    Raises
    ------
    StorageError
        The connection broke again and again; calling it again goes on.
    """
    with ThreadPoolExecutor(max(1, parallel)) as pool:
        digests = pool.map(_sha256, (file.path for file in files))
        expected = [
            {"name": file.name, "size": file.size, "sha256": digest}
            for file, digest in zip(files, digests, strict=True)
        ]
        wanted = set(
            session.json("POST", f"{address}/upload/register", body={"files": expected})["data"]
        )
        todo = [file for file in files if file.name in wanted]

        def send(batch: list[LocalFile]) -> None:
            for attempt in range(retries + 1):
                try:
                    if len(batch) == 1 and batch[0].size > _SMALL:
                        _send_pieces(session, address, batch[0])
                    else:
                        content = _archive(batch)
                        session.fetch("POST", f"{address}/upload/archive", content=content)
                    return
                except StorageError:
                    if attempt == retries:
                        raise

        for _ in pool.map(send, _batches(todo)):
            pass
    return [file.name for file in todo]


def _batches(files: Iterable[LocalFile]) -> Iterator[list[LocalFile]]:
    batch: list[LocalFile] = []
    size = 0
    for file in files:
        if file.size > _SMALL:
            yield [file]
            continue
        if batch and (size + file.size > PIECE or len(batch) >= 1000):
            yield batch
            batch, size = [], 0
        batch.append(file)
        size += file.size
    if batch:
        yield batch


def _archive(files: list[LocalFile]) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for file in files:
            content = file.path.read_bytes()
            if len(content) != file.size:
                raise InputError(f"'{file.path}' has changed while it was sent. Send it again.")
            info = tarfile.TarInfo(file.name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return target.getvalue()


def _send_pieces(session: Session, address: str, file: LocalFile) -> None:
    target = f"{address}/upload/files/{file.name.replace('%', '%25')}"
    state = session.json("GET", target)["data"]
    with file.path.open("rb") as stream:
        while not state["complete"]:
            stream.seek(state["size"])
            answer = session.fetch(
                "PUT", target, content=stream.read(PIECE), query={"offset": state["size"]}
            )
            known, state = state, json.loads(answer)["data"]
            if state["size"] <= known["size"] and not state["complete"]:
                raise InputError(f"'{file.path}' has changed while it was sent. Send it again.")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
