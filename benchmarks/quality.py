"""How well the ready pipelines find the objects that others outlined. `make quality` prints it.

The images belong to others and are no part of the project: give the folder that holds them.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tifffile

from napari_tmaps.measure.agreement import object_f1
from napari_tmaps.modules import expand_or_shrink, label
from napari_tmaps.pipeline import check, ready_pipelines, run_site
from peers.cellprofiler_style import segment_primary

Image = npt.NDArray[Any]
Pairs = Iterator[tuple[Image, Image]]
LEVELS = tuple(level / 100 for level in range(50, 100, 5))


@dataclass(frozen=True)
class Annotated:
    """Images with outlines.

    Attributes
    ----------
    by
        Who drew the outlines.
    pairs
        From the folder of all data to images and their labels; none where they are not there.
    pipeline, objects
        Ready pipeline that is taken as it is, and the objects of it that are compared.
    peers
        What the peer does, in variants; the one that is best on the whole set counts.
    pixel_size
        Along z, y, x, in any unit, where the planes of a stack are farther apart than pixels.
    """

    by: str
    pairs: Callable[[Path], Pairs]
    pipeline: str = "nuclei_any_size"
    objects: str = "Nuclei"
    peers: tuple[Callable[[Image], Image], ...] = (
        lambda image: segment_primary(image, "intensity"),
        lambda image: segment_primary(image, "shape"),
    )
    pixel_size: tuple[float | None, float | None, float | None] = (None, None, None)


@dataclass(frozen=True)
class Score:
    """Counts of a whole set: true objects, found ones, and matches at each of `LEVELS`."""

    true: int
    found: int
    matches: npt.NDArray[np.float64]

    def f1(self, level: float) -> float:
        """Harmonic mean of precision and recall at an intersection over union."""
        return float(2 * self.matches[LEVELS.index(level)] / max(1, self.true + self.found))

    @property
    def average_precision(self) -> float:
        """Mean over all levels of matches / (matches + false + missed objects)."""
        either = self.true + self.found - self.matches
        return float(np.mean(self.matches / np.maximum(either, 1)))


def score(pairs: Iterator[tuple[Image, Image]]) -> Score:
    """Add up the true and found labels of several images."""
    true, found, matches = 0, 0, np.zeros(len(LEVELS))
    for truth, labels in pairs:
        objects = np.unique(truth[truth > 0]).size
        true, found = true + objects, found + np.unique(labels[labels > 0]).size
        matches += [round(object_f1(truth, labels, level).recall * objects) for level in LEVELS]
    return Score(true, found, matches)


def segment(annotated: Annotated, image: Image) -> Image:
    """What the ready pipeline finds."""
    description = ready_pipelines()[annotated.pipeline]
    (channel,) = description.input.channels
    checked = check(description).sized(annotated.pixel_size)
    result = run_site(checked, {channel.name: image})
    return result.objects[annotated.objects]


def compare(annotated: Annotated, pairs: list[tuple[Image, Image]]) -> tuple[Score, Score]:
    """Our score, and that of the best variant of the peer (by its average precision)."""
    ours = score((truth, segment(annotated, image)) for image, truth in pairs)
    theirs = [score((truth, peer(image)) for image, truth in pairs) for peer in annotated.peers]
    return ours, max(theirs, key=lambda each: each.average_precision)


def _bowl(data: Path) -> Pairs:
    for image in sorted((data / "dsb2018_bbbc038" / "share").glob("*_img.tif")):
        truth = image.with_name(image.name.replace("_img", "_label"))
        yield tifffile.imread(image), tifffile.imread(truth)


def _stardist(data: Path) -> Pairs:
    folder = data / "stardist_samples/stardist/data/images"
    if folder.is_dir():
        yield tifffile.imread(folder / "img2d.tif"), tifffile.imread(folder / "mask2d.tif")


def _stardist_stack(data: Path) -> Pairs:
    folder = data / "stardist_samples/stardist/data/images"
    if folder.is_dir():
        yield tifffile.imread(folder / "img3d.tif"), tifffile.imread(folder / "mask3d.tif")


def _cardio(data: Path) -> Pairs:
    from skimage.io import imread

    folder = data / "ngio_cardio"
    if folder.is_dir():
        yield imread(folder / "raw.jpg"), imread(folder / "nuclei.png")


def _tissue(data: Path) -> Pairs:
    for mask in sorted((data / "imc_cytomapper").glob("*_mask.tiff")):
        histone = tifffile.imread(mask.with_name(mask.name.replace("_mask", "_imc")))[0]
        # Counts of ions with decimals; our images are whole numbers.
        yield np.clip(100 * histone, 0, 65535).astype(np.uint16), tifffile.imread(mask)


def _human(data: Path) -> Pairs:
    name = "AS_09125_050116030001_D03f00d0"
    image = data / f"cp_examples/ExampleHuman/images/{name}.tif"
    if image.is_file():
        truth = data / f"cp_reference/ExampleHuman/{name}_LBL_Nuclei.tiff"
        yield tifffile.imread(image), tifffile.imread(truth)


def _speckles(data: Path) -> Pairs:
    image = data / "cp_examples/ExampleSpeckles/images/1-162hrhoe2.tif"
    if image.is_file():
        truth = data / "cp_reference/ExampleSpeckles/1-162hrhoe2_LBL_Nuclei.tiff"
        yield tifffile.imread(image), tifffile.imread(truth)


def _schwann(data: Path) -> Pairs:
    folder = data / "cytodataframe/NF1_cellpainting_data_shrunken"
    for mask in sorted((folder / "Plate_2_masks").glob("*_MaskNuclei.tiff")):
        image = folder / "Plate_2_images" / mask.name.replace("_MaskNuclei.tiff", ".tif")
        yield tifffile.imread(image), label(tifffile.imread(mask) > 0)


SETS = {
    "BBBC038": Annotated("experts", _bowl),
    "StarDist img2d": Annotated("experts", _stardist),
    "StarDist img3d": Annotated(
        "experts", _stardist_stack, "nuclei_3D", pixel_size=(2.0, 1.0, 1.0)
    ),
    "ngio cardio": Annotated("their authors", _cardio),
    "cytomapper IMC": Annotated(
        "a classifier",
        _tissue,
        "cells_in_tissue",
        "Cells",
        (
            lambda image: expand_or_shrink(segment_primary(image, "intensity", 5), n=2),
            lambda image: expand_or_shrink(segment_primary(image, "shape", 5), n=2),
        ),
    ),
    "ExampleHuman": Annotated("CellProfiler", _human),
    "ExampleSpeckles": Annotated("CellProfiler", _speckles),
    "NF1 Schwann cells": Annotated("CellProfiler", _schwann),
}


def main() -> int:
    """Print a row for each set that is there; 1 if there is none."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="folder that holds the sets")
    data = parser.parse_args().data
    print(f"{'set':18} outlines by         objects   F1 at 0.5   F1 at 0.7   average precision")
    seen = False
    for name, annotated in SETS.items():
        pairs = list(annotated.pairs(data))
        if not pairs:
            continue
        seen = True
        ours, peer = compare(annotated, pairs)
        for who, each, objects in (("ours", ours, str(ours.true)), ("peer", peer, "")):
            begin = f"{name:18} {annotated.by[:15]:15}" if who == "ours" else " " * 34
            numbers = (each.f1(0.5), each.f1(0.7), each.average_precision)
            print(f"{begin} {who} {objects:>6}   " + "   ".join(f"{n:9.3f}" for n in numbers))
    if not seen:
        print(f"None of the sets lies in {data}.", file=sys.stderr)
    return int(not seen)


if __name__ == "__main__":
    sys.exit(main())
