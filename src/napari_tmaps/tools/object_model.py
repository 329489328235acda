"""A trained classifier of objects: its value, and its file.

The file is a zip of plain arrays (.npz, read without pickle, so that a file of unknown origin runs
no code), with a text of JSON that says what the classifier was trained with.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from napari_tmaps.errors import FormatError, InputError, NotFoundError
from napari_tmaps.streams.atomic import disk_errors, replacing
from napari_tmaps.tools.classifiers import Arrays, Method, Probabilities, fault, predict
from napari_tmaps.tools.preparing import Floats32, Preparation

SUFFIX = ".npz"
_OURS = ("fill", "center", "scale")


class AboutObjects(BaseModel):
    """What a classifier was trained with.

    Attributes
    ----------
    features
        Names of the features, in order.
    classes, colors
        Names of the classes, and their colours.
    training
        Number of objects of each class.
    plates
        Whence they came.
    settings
        Of the tool that trained it.
    accuracy
        Share of the training objects that were classified rightly when they were left out.
    versions
        Of the programs that trained it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal["napari-tmaps object classifier 1"] = "napari-tmaps object classifier 1"
    method: Method
    object_type: str
    features: Annotated[tuple[str, ...], Field(min_length=1)]
    classes: Annotated[tuple[str, ...], Field(min_length=2)]
    colors: tuple[str, ...]
    training: tuple[int, ...]
    plates: tuple[str, ...]
    settings: dict[str, Any]
    accuracy: float
    versions: dict[str, str]
    created: str


@dataclass(frozen=True, slots=True)
class ObjectModel:
    """A trained classifier of objects."""

    about: AboutObjects
    preparation: Preparation
    arrays: Arrays

    def predict(self, block: Floats32) -> tuple[Probabilities, npt.NDArray[np.bool_]]:
        """Probabilities (objects, classes) from features (features, objects).

        Also which objects could be classified: those that lack a needed feature cannot.
        """
        ready, whole = self.preparation.apply(block)
        return predict(self.about.method, self.arrays, ready), whole


def save_model(model: ObjectModel, path: Path) -> None:
    """Write a classifier.

    Raises
    ------
    InputError
        The name of the file does not end in .npz.
    """
    if path.suffix.lower() != SUFFIX:
        raise InputError(f"The classifier '{path.name}' should end in {SUFFIX}.")
    ready = {name: getattr(model.preparation, name) for name in _OURS}
    about = np.array(model.about.model_dump_json())
    with replacing(path) as temporary, disk_errors(path), temporary.open("wb") as file:
        np.savez_compressed(
            file,
            allow_pickle=False,
            about=about,
            **{f"ready_{name}": array for name, array in ready.items()},
            **model.arrays,
        )


def load_model(path: Path) -> ObjectModel:
    """Read a classifier; nothing that the file holds is run.

    Raises
    ------
    NotFoundError
        There is no such file.
    FormatError
        It is no classifier of objects, or is damaged.
    """
    if not path.is_file():
        raise NotFoundError(f"There is no classifier '{path}'.")
    try:
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            about = AboutObjects.model_validate_json(str(file["about"]))
            ready = [file[f"ready_{name}"] for name in _OURS]
            arrays = {
                name: file[name]
                for name in file.files
                if name != "about" and not name.startswith("ready_")
            }
    except ValidationError as error:
        detail = error.errors()[0]
        where = ".".join(str(part) for part in detail["loc"])
        raise FormatError(
            f"'{path}' is no classifier of objects: {where}: {detail['msg']}."
        ) from error
    except (ValueError, KeyError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise FormatError(
            f"'{path}' is no classifier of objects, or it is damaged. Choose the file model.npz of "
            "a result of 'classify'."
        ) from error
    found = _fault(about, ready) or fault(
        about.method, arrays, len(about.classes), len(about.features)
    )
    if found:
        raise FormatError(f"The classifier '{path}' is damaged: {found}. Train it anew.")
    return ObjectModel(about, Preparation(about.features, *ready), arrays)


def _fault(about: AboutObjects, ready: list[npt.NDArray[Any]]) -> str:
    for name, array in zip(_OURS, ready, strict=True):
        if array.shape != (len(about.features),) or array.dtype != np.float32:
            return f"its '{name}' is not one number for each feature"
    if not (len(about.classes) == len(about.colors) == len(about.training)):
        return "its classes have not one colour each"
    return ""
