"""Pipelines that come from files of all kinds, and go to them. No Qt."""

from __future__ import annotations

from pathlib import Path

from napari_tmaps.model.pipeline import PipelineDescription
from napari_tmaps.pipeline import load_pipeline, save_pipeline, to_script
from napari_tmaps.pipeline.imported import Note

OPENED = "Pipelines (*.yaml *.yml *.cppipe *.json)"
SAVED = {
    "Save as file…": ("Pipelines (*.yaml)", ".yaml"),
    "Export as Python script…": ("Python (*.py)", ".py"),
    "Export as notebook…": ("Notebooks (*.ipynb)", ".ipynb"),
}
"""Entry of the menu → kind of files for the dialog, and their suffix."""


def read_any(path: Path) -> tuple[PipelineDescription, tuple[Note, ...]]:
    """A pipeline of ours, of TissueMAPS (`pipeline.yaml` beside `handles`) or of CellProfiler.

    Returns
    -------
    tuple
        The pipeline, and what became of each part of it; nothing for a pipeline of ours.

    Raises
    ------
    TmapsError
        The file cannot be read, or is no pipeline.
    """
    if path.suffix.lower() in (".cppipe", ".json"):
        from napari_tmaps.pipeline.cellprofiler import load_cellprofiler

        imported = load_cellprofiler(path)
    elif path.name.endswith(".pipe.yaml") or (path.parent / "handles").is_dir():
        from napari_tmaps.pipeline.jterator_project import load_project

        imported = load_project(path)
    else:
        return load_pipeline(path), ()
    return imported.pipeline, imported.notes


def write_any(pipeline: PipelineDescription, path: Path) -> None:
    """Write a pipeline as its suffix says.

    Raises
    ------
    PipelineError
        It cannot run, so that no script could.
    StorageError
        The disk refused.
    """
    from napari_tmaps.pipeline.notebook import to_notebook
    from napari_tmaps.streams.atomic import write_text

    if path.suffix == ".py":
        write_text(path, to_script(pipeline))
    elif path.suffix == ".ipynb":
        write_text(path, to_notebook(pipeline))
    else:
        save_pipeline(pipeline, path)
