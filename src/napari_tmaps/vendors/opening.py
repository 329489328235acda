"""Opening files of microscopes: what may go wrong, and how people are told."""

from __future__ import annotations

import struct
from collections.abc import Callable
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from napari_tmaps.errors import FormatError, MissingError

# All that libraries raise when a file is cut off or holds nonsense; MemoryError stands for sizes
# that were read from rubbish.
DAMAGE = (
    OSError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    RuntimeError,
    EOFError,
    SyntaxError,
    MemoryError,
    struct.error,
)


def library(module: str, package: str, what: str, extra: str = "vendors") -> Any:
    """Import an optional library, which an extra of ours brings.

    Raises
    ------
    FormatError
        It is not installed; says how to install it.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise FormatError(
            f"Reading {what} needs the package '{package}', which is not installed. Install it "
            f'with: pip install "napari-tmaps[{extra}]"'
        ) from error


def open_file(path: Path, opener: Callable[[], Any]) -> Any:
    """Open a file for its pixels.

    Raises
    ------
    MissingError
        The file is gone.
    FormatError
        It is damaged.
    """
    if not path.is_file():
        raise MissingError(f"The file '{path}' is gone: its images cannot be read any more.")
    try:
        return opener()
    except DAMAGE as error:
        raise FormatError(f"'{path}' cannot be opened: {error}.") from error


def no_plane(path: Path, series: int, page: int, error: BaseException) -> FormatError:
    """The error for a plane that the file does not hold or cannot give."""
    return FormatError(
        f"Plane {page} of image {series} in '{path}' cannot be read: {error}. The file may be cut "
        "off, or it changed since it was scanned; scan it again."
    )


def parse_xml(text: bytes) -> Any:
    """Root element (lxml) of an XML document; entities and the network are left alone.

    Raises
    ------
    FormatError
        It is damaged, or declares a document type, which no microscope does and attacks do.
    """
    from lxml import etree

    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=True)
    try:
        root = etree.fromstring(text, parser)
    except etree.XMLSyntaxError as error:
        raise FormatError(f"its XML description is damaged: {error}") from error
    if root.getroottree().docinfo.doctype:
        raise FormatError("its XML description has a DOCTYPE, which is not accepted")
    return root


def seconds(text: str | None) -> float | None:
    """An ISO 8601 moment as seconds since 1970; None for none, and for placeholders (year 1)."""
    try:
        moment = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return None if moment.year < 1970 else moment.replace(tzinfo=moment.tzinfo or UTC).timestamp()


def number(text: str | None) -> float | None:
    """A finite number; None for anything else."""
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if np.isfinite(value) else None


def sentence(error: BaseException) -> str:
    """What an error says, ended by a full stop."""
    if isinstance(error, MemoryError):
        return "it asks for more memory than there is; it may be damaged."
    text = str(error).strip() or type(error).__name__
    return text if text.endswith(".") else f"{text}."
