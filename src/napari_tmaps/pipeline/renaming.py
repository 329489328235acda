"""Another name for a channel of an experiment, in its pipelines, too."""

from __future__ import annotations

from napari_tmaps.pipeline import edit
from napari_tmaps.pipeline.files import load_pipeline
from napari_tmaps.pipeline.shelf import Shelf
from napari_tmaps.store import channel_names
from napari_tmaps.store.experiment import Experiment


def rename_channel(experiment: Experiment, old: str, new: str) -> None:
    """Give a channel another name; see `store.channel_names`.

    Pipelines of the experiment read it by the new name, so sites are analysed anew when they are
    run again. Features that were measured keep their names until then.

    Raises
    ------
    NotFoundError, InputError, ExistsError
        See `store.channel_names`.
    PipelineError
        In a pipeline, the name is that of something else.
    """
    shelf = Shelf(experiment.path / "pipelines")
    changed = {}
    for path in sorted(shelf.folder.glob("*.yaml")):
        name, pipeline = path.stem, load_pipeline(path)
        if old in [channel.name for channel in pipeline.input.channels]:
            changed[name] = edit.rename_channel(pipeline, old, new)
    channel_names.rename_channel(experiment, old, new)
    for name, pipeline in changed.items():
        shelf.save(name, pipeline)
