"""The files of an experiment of a server: listed, fetched into a folder here, and sent.

Each file that was fetched has the size and the time of change that it has on the server: so it is
known to be the same.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from time import time_ns
from typing import Any
from urllib.parse import quote
from uuid import uuid4

from napari_tmaps.client.address import Address
from napari_tmaps.client.files import local_errors
from napari_tmaps.client.session import LoggedOutError, Session, pieces
from napari_tmaps.errors import FormatError, NotFoundError, StorageError, TmapsError
from napari_tmaps.store.parts import PartFile, part_of

_FORMAT = 1
OWN = ".mirror"
"""Folder of the mirror's own notes."""
RANGES = "ranges"
"""Folder in it of files of which parts are here."""


class MirrorFiles:
    """Asks a server for the files of one experiment; any thread may.

    Attributes
    ----------
    root
        The folder here.
    may_write
        Whether the user may change the experiment, as the server said last.
    """

    def __init__(self, root: Path, address: Address, session: Session) -> None:
        self.root, self.address, self.session = root, address, session
        self.may_write = False

    def ask_part(self, part: str) -> tuple[dict[str, PartFile], bool]:
        """The files of a part, and whether the list is another one than before."""
        kept = self.root / OWN / "parts" / f"{quote(part, safe='') or 'first'}.json"
        tag, writes, rows = "", False, []
        with suppress(OSError, ValueError):
            tag, writes, rows = json.loads(kept.read_text(encoding="utf-8"))
        path = f"{self.address.path}/files"
        with self.session.open("GET", path, query={"part": part}, tag=tag) as answer:
            is_new, tag = answer.status != 304, answer.headers.get("ETag", "")
            if is_new:
                writes, rows = self._read(answer.read())
        self.may_write = writes
        if is_new:
            rows = [row for row in rows if part_of(row[0]) is not None]
            for name, size, modified, *text in rows:
                place = self.root / name
                if text and not is_fresh(place, PartFile(name, size, modified)):
                    self.put(place, text[0].encode(), modified)
            rows = [row[:3] for row in rows]
            self.put(kept, json.dumps([tag, writes, rows]).encode())
        return {row[0]: PartFile(*row) for row in rows}, is_new

    def _read(self, content: bytes) -> tuple[bool, list[list[Any]]]:
        try:
            answer = json.loads(content)
            if answer["format"] == _FORMAT:
                return bool(answer["write_access"]), answer["data"]
            version = f"napari-tmaps {answer['version']}"
        except (ValueError, KeyError, TypeError):
            version = "something else"
        raise FormatError(f"{self.address.server} runs {version}. Use the same version on both.")

    def fetch(self, file: PartFile) -> None:
        place = self.root / file.path
        part = self.root / OWN / uuid4().hex
        try:
            self.download(file.path, part)
            os.utime(part, ns=(time_ns(), file.modified * 1000))
            place.parent.mkdir(parents=True, exist_ok=True)
            part.replace(place)
        except NotFoundError:  # removed just now
            place.unlink(missing_ok=True)
        finally:
            part.unlink(missing_ok=True)

    def download(self, name: str, place: Path) -> None:
        with self.session.open("GET", f"{self.address.path}/files/{name}") as answer:
            with local_errors(place):
                place.parent.mkdir(parents=True, exist_ok=True)
                file = place.open("wb")
            with file:
                for piece in pieces(answer):
                    with local_errors(place):
                        file.write(piece)

    def fetch_range(self, file: PartFile, start: int, end: int) -> bytes:
        """Bytes of a file from one place up to another.

        Raises
        ------
        StorageError
            The file is another one now.
        """
        path = f"{self.address.path}/files/{file.path}"
        with self.session.open("GET", path, part=(start, end)) as answer:
            whole = answer.headers.get("Content-Range", "").rpartition("/")[2]
            content = answer.read()
        if answer.status != 206 or whole != str(file.size) or len(content) != end - start:
            raise StorageError(
                f"'{file.path}' has just been changed on {self.address.server}. Try again."
            )
        return content

    def put(self, place: Path, content: bytes, modified: int = 0) -> None:
        part = self.root / OWN / uuid4().hex
        part.write_bytes(content)
        os.utime(part, ns=(time_ns(), modified * 1000))
        place.parent.mkdir(parents=True, exist_ok=True)
        part.replace(place)

    def send(self, name: str, content: bytes, old: PartFile | None) -> PartFile:
        """Replace a file there and here; it is refused if it is not the `old` one any more.

        Raises
        ------
        ExistsError
            Somebody else has changed it.
        """
        known = f"{old.size}-{old.modified}" if old else ""
        path = f"{self.address.path}/files/{name}"
        answer = self.session.fetch("PUT", path, content=content, query={"known": known})
        put = PartFile(*json.loads(answer)["data"])
        self.put(self.root / name, content, put.modified)
        return put

    def told(self, error: TmapsError) -> StorageError:
        """The error as one that nobody takes for a thing that does not exist."""
        server = self.address.server
        if isinstance(error, LoggedOutError):
            text = f"Your login at {server} is over. Open the experiment again to log in."
        elif isinstance(error, NotFoundError) and str(error) == "Not Found":
            text = f"{server} runs another version of napari-tmaps. Use the same on both."
        elif isinstance(error, NotFoundError):
            text = f"{server} does not have the experiment any more: {error}"
        else:
            text = str(error)
        return error if isinstance(error, StorageError) else StorageError(text)


def is_fresh(place: Path, file: PartFile) -> bool:
    """Whether a file here is the one of the server."""
    try:
        facts = place.stat()
    except OSError:
        return False
    return facts.st_size == file.size and facts.st_mtime_ns // 1000 == file.modified
