"""The index of a Harmony measurement, read as it is; what it means is decided in harmony.py.

Harmony writes thirty elements an image. lxml reads them, as it needs a quarter of the time of
`xmlfile`; like there, a document type declaration is refused and nothing outside of the file is
looked at.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from napari_tmaps.errors import FormatError, MissingError, StorageError
from napari_tmaps.vendors.opening import number

_FACTS = ("User", "InstrumentType", "Plate", "Entry", "Image")
# What each image tells: element → is it needed?
_IMAGE = {
    **dict.fromkeys(("Row", "Col", "FieldID", "PlaneID", "TimepointID", "ChannelID"), True),
    **dict.fromkeys(("PositionX", "PositionY", "PositionZ", "AbsPositionZ", "AbsTime"), False),
}


class BrokenIndexError(FormatError):
    """The document is cut off or damaged, so that nothing in it can be relied upon."""


@dataclass(frozen=True)
class Index:
    """The index, all values as text.

    Attributes
    ----------
    facts
        Of the plate and the measurement.
    channels
        Facts of each channel by its ChannelID, in the order of these numbers.
    images
        Columns of one value an image: URL, BufferNo (page of the file) and those of `_IMAGE`.
    """

    facts: dict[str, str] = field(default_factory=dict)
    channels: dict[str, dict[str, str]] = field(default_factory=dict)
    images: dict[str, list[str]] = field(default_factory=dict)


def read_index(path: Path) -> Index:
    """Read an index; it lists at least one image.

    Raises
    ------
    BrokenIndexError
        The document is damaged or cut off.
    FormatError
        It lists no images, or an image without its place.
    MissingError, StorageError
        The file is gone or cannot be read.
    """
    facts: dict[str, str] = {}
    channels: dict[str, dict[str, str]] = {}
    images: dict[str, list[str]] = {key: [] for key in ("URL", "BufferNo", *_IMAGE)}
    described: set[str] = set()
    for tag, element in _elements(path):
        texts = {_local(child.tag): (child.text or "").strip() for child in element}
        if tag == "Image":
            if "URL" in texts:  # an entry of a list of wells has none
                _add_image(path, images, element, texts)
                key = texts["ChannelID"]
                if key not in described:
                    described.add(key)
                    channels[key] = texts | channels.get(key, {})
        elif tag == "Entry":
            channels.setdefault(element.get("ChannelID", ""), {}).update(texts)
        elif tag == "Plate":
            facts.update(texts)
        else:
            facts[tag] = (element.text or "").strip()
    if not images["URL"]:
        raise FormatError(
            f"'{path}' lists no images. Was the measurement stopped before its first image?"
        )
    order = sorted(described, key=lambda key: (number(key) or 0, key))
    return Index(facts, {key: channels[key] for key in order}, images)


def _add_image(
    path: Path, images: dict[str, list[str]], element: Any, texts: dict[str, str]
) -> None:
    for key, needed in _IMAGE.items():
        if needed and key not in texts:
            raise FormatError(
                f"'{path}': image '{texts['URL']}' has no {key}. Export the measurement again."
            )
        images[key].append(texts.get(key, ""))
    images["URL"].append(texts["URL"])
    url = next(child for child in element if _local(child.tag) == "URL")
    images["BufferNo"].append(url.get("BufferNo", "0"))


def _refuse_doctype(path: Path, element: Any) -> None:
    """Entity bombs and references to other files need a document type declaration."""
    if element.getroottree().docinfo.internalDTD is not None:
        raise FormatError(
            f"'{path}' has a document type declaration (DOCTYPE), which no microscope writes; it "
            "is not accepted."
        )


def _elements(path: Path) -> Iterator[tuple[str, Any]]:
    """Name and element of each fact; an element is emptied after its turn."""
    from lxml import etree

    tags = [f"{{*}}{tag}" for tag in _FACTS]
    try:
        with open(path, "rb") as file:
            events = etree.iterparse(
                file,
                tag=tags,
                resolve_entities=False,
                no_network=True,
                remove_comments=True,
                remove_pis=True,
            )
            for _, element in events:
                _refuse_doctype(path, element)
                yield _local(element.tag), element
                element.clear()
                while element.getprevious() is not None:
                    del element.getparent()[0]
            _refuse_doctype(path, events.root)
    except FileNotFoundError as error:
        raise MissingError(f"'{path}' is not there any more.") from error
    except OSError as error:
        raise StorageError(f"'{path}' cannot be read: {error.strerror}.") from error
    except (etree.XMLSyntaxError, LookupError, ValueError) as error:
        if isinstance(error, FormatError):
            raise
        raise BrokenIndexError(
            f"'{path}' is damaged: {error}. Copy it again from the microscope."
        ) from error


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]
