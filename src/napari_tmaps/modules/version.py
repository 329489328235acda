"""The version of a module: a hash of all code of ours that it uses.

A result is kept, and a site counts as up to date, as long as this hash stays. It covers the file of
the module and every file of napari-tmaps that this file imports, directly or by way of others; so
a change of a kernel is a new version of just those modules that use it.
"""

from __future__ import annotations

import ast
import hashlib
import inspect
import linecache
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any

_ROOT = Path(__file__).parents[1]
_ONE_AT_A_TIME = Lock()
_TRIES = 100
"""Python 3.11 counts wrongly where two threads parse at once, and ends with a SystemError. Those of
others, which parse too, do not wait for the lock."""


@cache
def code_version(function: Callable[..., Any]) -> str:
    """Hash of a function's code: its file, and our files behind it."""
    # As it was loaded, whatever has become of the file since.
    source = "".join(linecache.getlines(inspect.getsourcefile(function) or "")).encode()
    digest = hashlib.blake2b(source or function.__code__.co_code, digest_size=8)
    for path in _behind(source):
        digest.update(path.name.encode())
        digest.update(_read(path))
    return digest.hexdigest()


def _behind(source: bytes) -> list[Path]:
    """Our files that a source imports, directly or by way of others; sorted."""
    found: set[Path] = set()
    new = set(_imported(source))
    while new:
        found |= new
        new = {other for path in new for other in _imported(_read(path))} - found
    return sorted(found)


@cache
def _read(path: Path) -> bytes:
    return path.read_bytes()


@cache
def _imported(source: bytes) -> tuple[Path, ...]:
    return tuple(path for name in _names(_parsed(source)) if (path := _file(name)) is not None)


def _parsed(source: bytes) -> ast.AST:
    with _ONE_AT_A_TIME:
        for _ in range(_TRIES - 1):
            with suppress(SystemError):
                return ast.parse(source)
        return ast.parse(source)


def _names(tree: ast.AST) -> Iterator[str]:
    """Names that may be modules, wherever they are imported: at the top or inside functions."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _file(name: str) -> Path | None:
    """The file of one of our modules; None for other packages and for names of functions."""
    package, *parts = name.split(".")
    if package != _ROOT.name or not parts:
        return None
    path = _ROOT.joinpath(*parts)
    candidates = (path.with_suffix(".py"), path / "__init__.py")
    return next((candidate for candidate in candidates if candidate.is_file()), None)
