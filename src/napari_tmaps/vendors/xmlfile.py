"""XML as microscopes write it: read in one pass, in little memory, and without trust.

A document type declaration is refused, since that is where entity bombs and references to other
files live; no microscope writes one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO
from xml.parsers import expat

from napari_tmaps.errors import FormatError, MissingError, StorageError

_CHUNK = 1 << 18
_DEEPEST = 200


@dataclass(slots=True)
class Element:
    """One element; names of tags and attributes without their name space.

    Attributes
    ----------
    text
        The text directly inside, without white space around it.
    """

    tag: str
    attributes: dict[str, str]
    text: str = ""
    children: list[Element] = field(default_factory=list)

    def all(self, tag: str) -> Iterator[Element]:
        """All elements below, at any depth, with that tag."""
        for child in self.children:
            if child.tag == tag:
                yield child
            yield from child.all(tag)

    def first(self, tag: str) -> Element:
        """The first element below with that tag; an empty one if there is none."""
        return next(self.all(tag), Element(tag, {}))

    def get(self, name: str) -> str:
        """An attribute; "" if it is not there."""
        return self.attributes.get(name, "")


def read_tree(path: Path) -> Element:
    """A whole, small document: its root element.

    Raises
    ------
    FormatError
        The document is damaged or cut off; the message says where.
    MissingError, StorageError
        The file is gone or cannot be read.
    """
    parser = _Parser(path, wanted=None)
    for _ in parser.run():
        pass
    return parser.root


def read_elements(path: Path, *tags: str) -> Iterator[Element]:
    """The elements with one of these tags, one after the other; nothing else is kept in memory.

    Raises
    ------
    FormatError
        The document is damaged or cut off; the message says where.
    MissingError, StorageError
        The file is gone or cannot be read.
    """
    return _Parser(path, frozenset(tags)).run()


class _LocalNames(dict[str, str]):
    """Names without their name space, remembered: few names, many elements."""

    def __missing__(self, name: str) -> str:
        return self.setdefault(name, name.rpartition(" ")[2])


class _Parser:
    def __init__(self, path: Path, wanted: frozenset[str] | None) -> None:
        self._path = path
        self._wanted = wanted
        self._open: list[Element] = []
        self._done: list[Element] = []
        self._local = _LocalNames()
        self.root = Element("", {})
        self._expat = expat.ParserCreate(namespace_separator=" ")
        self._expat.buffer_text = True
        self._expat.StartElementHandler = self._start
        self._expat.EndElementHandler = self._end
        self._expat.CharacterDataHandler = self._text
        self._expat.StartDoctypeDeclHandler = self._refuse_doctype

    def run(self) -> Iterator[Element]:
        try:
            with open(self._path, "rb") as file:
                yield from self._feed(file)
        except FileNotFoundError as error:
            raise MissingError(f"'{self._path}' is not there any more.") from error
        except OSError as error:
            raise StorageError(f"'{self._path}' cannot be read: {error.strerror}.") from error

    def _feed(self, file: BinaryIO) -> Iterator[Element]:
        more = True
        while more:
            chunk = file.read(_CHUNK)
            more = bool(chunk)
            try:
                self._expat.Parse(chunk, not more)
            except expat.ExpatError as error:
                raise self._damaged(expat.errors.messages[error.code]) from error
            except (ValueError, LookupError) as error:  # an encoding that nobody knows
                if isinstance(error, FormatError):
                    raise
                raise self._damaged(str(error)) from error
            yield from self._done
            self._done.clear()

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        local = self._local
        element = Element(local[name], {local[key]: text for key, text in attributes.items()})
        if len(self._open) >= _DEEPEST:
            raise self._damaged(f"elements are nested more than {_DEEPEST} deep")
        if not self._open:
            self.root = element
        elif self._wanted is None or any(outer.tag in self._wanted for outer in self._open):
            self._open[-1].children.append(element)
        self._open.append(element)

    def _end(self, name: str) -> None:
        element = self._open.pop()
        element.text = element.text.strip()
        if self._wanted is not None and element.tag in self._wanted:
            self._done.append(element)

    def _text(self, text: str) -> None:
        self._open[-1].text += text

    def _refuse_doctype(self, *_: object) -> None:
        raise self._damaged("it has a document type declaration (DOCTYPE), which is not accepted")

    def _damaged(self, reason: str) -> FormatError:
        line = self._expat.CurrentLineNumber
        column = self._expat.CurrentColumnNumber + 1
        return FormatError(
            f"'{self._path}' is damaged at line {line}, column {column}: {reason}. "
            "Copy it again from the microscope."
        )
