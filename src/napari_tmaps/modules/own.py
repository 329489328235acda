"""Modules of other people: a Python file in a folder that the user named, or an entry point.

A file holds one module: a function of the same name, written like ours. Code runs when it is
loaded, so only folders are looked into that the user has named himself, in the settings of his
account or in the environment of this process; never one that an experiment names.
"""

from __future__ import annotations

import linecache
import os
import sys
import traceback
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType

from napari_tmaps.errors import InputError, TmapsError
from napari_tmaps.modules.describe import describe
from napari_tmaps.modules.spec import Module
from napari_tmaps.modules.userconfig import read_config

FOLDERS = "NAPARI_TMAPS_MODULES"
"""Environment variable with folders, separated as those of PATH; workers inherit it."""
ENTRY_POINTS = "napari_tmaps.modules"
CATEGORY = "own"


@dataclass(frozen=True, slots=True)
class OwnModules:
    """What was found.

    Attributes
    ----------
    functions
        The modules, by name.
    problems
        Why others cannot be used: sentences, each with the file and the line.
    """

    functions: Mapping[str, Module]
    problems: tuple[str, ...]


def module_folders() -> tuple[Path, ...]:
    """The folders that the user named: in the environment, then in the settings."""
    named = [text for text in os.environ.get(FOLDERS, "").split(os.pathsep) if text]
    paths = [Path(text).expanduser().absolute() for text in (*named, *read_config().module_folders)]
    return tuple(dict.fromkeys(paths))


def allow_folders(folders: Iterable[Path]) -> None:
    """Name folders for this process and those that it starts.

    Raises
    ------
    InputError
        It is no folder.
    """
    for folder in folders:
        path = folder.expanduser().absolute()
        if not path.is_dir():
            raise InputError(
                f"There is no folder '{path}' of modules. Name the folder that holds your files, "
                "one module (….py) each."
            )
        known = os.environ.get(FOLDERS, "")
        if str(path) not in known.split(os.pathsep):
            os.environ[FOLDERS] = os.pathsep.join(filter(None, [known, str(path)]))


def folders_of(functions: Iterable[Module]) -> list[str]:
    """The named folders that hold these functions; empty if they are all ours."""
    files = {Path(function.__code__.co_filename).parent for function in functions}
    return [str(folder) for folder in module_folders() if folder in files]


def check_allowed(folders: Iterable[str]) -> None:
    """Refuse folders that others named, unless the user of this process has named them too.

    Raises
    ------
    InputError
        A folder is not allowed here.
    """
    allowed = {str(path) for path in module_folders()}
    for folder in folders:
        if folder not in allowed:
            raise InputError(
                f"This analysis uses modules from the folder '{folder}', which you have not "
                "allowed on this machine. Loading them runs their code: look at the files, then "
                f"allow them with: tmaps modules --add '{folder}' (or set {FOLDERS})."
            )


def own_modules(taken: Iterable[str]) -> OwnModules:
    """Load the modules of all folders and entry points; files that are unchanged only once.

    Parameters
    ----------
    taken
        Names that cannot be used, those of our own modules.
    """
    functions: dict[str, Module] = {}
    problems: list[str] = []
    owner = dict.fromkeys(taken, "napari-tmaps")
    for where, function in _loaded(problems):
        if isinstance(function, InputError):
            problems.append(str(function))
            continue
        name = function.__name__
        if name in owner:
            problems.append(
                f"{where}: there is a module '{name}' already, of {owner[name]}. Give the function "
                "and the file another name."
            )
            continue
        functions[name] = function
        owner[name] = where
    return OwnModules(functions, tuple(problems))


def _loaded(problems: list[str]) -> Iterator[tuple[str, Module | InputError]]:
    """Where each module is, and the module or what is wrong with it."""
    for folder in module_folders():
        if not folder.is_dir():
            problems.append(f"There is no folder '{folder}' of modules any more.")
            continue
        for path in sorted(folder.glob("*.py")):
            if not path.name.startswith("_"):
                status = path.stat()
                yield f"'{path}'", _from_file(path, status.st_mtime_ns, status.st_size)
    for point in _installed():
        yield f"The entry point '{point.value}'", _from_entry_point(point)


@cache
def _installed() -> tuple[EntryPoint, ...]:
    return tuple(sorted(entry_points(group=ENTRY_POINTS)))


@lru_cache(maxsize=1000)
def _from_file(path: Path, mtime_ns: int, size: int) -> Module | InputError:
    """The module of a file, loaded once; the numbers are those of the file, a change loads anew."""
    try:
        return _load_file(path)
    except InputError as error:
        return error


@cache
def _from_entry_point(point: EntryPoint) -> Module | InputError:
    try:
        return _load_entry_point(point)
    except InputError as error:
        return error


def _load_file(path: Path) -> Module:
    try:
        source = path.read_text(encoding="utf-8")
        code = compile(source, str(path), "exec")
    except SyntaxError as error:
        raise _broken(path, error.lineno, f"{error.msg}") from error
    except (OSError, ValueError) as error:
        raise InputError(f"'{path}' cannot be read as Python: {error}.") from error
    # Tracebacks and the version of the module see the text that was loaded, not a later one.
    linecache.cache[str(path)] = (len(source), None, source.splitlines(keepends=True), str(path))
    module = ModuleType(f"napari_tmaps_own.{path.stem}")
    module.__file__ = str(path)
    sys.modules[module.__name__] = module  # where NamedTuples look up their types
    try:
        exec(code, module.__dict__)
    except (Exception, SystemExit) as error:  # whatever a file of other people raises
        frames = traceback.extract_tb(error.__traceback__)
        lines = [frame.lineno for frame in frames if frame.filename == str(path)]
        line = lines[-1] if lines else None
        raise _broken(path, line, f"{type(error).__name__}: {error}") from error
    function: Module | None = getattr(module, path.stem, None)
    if function is None or not hasattr(function, "__code__"):
        raise InputError(
            f"'{path}' has no function '{path.stem}'. A file holds one module: a function that is "
            "called like the file. A file whose name begins with _ is left alone."
        )
    try:
        describe(function, CATEGORY)
    except TmapsError as error:
        raise _broken(path, function.__code__.co_firstlineno, str(error)) from error
    except (NameError, TypeError) as error:  # a type in the signature that there is not
        raise _broken(path, function.__code__.co_firstlineno, f"its types: {error}") from error
    return function


def _broken(path: Path, line: int | None, text: str) -> InputError:
    where = "" if line is None else f", line {line}"
    return InputError(f"'{path}'{where}: {text.rstrip('.')}. The other modules can be used.")


def _load_entry_point(point: EntryPoint) -> Module:
    try:
        function: Module = point.load()
    except (Exception, SystemExit) as error:  # whatever an installed package raises
        raise InputError(
            f"The module '{point.name}' of an installed package ('{point.value}') cannot be "
            f"loaded: {type(error).__name__}: {error}."
        ) from error
    try:
        describe(function, CATEGORY)
    except (TmapsError, AttributeError, NameError, TypeError) as error:
        raise InputError(
            f"The module '{point.name}' of an installed package ('{point.value}'): {error}"
        ) from error
    return function
