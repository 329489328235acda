"""The picture of a plate of 384 wells: opening it, and moving in it, against napari-ome-zarr."""

from __future__ import annotations

import contextlib
import io
import itertools
from pathlib import Path
from typing import Any

import numpy as np

from large_plate import make_plate
from napari_tmaps.gui.layers import mosaic_layers
from napari_tmaps.gui.map_picture import MapPicture
from napari_tmaps.gui.mosaic import MosaicLevel
from napari_tmaps.gui.state import Pixels
from napari_tmaps.gui.zarr_source import experiment_source
from napari_tmaps.store.experiment import Experiment
from timing import Contest
from window import Window

_VIEW = (1080, 1920)
_SITES = 9


def _refuse(problem: str) -> None:
    raise RuntimeError(problem)


def _open(experiment: Experiment) -> list[list[MosaicLevel]]:
    source = experiment_source(experiment, "p")
    picture = MapPicture(experiment, [source], Pixels.MAP, _refuse)
    layers = mosaic_layers(
        source,
        source.places,
        on_problem=_refuse,
        ready=picture.planes(),
        contrast=picture.contrast(),
    )
    return [layer[0] for layer in layers]


def _peer(path: Path) -> list[Any]:
    from napari_ome_zarr import napari_get_reader

    plate = str(path / "plates" / "p.ome.zarr")
    with contextlib.redirect_stdout(io.StringIO()):  # it prints the metadata of the plate
        levels: list[Any] = napari_get_reader(plate)(plate)[0][0]
    return levels


def _make(folder: Path, full: bool) -> Path:
    return make_plate(folder, 16, 24) if full else make_plate(folder, 4, 6)


def opening(folder: Path, full: bool) -> Contest:
    """From the folder of the experiment to the pixels of the first frame, all four channels.

    The peer shows the first of the nine sites of each well.
    """
    path = _make(folder, full)

    def ours() -> list[np.ndarray]:
        with Experiment.open(path) as experiment:
            return [np.asarray(levels[-1][0, 0]) for levels in _open(experiment)]

    def peer() -> list[np.ndarray]:
        coarsest = np.asarray(_peer(path)[-1])
        return list(coarsest[0, :, 0])

    wells = 384 if full else 24

    def sites(frames: list[np.ndarray], coarseness: float) -> float:
        """Area that is not black, in sites a well."""
        return float((frames[0] > 0).sum() * coarseness**2 / (wells * 1080**2))

    with Experiment.open(path) as experiment:
        levels = _open(experiment)[0]
        ours_coarse = levels[0].shape[-1] / levels[-1].shape[-1]
    theirs = _peer(path)
    peer_coarse = theirs[0].shape[-1] / theirs[-1].shape[-1]
    return Contest(
        "napari-ome-zarr on the same plate",
        ours,
        peer,
        accuracy=lambda a, b: sites(a, ours_coarse),
        accuracy_is=f"sites a well that are in the picture, of {_SITES}",
        peer_accuracy=lambda b: sites(b, peer_coarse),
    )


def panning(folder: Path, full: bool) -> Contest:
    """A step of 100 pixels in a window of 1080 × 1920, once at each level that is larger."""
    path = _make(folder, full)
    experiment = Experiment.open(path)
    levels = _open(experiment)[0]
    theirs = [level[0, 0, 0] for level in _peer(path)]
    steps = itertools.count()

    def move(level: Any, step: int) -> np.ndarray:
        height, width = level.shape[-2:]
        y = step * 60 % max(height - _VIEW[0], 1)
        x = step * 100 % max(width - _VIEW[1], 1)
        return np.asarray(level[..., y : y + _VIEW[0], x : x + _VIEW[1]])

    # As many levels for both: the peer's plate is smaller, it has a ninth of the sites.
    count = sum(level.shape[-2] > _VIEW[0] for level in theirs)

    def large(pyramid: list[Any]) -> list[Any]:
        return [level for level in pyramid if level.shape[-2] > _VIEW[0]][:count]

    def ours() -> list[np.ndarray]:
        step = next(steps)
        return [move(level[0, 0], step) for level in large(levels)]

    def peer() -> list[np.ndarray]:
        step = next(steps)
        return [move(level, step) for level in large(theirs)]

    return Contest(
        "napari-ome-zarr on the same plate",
        ours,
        peer,
        accuracy=lambda a, b: float(np.mean([(part > 0).mean() for part in a])),
        accuracy_is="share of the window that is not black",
        peer_accuracy=lambda b: float(np.mean([(part > 0).mean() for part in b])),
    )


def first_picture(folder: Path, full: bool) -> Contest:
    """From the folder of the experiment to the picture of all channels in the window of napari."""
    window = Window("first_picture.py", str(_make(folder, full)))

    def tell(what: str) -> float:
        return window.tell(what)[0]

    def lit(who: str) -> float:
        tell("clear")
        tell(who)
        return tell("lit")

    return Contest(
        "napari, arrays of the same sizes from memory",
        ours=lambda: tell("ours"),
        peer=lambda: tell("peer"),
        before=lambda: tell("clear"),
        accuracy=lambda a, b: lit("ours"),
        accuracy_is="share of the picture that is not black",
        peer_accuracy=lambda b: lit("peer"),
        in_this_process=False,
    )
