"""File ▸ Open Sample: the sample plate, made on first use."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING

from napari_tmaps.model.progress import Progress

if TYPE_CHECKING:
    from napari_tmaps.gui.layers import LayerTuple


def sample_folder() -> Path:
    """Where the sample plate is kept: a folder of the user's cache."""
    from qtpy.QtCore import QStandardPaths

    cache = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.GenericCacheLocation)
    return Path(cache) / "napari-tmaps" / "sample"


def make_sample(folder: Path) -> Generator[Progress, None, Path]:
    """Generate the sample plate and make an experiment of it; what is there is kept.

    Returns
    -------
    Path
        The experiment (value of the generator).

    Raises
    ------
    TmapsError
        It cannot be made, e.g. because the disk is full.
    """
    from napari_tmaps.sample import generate_sample
    from napari_tmaps.store.experiment import Experiment, is_experiment
    from napari_tmaps.vendors import scan
    from napari_tmaps.workflow import convert

    path = folder / "sample.tmaps"
    yield from generate_sample(folder / "sample")
    with Experiment.open(path) if is_experiment(path) else Experiment.create(path) as experiment:
        if not experiment.plate_names():
            experiment.add(scan(folder / "sample" / "acquisition"))
        yield from convert(experiment)
    return path


def sample_plate() -> list[LayerTuple]:
    """Layers of the sample plate; shows progress in napari while it is made."""
    from napari.utils import progress

    from napari_tmaps.gui.readers import read_experiment

    events = make_sample(sample_folder())
    with progress(desc="Sample plate") as bar:
        while True:
            try:
                event = next(events)
            except StopIteration as stop:
                return read_experiment(stop.value)
            bar.set_description(f"Sample plate: {event.stage}")
            if event.total:
                bar.total = event.total
                bar.n = event.done
                bar.refresh()
