"""Microscope files on their way to an experiment, and the plates declared for them.

    uploads/<plate>/<acquisition>/…              files that are whole
    uploads/.parts/<plate>/<acquisition>/…       files of which a part has come
    uploads/.about/<plate>[/<acquisition>].json  description, expected files, import settings

A file is renamed into its place once its size and checksum are right. What is whole is known by
looking, so that a server that was killed forgets nothing that it has confirmed.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from pydantic import BaseModel, ConfigDict, Field

from napari_tmaps.errors import ExistsError, FormatError, InputError, NotFoundError, unknown
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.store.names import UPLOADS, safe_name
from napari_tmaps.streams.atomic import disk_errors, remove, write_json
from napari_tmaps.vendors import scan

_IGNORED = {"thumbs.db", "desktop.ini", "ehthumbs.db"}
_IMAGES = re.compile(
    r"\.(tiff?|png|jpe?g|bmp|c01|czi|nd2|lif|lsm|oib|oif|oir|dv|flex|ims|vsi|stk)$", re.IGNORECASE
)
_BLOCK = 2**20


class ExpectedFile(BaseModel):
    """A file that a client means to send."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(max_length=1000)
    size: int | None = Field(None, ge=0)
    sha256: str | None = Field(None, pattern=r"^[0-9a-f]{64}$")


