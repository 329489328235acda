"""What is saved, where and how: done, judged and proved in the background."""

from __future__ import annotations

import shutil
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari_tmaps.gui.readers import read_ngff, read_vendor
from napari_tmaps.model.progress import Progress
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.store.export import SaveChoice, estimate, proving, saving
from napari_tmaps.streams.layerdata import LayerData
from napari_tmaps.streams.layers import saving_layers
from napari_tmaps.streams.saved import estimated_bytes, proving_layers
from napari_tmaps.streams.saveoptions import SaveOptions


@dataclass(frozen=True, eq=False)
class Job:
    """What is saved, where and how: enough to do it, to judge its size and to prove it.

    Attributes
    ----------
    experiment
        Folder of the experiment; None where layers are saved.
    """

    path: Path
    options: SaveOptions
    layers: tuple[LayerData, ...] = ()
    experiment: Path | None = None
    choice: SaveChoice | None = None

    def save(self) -> Generator[Progress, None, list[Path]]:
        """Save it."""
        if self.experiment is None or self.choice is None:
            return (yield from saving_layers(self.layers, self.path, self.options))
        with Experiment.open(self.experiment) as experiment:
            return (yield from saving(experiment, self.choice, self.path, self.options))

    def prove(self) -> Generator[Progress, None, int]:
        """Compare what was saved with what was meant, pixel by pixel."""
        if self.experiment is None or self.choice is None:
            return (yield from proving_layers(self.layers, self.path, self.options))
        with Experiment.open(self.experiment) as experiment:
            return (yield from proving(experiment, self.choice, self.path, self.options))

    def judge(self) -> Generator[Progress, None, tuple[int, int]]:
        """About how many bytes it takes, and how many are free."""
        yield Progress("trying one plane", 0, 0)
        if self.experiment is None or self.choice is None:
            size = estimated_bytes(self.layers, self.options)
        else:
            with Experiment.open(self.experiment) as experiment:
                size = estimate(experiment, self.choice, self.options)
        there = next(folder for folder in self.path.absolute().parents if folder.is_dir())
        return size, shutil.disk_usage(there).free


def saved_layers(path: Path) -> list[Any]:
    """What is shown of something that was saved: an image or plate, the first of many files."""
    if not path.exists():  # the ending was left out
        endings = (".ome.tiff", ".ome.zarr")
        path = next((p for e in endings if (p := path.with_name(path.name + e)).exists()), path)
    if path.is_dir() and path.suffix == ".zarr":
        return list(read_ngff(path))
    return list(read_vendor(sorted(path.glob("*.ome.tiff"))[0] if path.is_dir() else path))
