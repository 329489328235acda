"""One site of two channels, 2160 × 2160 pixels, about 500 nuclei and their cells."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_tmaps.measure.agreement import object_f1
from napari_tmaps.model.pipeline import PipelineDescription
from napari_tmaps.modules import MODULES
from napari_tmaps.pipeline import CheckedPipeline, check, ready_pipelines, run_site
from napari_tmaps.sample import microscope
from napari_tmaps.sample.field import BACKGROUND, BRIGHTEST
from napari_tmaps.sample.specimen import grow
from peers import Features
from timing import Contest

_SIZE = 2160
_NUCLEI = 500
_NUCLEUS_PX = 37.0
_READY_PX = 24.0  # size of the nuclei that the ready pipelines are made for
_READY_LENGTHS = ("filter_size",)
_READY_AREAS = ("min_cut_area", "min_area", "lower_threshold")

Labels = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Site:
    """Images by channel, and the true objects."""

    images: dict[str, npt.NDArray[np.uint16]]
    nuclei: Labels
    cells: Labels

    @property
    def objects(self) -> dict[str, Labels]:
        """Labels of the three object types that the ready pipeline makes."""
        cytoplasm = np.where(self.nuclei > 0, np.int32(0), self.cells)
        return {"Nuclei": self.nuclei, "Cells": self.cells, "Cytoplasm": cytoplasm}


@cache
def _site() -> Site:
    rng = np.random.default_rng(2160)
    culture = grow(rng, (_SIZE, _SIZE), _NUCLEI, nucleus_px=_NUCLEUS_PX)
    images = {}
    for stain, light in (("DAPI", culture.dna), ("Actin", culture.actin)):
        lamp = microscope.illumination((_SIZE, _SIZE), BRIGHTEST[stain])
        images[stain] = microscope.expose(rng, microscope.blur(light, BACKGROUND[stain]) * lamp)
    return Site(images, culture.nuclei.astype(np.int32), culture.cells.astype(np.int32))


def _pipeline(name: str) -> CheckedPipeline:
    """A ready pipeline for nuclei of this size, as its description says."""
    ready = ready_pipelines()[name]
    scale = _NUCLEUS_PX / _READY_PX
    calls = []
    for call in ready.pipeline:
        powers = dict.fromkeys(_READY_LENGTHS, scale) | dict.fromkeys(_READY_AREAS, scale**2)
        settings = {
            key: round(value * powers[key]) if key in powers else value
            for key, value in call.settings.items()
        }
        calls.append(call.model_copy(update={"settings": settings}))
    description: PipelineDescription = ready.model_copy(update={"pipeline": tuple(calls)})
    return check(description, ["DAPI", "Actin"])


def nuclei(folder: Path, full: bool) -> Contest:
    """Nuclei alone, clumps cut."""
    peer, site, pipeline = _peer("skimage_idiom"), _site(), _pipeline("nuclei")
    last = _last_before_measuring(pipeline)
    return _f1(
        peer.NAME,
        ours=lambda: run_site(pipeline, site.images, upto=last).objects["Nuclei"],
        peer=lambda: peer.segment_nuclei(site.images["DAPI"]),
        truth=site.nuclei,
    )


def segmentation(folder: Path, full: bool) -> Contest:
    """Nuclei, cells and cytoplasm; F1 of the cells."""
    peer, site, pipeline = _peer("skimage_idiom"), _site(), _pipeline("nuclei_and_cells")
    last = _last_before_measuring(pipeline)
    return _f1(
        peer.NAME,
        ours=lambda: run_site(pipeline, site.images, upto=last).objects["Cells"],
        peer=lambda: peer.segment(site.images)["Cells"],
        truth=site.cells,
    )


def whole(folder: Path, full: bool) -> Contest:
    """Segmentation and features, against the fastest mix of libraries; F1 of the nuclei."""
    return _whole("library_mix")


def whole_naive(folder: Path, full: bool) -> Contest:
    """The same against what most people write; F1 of the nuclei."""
    return _whole("skimage_idiom")


def features(folder: Path, full: bool) -> Contest:
    """Intensity and shape of the true nuclei, cells and cytoplasm, against the mix of libraries."""
    return _features("library_mix")


def features_basic(folder: Path, full: bool) -> Contest:
    """The same against regionprops_table."""
    return _features("skimage_idiom")


def _last_before_measuring(pipeline: CheckedPipeline) -> str:
    return [step.name for step in pipeline.steps if not step.name.startswith("measure_")][-1]


def _peer(name: str) -> Any:
    return importlib.import_module(f"peers.{name}")


def _whole(peer_name: str) -> Contest:
    peer, site, pipeline = _peer(peer_name), _site(), _pipeline("nuclei_and_cells")

    def theirs() -> Labels:
        objects = peer.segment(site.images)
        peer.measure(objects, site.images)
        labels: Labels = objects["Nuclei"]
        return labels

    return _f1(
        peer.NAME,
        ours=lambda: run_site(pipeline, site.images).objects["Nuclei"],
        peer=theirs,
        truth=site.nuclei,
    )


def _f1(name: str, ours: Any, peer: Any, truth: Labels) -> Contest:
    return Contest(
        name,
        ours,
        peer,
        accuracy=lambda ours, peer: object_f1(truth, ours).f1,
        accuracy_is="F1",
        peer_accuracy=lambda peer: object_f1(truth, peer).f1,
    )


def _features(peer_name: str) -> Contest:
    peer, site = _peer(peer_name), _site()
    intensity = MODULES["measure_intensity"]
    morphology = MODULES["measure_morphology"]

    def ours() -> Features:
        return {
            name: pd.concat(
                [
                    *(
                        intensity(labels, labels, image).add_suffix(f"_{channel}")
                        for channel, image in site.images.items()
                    ),
                    morphology(labels, labels),
                ],
                axis=1,
            )
            for name, labels in site.objects.items()
        }

    return Contest(
        peer.NAME,
        ours,
        peer=lambda: peer.measure(site.objects, site.images),
        accuracy=_largest_relative_difference,
        accuracy_is="largest relative difference",
    )


def _largest_relative_difference(ours: Features, peer: Features) -> float:
    """Over all objects and the features that both have; ours may have more, never fewer."""
    largest = 0.0
    for name, theirs in peer.items():
        table = ours[name].loc[theirs.index, theirs.columns]
        if len(table) != len(ours[name]):
            raise ValueError(f"{name}: {len(ours[name])} objects against {len(theirs)}")
        a, b = table.to_numpy(float), theirs.to_numpy(float)
        if (np.isnan(a) != np.isnan(b)).any():
            raise ValueError(f"{name}: not the same values are missing")
        scale = np.maximum(np.abs(a), np.abs(b))
        difference = np.divide(np.abs(a - b), scale, out=np.zeros_like(a), where=scale > 0)
        largest = max(largest, float(np.nanmax(difference)))
    return largest