class Acquisition:
    """Where the files of one acquisition come to lie.

    Parameters
    ----------
    experiment
        Folder of the experiment.
    """

    def __init__(self, experiment: Path, plate: str, name: str) -> None:
        for kind, text in (("plate", plate), ("acquisition", name)):
            if safe_name(text) != text or len(text) > 100:
                raise InputError(
                    f"'{text}' cannot be the name of the {kind}, because it becomes a folder. Use "
                    f"up to 100 letters, digits, spaces and . _ - +, e.g. '{safe_name(text)[:100]}'"
                    "."
                )
        self.plate, self.name = plate, name
        uploads = experiment / UPLOADS
        self.folder = uploads / plate / name
        self.parts = uploads / ".parts" / plate / name
        self._about = uploads / ".about" / plate / f"{name}.json"

    def about(self) -> dict[str, Any]:
        """Description, pattern, vendor and expected files."""
        try:
            value: dict[str, Any] = json.loads(self._about.read_text("utf-8"))
        except FileNotFoundError:
            return {}
        return value

    def declare(self, **about: Any) -> None:
        """Make the folder, and remember what is said of it."""
        with disk_errors(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
        write_json(self._about, {**self.about(), **about})

    def remove(self) -> None:
        """Remove all that was sent."""
        for path in (self.folder, self.parts, self._about):
            remove(path)

    # -- files ----------------------------------------------------------------------------------

    def expect(self, files: list[ExpectedFile]) -> list[str]:
        """Remember files that will come; returns the names of those that are not whole yet."""
        known = dict(self.about().get("expected", {}))
        open_names = []
        for file in files:
            name = file_name(file.name)
            if _is_ignored(name):
                continue
            known[name] = {"size": file.size, "sha256": file.sha256}
            if not self._is_whole(name, known[name]):
                open_names.append(name)
        self.declare(expected=known)
        return open_names

    def _is_whole(self, name: str, expected: Mapping[str, Any]) -> bool:
        path = self.folder / name
        size = expected.get("size")
        return path.is_file() and (size is None or path.stat().st_size == size)

    def is_valid(self, file: ExpectedFile) -> bool:
        """Whether a file is here as a client has it; read again where a checksum is given."""
        name = file_name(file.name)
        expected = self.about().get("expected", {}).get(name, {})
        size = expected.get("size") if file.size is None else file.size
        if not self._is_whole(name, {"size": size}):
            return False
        return file.sha256 is None or _sha256(self.folder / name) == file.sha256

    def files(self) -> dict[str, str]:
        """Name → "COMPLETE", "UPLOADING" or "WAITING", of all that are here or expected."""
        found = dict.fromkeys(self.about().get("expected", {}), "WAITING")
        found |= dict.fromkeys(_names(self.parts), "UPLOADING")
        found |= dict.fromkeys(_names(self.folder), "COMPLETE")
        return dict(sorted(found.items()))

    def status(self) -> str:
        """ "WAITING" (nothing has come), "UPLOADING" or "COMPLETE"."""
        states = set(self.files().values())
        if "COMPLETE" in states:
            return "COMPLETE" if states == {"COMPLETE"} else "UPLOADING"
        return "UPLOADING" if "UPLOADING" in states else "WAITING"

    def have(self, name: str) -> tuple[int, bool]:
        """How many bytes of a file have come, and whether it is whole."""
        name = file_name(name)
        if (path := self.folder / name).is_file():
            return path.stat().st_size, True
        part = self.parts / name
        return (part.stat().st_size if part.is_file() else 0), False

    def append(self, name: str, offset: int, body: IO[bytes]) -> tuple[int, bool]:
        """Take a piece of an expected file; what is here already is left out. As `have`.

        Raises
        ------
        NotFoundError
            The file was not registered, with its size.
        InputError
            A piece is missing before it, it is too long, or the checksum is wrong.
        """
        name = file_name(name)
        expected = self.about().get("expected", {}).get(name)
        if expected is None or expected["size"] is None:
            raise NotFoundError(
                f"'{name}' was not registered with its size. Register it before it is sent."
            )
        size, whole = self.have(name)
        if whole and size == expected["size"]:
            return size, True
        if whole:  # it was registered anew, with another size
            remove(self.folder / name)
            size = 0
        if offset > size:
            raise InputError(f"'{name}' is here up to byte {size}; send from there, not {offset}.")
        body.seek(size - offset)
        part = self.parts / name
        with disk_errors(part):
            part.parent.mkdir(parents=True, exist_ok=True)
            with part.open("ab") as file:
                shutil.copyfileobj(body, file, _BLOCK)
            size = part.stat().st_size
        if size > expected["size"]:
            remove(part)
            raise InputError(f"'{name}' is longer than the {expected['size']} bytes registered.")
        if size == expected["size"]:
            self._finish(name, part, expected)
        return size, size == expected["size"]

    def put(self, name: str, body: IO[bytes]) -> None:
        """Take a whole file; the same again changes nothing.

        Raises
        ------
        InputError
            It differs from what was registered.
        """
        self._put(file_name(name), body, self.about().get("expected", {}))

    def _put(self, name: str, body: IO[bytes], expected: Mapping[str, Any]) -> None:
        if _is_ignored(name):
            return
        part = self.parts / name
        with disk_errors(part):
            part.parent.mkdir(parents=True, exist_ok=True)
            with part.open("wb") as file:
                shutil.copyfileobj(body, file, _BLOCK)
        self._finish(name, part, expected.get(name, {}))

    def put_all(self, body: IO[bytes]) -> list[str]:
        """Take all files of a tar archive; returns their names.

        Raises
        ------
        FormatError
            It is no tar archive, or is cut off; files before the damage have been taken.
        InputError
            A member is no plain file, or its name leads elsewhere.
        """
        expected = self.about().get("expected", {})
        names = []
        try:
            with tarfile.open(fileobj=body, mode="r|") as archive:
                for member in archive:
                    if member.isdir():
                        continue
                    content = archive.extractfile(member) if member.isreg() else None
                    if content is None:
                        raise InputError(f"'{member.name}' in the archive is no plain file.")
                    name = file_name(member.name)
                    self._put(name, content, expected)
                    names.append(name)
        except tarfile.TarError as error:
            raise FormatError(f"The archive cannot be read: {error}. Send it again.") from error
        return names

    def _finish(self, name: str, part: Path, expected: Mapping[str, Any]) -> None:
        size, digest = expected.get("size"), expected.get("sha256")
        there = part.stat().st_size
        if (size is not None and there != size) or (digest and _sha256(part) != digest):
            remove(part)
            raise InputError(
                f"'{name}' did not arrive as it was registered ({there} bytes). Send it again."
            )
        target = self.folder / name
        with disk_errors(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            part.replace(target)


def file_name(text: str) -> str:
    """A file's path in its folder, checked: nothing leads out of it.

    Raises
    ------
    InputError
        It would lead elsewhere, or no file can have that name.
    """
    parts = text.split("/")
    if (
        any(part in ("", ".", "..") or len(part.encode("utf-8", "replace")) > 250 for part in parts)
        or re.search(r'[\\:\x00-\x1f*?"<>|\ud800-\udfff]', text)
        or len(text) > 1000
    ):
        raise InputError(
            f"'{text[:200]}' cannot be the name of a file here. Send names within the folder of "
            "the acquisition, like 'image01.tif' or 'sub/image01.tif'."
        )
    return text


def _is_ignored(name: str) -> bool:
    return any(part.startswith(".") or part.lower() in _IGNORED for part in name.split("/"))


def is_image(name: str) -> bool:
    """True if a file of that name holds pixels, as far as the name tells."""
    return bool(_IMAGES.search(name))


def _names(folder: Path) -> Iterator[str]:
    if folder.is_dir():
        for path in folder.rglob("*"):
            if path.is_file():
                yield path.relative_to(folder).as_posix()


def _sha256(path: Path) -> str:
    with disk_errors(path), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


# -- plates and acquisitions: those declared here and those of the catalogue together ------------


def plates(experiment: Experiment) -> dict[str, str]:
    """Names of all plates → description."""
    uploads = experiment.path / UPLOADS
    found = {path.name: "" for path in sorted(uploads.glob("[!.]*")) if path.is_dir()}
    rows = experiment.catalogue.plates().to_dict("records")
    found |= {str(row["name"]): str(row.get("description") or "") for row in rows}
    return {name: _plate_about(experiment, name) or text for name, text in found.items()}


def _plate_about(experiment: Experiment, plate: str) -> str:
    try:
        path = experiment.path / UPLOADS / ".about" / f"{plate}.json"
        return str(json.loads(path.read_text("utf-8")).get("description", ""))
    except FileNotFoundError:
        return ""


def add_plate(experiment: Experiment, plate: str, description: str) -> None:
    """Declare a plate.

    Raises
    ------
    ExistsError
        There is one of that name.
    """
    target = Acquisition(experiment.path, plate, "check").folder.parent
    if plate in plates(experiment):
        raise ExistsError(f"There is a plate '{plate}' already.")
    with disk_errors(target):
        target.mkdir(parents=True)
    write_json(target.parent / ".about" / f"{plate}.json", {"description": description})


def acquisitions(experiment: Experiment, plate: str = "") -> list[Acquisition]:
    """All acquisitions of a plate, or of all plates."""
    uploads = experiment.path / UPLOADS
    names = {(path.parent.name, path.name) for path in uploads.glob("[!.]*/*") if path.is_dir()}
    rows = experiment.catalogue.acquisitions()
    names |= set(zip(rows["plate"], rows["name"], strict=True))
    return [Acquisition(experiment.path, *pair) for pair in sorted(names) if plate in ("", pair[0])]


def find_acquisition(experiment: Experiment, plate: str, name: str) -> Acquisition:
    """One acquisition.

    Raises
    ------
    NotFoundError
        There is none of that name.
    """
    found = {each.name: each for each in acquisitions(experiment, plate)}
    if name not in found:
        raise unknown(f"acquisition of plate '{plate}'", name, found)
    return found[name]


def check_not_taken_up(experiment: Experiment, plate: str, acquisition: str = "") -> None:
    """Refuse to change what the catalogue has already.

    Raises
    ------
    ExistsError
        It is part of the experiment, with what was made of it.
    """
    rows = experiment.catalogue.acquisitions()
    rows = rows[(rows["plate"] == plate) & (rows["name"] == (acquisition or rows["name"]))]
    if len(rows):
        raise ExistsError(
            f"Plate '{plate}' is part of the experiment already, with images made of it. It can "
            "be changed or removed until its files are taken up by the workflow."
        )


def take_up(experiment: Experiment) -> None:
    """Add what was sent since to the catalogue, so that the workflow sees it.

    Raises
    ------
    InputError
        An upload is not finished.
    FormatError
        The files make no sense; the message tells why.
    """
    rows = experiment.catalogue.acquisitions()
    known = set(zip(rows["plate"], rows["name"], strict=True))
    for each in acquisitions(experiment):
        there = (each.plate, each.name) in known
        status = each.status()
        if status == "WAITING" or (there and not each.about()):
            continue
        if status != "COMPLETE":
            raise InputError(
                f"Files of acquisition '{each.name}' of plate '{each.plate}' are still missing: "
                "finish the upload first."
            )
        about = each.about()
        stamp = {name: (each.folder / name).stat().st_mtime_ns for name in each.files()}
        digest = hashlib.sha256(json.dumps(stamp, sort_keys=True).encode()).hexdigest()
        if there and about.get("taken_up") == digest:
            continue
        found = scan(each.folder, pattern=about.get("pattern"), vendor=about.get("vendor"))
        experiment.add(found, plate=each.plate, acquisition=each.name, update=there)
        each.declare(taken_up=digest)
