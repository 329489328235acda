"""An experiment of a server as a folder here, which fills itself with what is looked at.

The folder is laid out as every experiment; `.mirror` in it has which experiment it is, and lists of
its parts. A file that is fetched only when it is read (features, fields of illumination) is empty
before. Nothing is written here but by the server's word.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor, wait
from contextlib import closing, suppress
from pathlib import Path
from time import monotonic
from typing import Any, BinaryIO
from uuid import uuid4

from napari_tmaps.client.address import Address
from napari_tmaps.client.session import LoggedOutError, Session
from napari_tmaps.errors import ExistsError, StorageError, TmapsError
from napari_tmaps.store.mirror_files import OWN, RANGES, MirrorFiles, is_fresh
from napari_tmaps.store.mirror_ranges import BLOCK, RangedFile
from napari_tmaps.store.mirror_room import make_room, mark_used, most_bytes
from napari_tmaps.store.parts import DATABASE, PartFile, files_of, is_changeable, part_of
from napari_tmaps.streams.mounts import ComingError, unmount

_LATE = (".parquet", ".npz", ".tif", ".zip")
"""Endings of files that are fetched when they are read …"""
_SOON = ("selections/", "results/")
"""… but for those in these folders, which are small."""
_THREADS = 6
_WHOLE = 4 * BLOCK
"""Files up to this size are fetched whole when a part of them is read."""
_SHARE = 1 / 50
"""Of what may be kept; whenever so much has come, room is made."""
_FAILED_S = 5.0
"""For so long a window is not made to ask again for what could not be fetched."""
_LOCK = "workflow/coordinator.json"


class Mirror:
    """Follows one experiment of a server; a `Source` of its folder.

    Attributes
    ----------
    root
        The folder.
    address
        Of the experiment.
    session
        To ask the server for other things; any thread may.
    patience_s
        How long the main thread waits for a file; None: until it is there.
    on_arrival
        Called, in any thread, when a file has arrived that the main thread did not wait for.
    on_problem
        Gets a sentence, in any thread, when what was sent without waiting was refused.
    """

    def __init__(self, root: Path, address: Address, session: Session) -> None:
        self.root, self.address, self.session = root, address, session
        self._server = MirrorFiles(root, address, session)
        self.patience_s: float | None = None
        self.on_arrival: Callable[[], None] = lambda: None
        self.on_problem: Callable[[str], None] = lambda sentence: None
        self.users = 0
        self._sending: dict[str, int] = {}
        self._most, self._since_room = most_bytes(), 0
        self._pool = ThreadPoolExecutor(_THREADS, "mirror")
        self._sender = ThreadPoolExecutor(1, "mirror sends")
        self._parts: dict[str, dict[str, PartFile]] = {}
        self._lock, self._refreshing = threading.Lock(), threading.Lock()
        self._listing: dict[str, threading.Lock] = {}
        self._coming: dict[str, Future[None]] = {}
        self._failed: dict[str, tuple[float, StorageError]] = {}

    @property
    def refusal(self) -> str:
        """See Source."""
        if not self._server.may_write:
            return (
                f"This experiment, on {self.address.server}, is shared with you to read. Ask its "
                "owner to share it with write access."
            )
        return (
            f"This experiment is on {self.address.server}: that can be changed on that machine "
            "only, not from here."
        )

    def check_may_write(self) -> None:
        """Refuse to change anything of what is shared to be read.

        Raises
        ------
        StorageError
            The user may only read.
        """
        if not self._server.may_write:
            raise StorageError(self.refusal)

    def takes(self, path: Path) -> bool:
        """See Source."""
        return self._server.may_write and is_changeable(path.relative_to(self.root).as_posix())

    def desk(self) -> Path:
        """See Source."""
        return self.root.parent / f".{uuid4().hex}.part"

    def send(self, file: Path, path: Path) -> None:
        """See Source; the main thread of a window does not wait for the server's word.

        Where it turns out to be a no, `on_problem` is told, and what was there is there again.
        """
        name = path.relative_to(self.root).as_posix()
        if not self.takes(path):
            raise StorageError(self.refusal)
        content = file.read_bytes()
        before = path.read_bytes() if path.is_file() else None
        if not self._in_hurry():
            try:
                self._send_now(name, content)
            except ExistsError as error:
                self.refresh()
                raise self._server.told(error) from error
            return
        with self._lock:
            self._sending[name] = self._sending.get(name, 0) + 1
        self._server.put(path, content)
        self._sender.submit(self._send_later, name, content, before)

    def _send_later(self, name: str, content: bytes, before: bytes | None) -> None:
        """In a thread of its own, one after the other."""
        try:
            self._send_now(name, content)
        except TmapsError as error:
            if before is None:
                (self.root / name).unlink(missing_ok=True)
            else:
                self._server.put(self.root / name, before)
            self.on_problem(f"{Path(name).name} could not be saved on the server: {error}")
        finally:
            with self._lock:
                self._sending[name] -= 1

    def _send_now(self, name: str, content: bytes) -> None:
        with self._refreshing:  # a list of before would make the file look old
            try:
                put = self._server.send(name, content, self._parts.get("", {}).get(name))
            except ExistsError:
                raise
            except TmapsError as error:
                raise self._server.told(error) from error
            self._parts[""] = {**self._parts.get("", {}), name: put}

    def ask(self, method: str, path: str, **options: Any) -> Any:
        """A JSON request about the experiment, e.g. `ask("GET", "/info")`.

        Raises
        ------
        StorageError
            The server cannot be reached, or the user is not logged in any more.
        TmapsError
            The server refused; the message is its own.
        """
        try:
            return self.session.json(method, self.address.path + path, **options)
        except LoggedOutError as error:
            raise self._server.told(error) from error

    # -- following ------------------------------------------------------------------------------

    def refresh(self, *, thoroughly: bool = False) -> bool:
        """Take up what has changed on the server; True if anything has.

        Parameters
        ----------
        thoroughly
            Ask for images anew even if nothing says that they have changed.

        Raises
        ------
        StorageError
            The server cannot be reached, the login is over, or the experiment is gone.
        """
        with self._refreshing:
            before = self._parts.get("")
            try:
                files, is_new = self._server.ask_part("")
                if is_new or before is None:
                    self._follow(files)
            except TmapsError as error:
                raise self._server.told(error) from error
            with self._lock:
                changed = before is None or _lasting(files) != _lasting(before)
                if changed or thoroughly:
                    self._parts.clear()
                self._parts[""] = files
            return changed

    def _follow(self, files: dict[str, PartFile]) -> None:
        """Make the first part here what it is there; the catalogue last."""
        for file in files_of(self.root):
            kept = file.path in (DATABASE, _LOCK) or self._sending.get(file.path)
            if not kept and file.path not in files:
                _remove(self.root, file.path)
        wanted = []
        for file in files.values():
            place = self.root / file.path
            if file.size < 0:
                place.mkdir(parents=True, exist_ok=True)
            elif file.path != DATABASE and not is_fresh(place, file):
                if self._sending.get(file.path):
                    continue
                if file.path.endswith(_LATE) and not file.path.startswith(_SOON):
                    self._server.put(place, b"")
                else:
                    wanted.append(file)
        for future in [self._submit(self._server.fetch, file) for file in wanted]:
            future.result()
        self._follow_catalogue(files[DATABASE])
        if _LOCK not in files:  # whoever sees that nobody works shall see what came of it
            (self.root / _LOCK).unlink(missing_ok=True)

    def _follow_catalogue(self, file: PartFile) -> None:
        """Copy the tables into those here: whoever reads them meanwhile sees old or new ones."""
        mark, path = self.root / OWN / "catalogue.json", self.root / DATABASE
        known = json.dumps([file.size, file.modified])
        if path.is_file() and mark.is_file() and mark.read_text() == known:
            return
        copy = self.root / OWN / f"{uuid4().hex[:8]}.db"
        try:
            self._server.download(DATABASE, copy)
            with closing(sqlite3.connect(copy)) as new, closing(sqlite3.connect(path)) as ours:
                ours.execute("PRAGMA journal_mode=WAL")
                new.backup(ours)
        finally:
            copy.unlink(missing_ok=True)
        self._server.put(mark, known.encode())

    # -- parts ----------------------------------------------------------------------------------

    def bring(self, path: Path) -> None:
        """See Source."""
        name = path.relative_to(self.root).as_posix()
        part = part_of(name)
        if part is None:
            return
        if self._is_here(name, part):
            mark_used(path)
            return
        self._wait([self._asked(name, part)], path.name)

    def bring_all(self, paths: Sequence[Path]) -> None:
        """See Source."""
        wanted = []
        for path in paths:
            name = path.relative_to(self.root).as_posix()
            part = part_of(name)
            if part is not None and not self._is_here(name, part):
                wanted.append(self._asked(name, part))
        if wanted:
            self._wait(wanted, f"{len(wanted)} files of {paths[0].parent.parent.name}")

    def open_parts(self, path: Path) -> BinaryIO | None:
        """See Source."""
        name = path.relative_to(self.root).as_posix()
        part = part_of(name)
        file = None if part is None else self._parts.get(part, {}).get(name)
        if file is None or file.size < _WHOLE or is_fresh(path, file):
            self.bring(path)
            return None
        known = file

        def fetch(start: int, end: int, keep: Callable[[bytes], None]) -> None:
            def work() -> None:
                try:
                    keep(self._server.fetch_range(known, start, end))
                    self._fetched(end - start)
                except TmapsError as error:
                    raise self._server.told(error) from error

            self._wait([self._submit(work)], path.name)

        return RangedFile(self.root / OWN / RANGES, file, fetch)  # type: ignore[return-value]

    def _asked(self, name: str, part: str) -> Future[None]:
        with self._lock:
            when, error = self._failed.get(name, (-_FAILED_S, None))
            if error is not None and self._in_hurry() and monotonic() - when < _FAILED_S:
                raise error
            if name not in self._coming:
                self._coming[name] = self._submit(self._bring_now, name, part)
            return self._coming[name]

    def _in_hurry(self) -> bool:
        """Whether this is the thread of a window, which must not wait for long."""
        is_main = threading.current_thread() is threading.main_thread()
        return self.patience_s is not None and is_main

    def _submit(self, act: Callable[..., None], *values: Any) -> Future[None]:
        try:
            return self._pool.submit(act, *values)
        except RuntimeError as error:  # the pool has ended
            raise StorageError(f"{self.address} was closed.") from error

    def _wait(self, coming: list[Future[None]], what: str) -> None:
        """Wait for files; the main thread not for long."""
        late = wait(coming, self.patience_s if self._in_hurry() else None).not_done
        for future in coming:
            if future not in late:
                try:
                    future.result()
                except CancelledError as error:
                    raise StorageError(f"{self.address} was closed.") from error
        if late:
            threading.Thread(target=self._tell, args=(late,), daemon=True).start()
            raise ComingError(f"On its way from {self.address.server}: {what}.")

    def _tell(self, late: set[Future[None]]) -> None:
        wait(late)
        self.on_arrival()

    def _is_here(self, name: str, part: str) -> bool:
        files = self._parts.get(part)
        if files is None:
            return False
        file = files.get(name)
        return file is None or is_fresh(self.root / name, file)

    def _bring_now(self, name: str, part: str) -> None:
        try:
            file = self._listed(part).get(name)
            if file is not None and not is_fresh(self.root / name, file):
                self._server.fetch(file)
                self._fetched(file.size)
        except TmapsError as error:
            told = self._server.told(error)
            self._failed[name] = monotonic(), told
            raise told from error
        finally:
            with self._lock:
                self._coming.pop(name, None)

    def _fetched(self, size: int) -> None:
        """Make room, now and then."""
        with self._lock:
            self._since_room += size
            if self._since_room < self._most * _SHARE:
                return
            self._since_room = 0
        make_room(self.root.parent.parent.parent, self._most)

    def _listed(self, part: str) -> dict[str, PartFile]:
        """The files of a part, which the server is asked for once after each change."""
        with self._lock:
            one_at_a_time = self._listing.setdefault(part, threading.Lock())
        with one_at_a_time:
            found = self._parts.get(part)
            if found is None:
                found, _ = self._server.ask_part(part)
                for file in files_of(self.root, part):
                    if file != found.get(file.path):
                        (self.root / file.path).unlink(missing_ok=True)
                self._parts[part] = found
            return found

    # -- using ----------------------------------------------------------------------------------

    def enter(self) -> None:
        """One more uses it."""
        self.users += 1

    def finish(self) -> None:
        """Wait until all that was sent without waiting has got there, or was refused."""
        self._sender.submit(lambda: None).result()

    def leave(self) -> None:
        """One less; the last one ends it."""
        self.users -= 1
        if not self.users:
            self._sender.shutdown()  # what was changed is not lost
            unmount(self.root)
            self._pool.shutdown(wait=False, cancel_futures=True)
            self.session.close_all()
            threading.Thread(target=self._close_late, daemon=True).start()

    def _close_late(self) -> None:
        """Close what work that was still going on has opened since."""
        self._pool.shutdown()
        self.session.close_all()


def _lasting(files: dict[str, PartFile]) -> dict[str, PartFile]:
    """What tells that images may have changed: all but who is at work."""
    return {path: file for path, file in files.items() if path != _LOCK}


def _remove(root: Path, name: str) -> None:
    """Remove a file or a folder of an image, and the folders that are empty then."""
    place = root / name
    if place.is_dir():
        shutil.rmtree(place, ignore_errors=True)
    else:
        place.unlink(missing_ok=True)
    with suppress(OSError):
        for folder in place.parents:
            if folder == root:
                break
            folder.rmdir()
