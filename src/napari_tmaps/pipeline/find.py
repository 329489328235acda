"""A pipeline by the name that a person knows it by."""

from __future__ import annotations

from pathlib import Path

from napari_tmaps.errors import NotFoundError, unknown
from napari_tmaps.model.pipeline import PipelineDescription
from napari_tmaps.pipeline.files import load_pipeline, ready_pipelines


def find_pipeline(folder: Path, text: str) -> PipelineDescription:
    """A pipeline by file, by name in an experiment's folder, or by name of a ready one.

    Parameters
    ----------
    text
        Empty takes the only pipeline of the experiment.

    Raises
    ------
    NotFoundError
        There is no such pipeline, or not exactly one.
    """
    own = sorted((folder / "pipelines").glob("*.yaml"))
    if not text:
        if len(own) == 1:
            return load_pipeline(own[0])
        names = ", ".join(path.stem for path in own) or "none"
        raise NotFoundError(
            f"Say which pipeline to run (pipeline). The experiment has {names}; ready ones are "
            f"{', '.join(ready_pipelines())}."
        )
    for path in (Path(text), folder / "pipelines" / f"{text}.yaml"):
        if path.is_file():
            return load_pipeline(path)
    ready = ready_pipelines()
    if text in ready:
        return ready[text]
    if text.endswith((".yaml", ".yml")):
        raise NotFoundError(f"There is no pipeline file '{text}'.")
    raise unknown("pipeline", text, [*(path.stem for path in own), *ready])
