"""Crops of single objects, against zarr and regionprops."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import zarr
from skimage.measure import regionprops

from large_plate import CHANNELS, PIXEL_UM, make_plate
from napari_tmaps.store.crops import CropReader
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.store.features import INDEX
from timing import Contest

_CROPS, _SIDE = 200, 96
_SIZE, _EVERY, _WIDE = 1080, 54, 37  # of a site, and of the objects in it


def crops(folder: Path, full: bool) -> Contest:
    """200 objects from anywhere on a plate, four channels of 96 × 96 pixels and the labels.

    The peer reads the labels of a site, finds all its objects and cuts each out of the arrays.
    """
    rows, columns = (8, 12) if full else (2, 3)
    experiment = Experiment.open(make_plate(folder, rows, columns, size=_SIZE))
    plate = experiment.plate("p")
    labels = _labels()
    sites = [(row.well, int(row.site)) for row in experiment.catalogue.sites().itertuples()]
    for well, site in sites:
        plate.write_labels(
            well,
            site,
            "Nuclei",
            labels[np.newaxis, np.newaxis],
            pixel_size_um=(None, PIXEL_UM, PIXEL_UM),
            translation_um=(0.0, 0.0, 0.0),
        )
    random = np.random.default_rng(0)
    keys = [
        ("p", *sites[random.integers(len(sites))], 0, int(random.integers(1, labels.max() + 1)))
        for _ in range(_CROPS)
    ]
    objects = pd.DataFrame(keys, columns=INDEX)

    def ours() -> npt.NDArray[np.uint16]:
        found = np.zeros((_CROPS, len(CHANNELS), _SIDE, _SIDE), np.uint16)
        for crop in CropReader(experiment).crops("Nuclei", objects, size_px=_SIDE):
            found[crop.number] = crop.pixels
        return found

    def peer() -> npt.NDArray[np.uint16]:
        found = np.zeros((_CROPS, len(CHANNELS), _SIDE, _SIDE), np.uint16)
        for (well, site), group in objects.groupby(["well", "site"], sort=False):
            image = zarr.open_group(plate.image_path(well, site), mode="r")
            there = image["labels/Nuclei/0"][0, 0, 0]
            boxes = {prop.label: prop.bbox for prop in regionprops(there)}
            for number, label in zip(group.index, group["label"], strict=True):
                top, left, bottom, right = boxes[label]
                y, x = (top + bottom) // 2 - _SIDE // 2, (left + right) // 2 - _SIDE // 2
                y0, x0 = max(y, 0), max(x, 0)
                part = image["0"][0, :, 0, y0 : y + _SIDE, x0 : x + _SIDE]
                found[number][:, y0 - y :, x0 - x :][:, : part.shape[1], : part.shape[2]] = part
        return found

    return Contest(
        "zarr, regionprops of each site",
        ours,
        peer,
        accuracy=lambda a, b: float(np.mean((a == b).all(axis=(1, 2, 3)))),
        accuracy_is="share of crops with the same pixels",
    )


def _labels() -> npt.NDArray[np.int32]:
    """Discs on a grid, so that the boxes of neighbours touch some crops."""
    y, x = np.mgrid[:_SIZE, :_SIZE]
    across = _SIZE // _EVERY
    numbers = (y // _EVERY) * across + x // _EVERY + 1
    middle = _EVERY // 2
    inside = np.hypot(y % _EVERY - middle, x % _EVERY - middle) < _WIDE / 2
    return np.where(inside, numbers, 0).astype(np.int32)
