"""The pipelines of an experiment, or of a user: files in a folder, each with its history."""

from __future__ import annotations

import re
from pathlib import Path

from napari_tmaps.errors import InputError, unknown
from napari_tmaps.model.pipeline import PipelineDescription
from napari_tmaps.pipeline.files import load_pipeline, save_pipeline
from napari_tmaps.pipeline.history import History
from napari_tmaps.streams.atomic import disk_errors

_JOURNALS = "history"


class Shelf:
    """Pipelines in a folder: `<name>.yaml`, and what was done to it in `history/<name>.jsonl`.

    Parameters
    ----------
    folder
        Made when the first pipeline is put into it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def names(self) -> tuple[str, ...]:
        """Names of the pipelines, sorted; those too that were edited but not yet saved."""
        files = {path.stem for path in self.folder.glob("*.yaml")}
        journals = {path.stem for path in (self.folder / _JOURNALS).glob("*.jsonl")}
        return tuple(sorted(files | journals, key=str.casefold))

    def path(self, name: str) -> Path:
        """The file of a pipeline.

        Raises
        ------
        InputError
            A file cannot have that name.
        """
        if not re.fullmatch(r"[\w][\w .+-]{0,79}", name):
            raise InputError(
                f"'{name}' cannot be the name of a pipeline. Begin with a letter or a number, and "
                "use letters, numbers, spaces, '.', '_', '+' and '-' only, at most 80."
            )
        return self.folder / f"{name}.yaml"

    def open(self, name: str) -> History:
        """A pipeline with all its states.

        Where the file is newer than the last edit, somebody has changed it by other means; that
        counts as an edit.

        Raises
        ------
        NotFoundError
            There is no such pipeline.
        PipelineError, StorageError
            The file cannot be read.
        """
        if name not in self.names():
            raise unknown("pipeline", name, list(self.names()))
        path = self.path(name)
        if not path.exists():
            return History(PipelineDescription(name=name), self._journal(name))
        pipeline = load_pipeline(path)
        history = History(pipeline, self._journal(name))
        last = history.states[-1].seconds
        if history.pipeline != pipeline and path.stat().st_mtime > last:
            history.edit(pipeline, "Change of the file")
        return history

    def start(self, pipeline: PipelineDescription, name: str = "") -> tuple[str, History]:
        """Begin a new pipeline; nothing is written before its first edit.

        Parameters
        ----------
        name
            Empty takes that of the pipeline, with a number if it is taken.

        Returns
        -------
        tuple
            The name, and the history.

        Raises
        ------
        InputError
            There is a pipeline of that name, or a file cannot have it.
        """
        taken = {known.casefold() for known in self.names()}
        if name and name.casefold() in taken:
            raise InputError(f"There is a pipeline '{name}' already. Choose another name.")
        name = name or _free(pipeline.name, taken)
        self.path(name)
        named = pipeline.model_copy(update={"name": name})
        return name, History(named, self._journal(name))

    def save(self, name: str, pipeline: PipelineDescription) -> None:
        """Write the file of a pipeline, whole or not at all.

        Raises
        ------
        StorageError, PipelineError
            See `save_pipeline`.
        """
        path = self.path(name)
        with disk_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
        save_pipeline(pipeline, path)

    def _journal(self, name: str) -> Path:
        return self.folder / _JOURNALS / f"{name}.jsonl"


def _free(name: str, taken: set[str]) -> str:
    number, found = 1, name
    while found.casefold() in taken:
        number += 1
        found = f"{name}_{number}"
    return found
