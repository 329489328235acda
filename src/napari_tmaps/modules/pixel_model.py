"""A trained classifier of pixels: its value, and its file.

The file is a zip of plain arrays (.npz, read without pickle, so that a file of unknown origin runs
no code): the trees, and a text of JSON that says what the classifier was trained with.
"""

from __future__ import annotations

import hashlib
import os
import zipfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from napari_tmaps.errors import FormatError, InputError, NotFoundError
from napari_tmaps.measure.forest import Forest

FOLDER = "NAPARI_TMAPS_MODELS"
"""Environment variable that names another folder of models."""
SUFFIX = ".npz"


class AboutModel(BaseModel):
    """What a classifier was trained with.

    Attributes
    ----------
    channels
        Names of the images, in the order in which the module takes them.
    dtype
        Type of their pixels.
    classes
        Names of the classes; the first is that of strokes with the number 1.
    sigmas
        Scales of the features, in pixels.
    features
        Names of the features of one channel, in order; part of the definition of the classifier.
    strokes
        Number of painted pixels of each class.
    accuracy
        Share of the painted pixels that trees classify rightly which have not seen them.
    training
        One entry for each training image: hashes of its pixels and of its strokes.
    versions
        Of the programs that trained it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal["napari-tmaps pixel classifier 1"] = "napari-tmaps pixel classifier 1"
    channels: Annotated[tuple[str, ...], Field(min_length=1, max_length=3)]
    dtype: Literal["uint8", "uint16", "float32"]
    classes: Annotated[tuple[str, ...], Field(min_length=2)]
    sigmas: Annotated[tuple[Annotated[float, Field(gt=0, le=32)], ...], Field(min_length=1)]
    features: tuple[str, ...]
    trees: int
    max_depth: int
    seed: int
    strokes: tuple[int, ...]
    accuracy: float
    training: tuple[dict[str, str], ...]
    versions: dict[str, str]


@dataclass(frozen=True, slots=True)
class PixelModel:
    """A trained classifier of pixels."""

    about: AboutModel
    forest: Forest


def save_model(model: PixelModel, path: Path) -> None:
    """Write a classifier.

    Raises
    ------
    InputError
        The name of the file does not end in .npz.
    """
    if path.suffix.lower() != SUFFIX:
        raise InputError(f"The classifier '{path.name}' should end in {SUFFIX}.")
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{os.getpid()}{SUFFIX}")
    try:
        np.savez_compressed(
            temporary, about=np.array(model.about.model_dump_json()), **model.forest._asdict()
        )
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def load_model(path: Path) -> PixelModel:
    """Read a classifier; nothing that the file holds is run.

    Raises
    ------
    NotFoundError
        There is no such file.
    FormatError
        It is no classifier, or is damaged.
    """
    if not path.is_file():
        raise NotFoundError(f"There is no classifier '{path}'.")
    status = path.stat()
    return _load(path, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=4)
def _load(path: Path, mtime_ns: int, size: int) -> PixelModel:
    try:
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            about = AboutModel.model_validate_json(str(file["about"]))
            forest = Forest(*(file[name] for name in Forest._fields))
    except ValidationError as error:
        detail = error.errors()[0]
        where = ".".join(str(part) for part in detail["loc"])
        raise FormatError(
            f"'{path}' is no classifier of pixels: {where}: {detail['msg']}."
        ) from error
    except (ValueError, KeyError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise FormatError(f"'{path}' is no classifier of pixels: {error}.") from error
    features = len(about.channels) * len(about.sigmas) * len(about.features)
    fault = forest_fault(forest, len(about.classes), features)
    if fault:
        raise FormatError(f"The classifier '{path}' is damaged: {fault}. Train it anew.")
    return PixelModel(about, forest)


def forest_fault(forest: Forest, classes: int, features: int) -> str:
    """What keeps the trees from being walked; the walk itself checks nothing."""
    first, left = forest.first.astype(np.int64), forest.left.astype(np.int64)
    kinds = [array.dtype.name for array in forest]
    if kinds != ["uint32", "uint32", "uint32", "float32", "float64"]:
        return f"its arrays are of the types {kinds}"
    nodes = left.shape
    shapes = (forest.feature.shape, forest.threshold.shape, forest.values.shape)
    if first.ndim != 1 or shapes != (nodes, nodes, (*nodes, classes)):
        return f"its arrays have the shapes {[array.shape for array in forest]}"
    if first.size < 2 or first[0] != 0 or first[-1] != left.size or np.any(np.diff(first) < 1):
        return "its trees do not follow each other"
    index = np.arange(left.size)
    end = np.repeat(first[1:], np.diff(first))
    leaf = (left == index) & np.isposinf(forest.threshold)
    # Children come after their parent, within the tree: then every walk ends.
    if not np.all(leaf | ((left > index) & (left + 1 < end))):
        return "its trees have loops"
    if np.any(forest.feature >= features):
        return "its trees use features that there are not"
    return "" if np.isfinite(forest.values).all() else "its leaves hold no numbers"


def model_folder() -> Path:
    """Where classifiers lie that are called by their name."""
    if FOLDER in os.environ:
        return Path(os.environ[FOLDER])
    from platformdirs import user_data_path

    return user_data_path("napari-tmaps", appauthor=False) / "models"


def find_model(text: str) -> Path:
    """The file of a classifier, from its path or its name in the folder of models.

    Raises
    ------
    NotFoundError
        There is none, or none was named.
    """
    folder = model_folder()
    if text:
        for path in (Path(text).expanduser(), folder / f"{text}{SUFFIX}"):
            if path.is_file():
                return path
    known = ", ".join(f"'{path.stem}'" for path in sorted(folder.glob(f"*{SUFFIX}"))) or "none"
    what = f"There is no classifier '{text}'" if text else "No classifier is named"
    raise NotFoundError(
        f"{what}. Give the path of its file, or the name of one in '{folder}', which has: {known}. "
        "Train one with: tmaps train-pixels."
    )


def digest(path: Path) -> str:
    """Hash of a file."""
    return hashlib.blake2b(path.read_bytes(), digest_size=16).hexdigest()


def array_digest(array: np.ndarray[Any, Any]) -> str:
    """Hash of the type, shape and values of an array."""
    found = hashlib.blake2b(f"{array.dtype.str}{array.shape}".encode(), digest_size=16)
    found.update(np.ascontiguousarray(array).data)
    return found.hexdigest()
