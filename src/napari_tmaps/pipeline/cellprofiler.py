"""Pipelines of CellProfiler (`.cppipe`, and `.json` from version 6 on), read and translated."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

from napari_tmaps.errors import FormatError, InputError, NotFoundError, StorageError
from napari_tmaps.pipeline.imported import Imported

_HEAD = re.compile(r"^(\w+):\[(.*)\]\s*$")
_ESCAPED = re.compile(r"\\x([0-9A-Fa-f]{2})")


@dataclass(frozen=True, slots=True)
class CPModule:
    """A module of a pipeline of CellProfiler.

    Attributes
    ----------
    number
        1-based place.
    settings
        Text and value of each setting, in order; texts may occur several times.
    """

    number: int
    name: str
    enabled: bool
    settings: tuple[tuple[str, str], ...]

    def all(self, *texts: str) -> list[str]:
        """Values of the settings whose text begins so, in order."""
        wanted = tuple(text.lower() for text in texts)
        return [value for text, value in self.settings if text.lower().startswith(wanted)]

    def one(self, text: str, default: str = "") -> str:
        """The first of them."""
        return next(iter(self.all(text)), default)

    def yes(self, text: str, default: bool = False) -> bool:
        """The first of them as yes or no."""
        return self.one(text, "Yes" if default else "No") == "Yes"

    def numbers(self, text: str, default: str) -> list[float]:
        """The first of them as numbers.

        Raises
        ------
        FormatError
            It is something else.
        """
        value = self.one(text, default)
        try:
            return [float(part) for part in value.split(",")]
        except ValueError as error:
            raise FormatError(
                f"Module {self.number} ({self.name}): '{text}' is '{value}', but should be a "
                "number."
            ) from error

    def number_of(self, text: str, default: float) -> float:
        """The first of them as one number; see `numbers`."""
        return self.numbers(text, str(default))[0]


def load_cellprofiler(path: str | Path, *, white: float = 65535) -> Imported:
    """Translate a pipeline of CellProfiler as far as its modules have a counterpart here.

    Parameters
    ----------
    path
        File, `.cppipe` or `.json`.
    white
        Intensity that is 1 in CellProfiler: 65535 for images of 16 bit, 255 for those of 8 bit.

    Returns
    -------
    Imported
        With notes on every module: translated, approximated and why, or left out.

    Raises
    ------
    InputError
        `white` is not above 0.
    NotFoundError
        There is no such file.
    FormatError
        It is no pipeline of CellProfiler, or a setting is damaged.
    """
    from napari_tmaps.pipeline.cellprofiler_modules import translate

    if white <= 0:
        raise InputError(f"white is {white}, but must be above 0, e.g. 255 or 65535.")
    path = Path(path)
    return translate(read_modules(path), path.stem, white)


def read_modules(path: Path) -> list[CPModule]:
    """The modules of a pipeline file as they stand there.

    Raises
    ------
    NotFoundError, StorageError, FormatError
        As `load_cellprofiler`.
    """
    try:
        text = path.read_text(encoding="utf-8-sig", errors="replace")
    except FileNotFoundError as error:
        raise NotFoundError(f"There is no file '{path}'.") from error
    except OSError as error:
        raise StorageError(f"Could not read '{path}': {error.strerror or error}.") from error
    found = _from_json(text, path) if path.suffix.lower() == ".json" else _from_text(text)
    if not found:
        raise FormatError(f"'{path}' is no pipeline of CellProfiler: it has no modules.")
    return found


def _from_text(text: str) -> list[CPModule]:
    found: list[CPModule] = []
    settings: list[tuple[str, str]] = []
    if not text.startswith("CellProfiler Pipeline"):
        return []
    for line in text.splitlines():
        head = _HEAD.match(line)
        if head:
            settings = []
            enabled = "enabled:False" not in head[2]
            found.append(CPModule(len(found) + 1, head[1], enabled, ()))
        elif line.startswith("    ") and found:
            name, _, value = line.strip().partition(":")
            settings.append((_plain(name), _plain(value)))
            last = found[-1]
            found[-1] = CPModule(last.number, last.name, last.enabled, tuple(settings))
    return found


def _plain(text: str) -> str:
    return _ESCAPED.sub(lambda code: chr(int(code[1], 16)), text)


def _from_json(text: str, path: Path) -> list[CPModule]:
    try:
        data = json.loads(text)
        return [
            CPModule(
                number,
                str(module["attributes"]["module_name"]),
                bool(module["attributes"].get("enabled", True)),
                tuple((str(each["text"]), str(each["value"])) for each in module["settings"]),
            )
            for number, module in enumerate(data["modules"], start=1)
        ]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise FormatError(f"'{path}' is no pipeline of CellProfiler: {error!r}.") from error
