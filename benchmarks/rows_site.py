"""One site of two channels, 2160 × 2160 pixels, about 500 nuclei and their cells."""

from __future__ import annotations

import importlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_tmaps.measure import runs
from napari_tmaps.measure.agreement import object_f1
from napari_tmaps.model.pipeline import ModuleCall, PipelineDescription
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

# All families of texture, with one distance for Haralick's statistics.
_TEXTURES = {"measure_TAS": True, "measure_LBP": True, "measure_haralick": True, "scales": (1,)}

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
        cytoplasm.flags.writeable = False
        return {"Nuclei": self.nuclei, "Cells": self.cells, "Cytoplasm": cytoplasm}


@cache
def _site() -> Site:
    rng = np.random.default_rng(2160)
    culture = grow(rng, (_SIZE, _SIZE), _NUCLEI, nucleus_px=_NUCLEUS_PX)
    images = {}
    for stain, light in (("DAPI", culture.dna), ("Actin", culture.actin)):
        lamp = microscope.illumination((_SIZE, _SIZE), BRIGHTEST[stain])
        images[stain] = microscope.expose(rng, microscope.blur(light, BACKGROUND[stain]) * lamp)
    nuclei, cells = culture.nuclei.astype(np.int32), culture.cells.astype(np.int32)
    for labels in (nuclei, cells):  # as in a pipeline, where nobody can change them
        labels.flags.writeable = False
    return Site(images, nuclei, cells)


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
    """Segmentation and all features, against the fastest mix of libraries; F1 of the nuclei."""
    return _whole("library_mix", 2)


def whole_naive(folder: Path, full: bool) -> Contest:
    """The same against what most people write; F1 of the nuclei."""
    return _whole("skimage_idiom", 4)


def features(folder: Path, full: bool) -> Contest:
    """All features of the true nuclei and cells in both channels, against the mix of libraries."""
    return _all_features("library_mix", 2)


def features_naive(folder: Path, full: bool) -> Contest:
    """The same against what most people write."""
    return _all_features("skimage_idiom", 4)


def two_threads(folder: Path, full: bool) -> Contest:
    """Two sites of all features at once in two threads, against one after the other."""
    site, pipeline = _site(), _everything()

    def run_one(_: int) -> Labels:
        return run_site(pipeline, site.images).objects["Cells"]

    def together() -> Labels:
        with ThreadPoolExecutor(2) as threads:
            return list(threads.map(run_one, range(2)))[1]

    return Contest(
        "ours, one site after the other",
        ours=together,
        peer=lambda: [run_one(n) for n in range(2)][1],
        accuracy=lambda ours, peer: float(np.array_equal(ours, peer)),
        accuracy_is="same cells",
    )


def features_basic(folder: Path, full: bool) -> Contest:
    """Intensity and shape of nuclei, cells and cytoplasm, against regionprops_table."""
    return _features("skimage_idiom")


def _last_before_measuring(pipeline: CheckedPipeline) -> str:
    return [step.name for step in pipeline.steps if not step.name.startswith("measure_")][-1]


def _peer(name: str) -> Any:
    return importlib.import_module(f"peers.{name}")


def _everything() -> CheckedPipeline:
    """Nuclei and cells with all features of both channels."""
    basic = _pipeline("nuclei_and_cells").description
    last = _last_before_measuring(_pipeline("nuclei_and_cells"))
    names = [call.name for call in basic.pipeline]
    calls = list(basic.pipeline[: names.index(last) + 1])
    calls = [call for call in calls if "cytoplasm" not in call.name and "subtract" not in call.name]
    for kind in ("Nuclei", "Cells"):
        wires = {"extract_objects": kind, "assign_objects": kind}
        shape = ("measure_morphology", f"shape_{kind}", wires, {"measure_zernike": True})
        todo = [shape]
        for channel in ("DAPI", "Actin"):
            stain = {**wires, "intensity_image": channel}
            todo.append(("measure_intensity", f"intensity_{kind}_{channel}", stain, {}))
            todo.append(("measure_texture", f"texture_{kind}_{channel}", stain, _TEXTURES))
        calls += [
            ModuleCall(module=module, name=name, inputs=inputs, settings=settings)
            for module, name, inputs, settings in todo
        ]
    output = basic.output.model_copy(
        update={"objects": tuple(o for o in basic.output.objects if o.name != "Cytoplasm")}
    )
    return check(
        basic.model_copy(update={"pipeline": tuple(calls), "output": output}), ["DAPI", "Actin"]
    )


def _corner(of: npt.NDArray[Any], parts: int) -> npt.NDArray[Any]:
    """The upper left piece of a site, where all of it would take too long."""
    return np.ascontiguousarray(of[: _SIZE // parts, : _SIZE // parts])


def _whole(peer_name: str, parts: int) -> Contest:
    peer, site, pipeline = _peer(peer_name), _site(), _everything()
    images = {name: _corner(image, parts) for name, image in site.images.items()}

    def theirs() -> Labels:
        objects = peer.segment(images)
        peer.measure_all({name: objects[name] for name in ("Nuclei", "Cells")}, images)
        labels: Labels = objects["Nuclei"]
        return labels

    contest = _f1(
        peer.NAME,
        ours=lambda: run_site(pipeline, site.images).objects["Nuclei"],
        peer=theirs,
        truth=site.nuclei,
    )
    truth = _corner(site.nuclei, parts)
    return replace(
        contest,
        peer_share=1 / parts**2,
        peer_accuracy=lambda found: object_f1(truth, found).f1,
    )


def _all_features(peer_name: str, parts: int) -> Contest:
    peer, site = _peer(peer_name), _site()
    images = {name: _corner(image, parts) for name, image in site.images.items()}
    objects = {"Nuclei": site.nuclei, "Cells": site.cells}
    corner = {name: _corner(labels, parts) for name, labels in objects.items()}
    pixels = sum(np.count_nonzero(labels) for labels in objects.values())

    def ours() -> Features:
        found = {}
        runs._known.clear()  # what is known of labels must be found anew each time
        for name, labels in objects.items():
            tables = [MODULES["measure_morphology"](labels, labels, measure_zernike=True)]
            for channel, image in site.images.items():
                intensity = MODULES["measure_intensity"](labels, labels, image)
                texture = MODULES["measure_texture"](labels, labels, image, **_TEXTURES)
                tables += [intensity.add_suffix(f"_{channel}"), texture.add_suffix(f"_{channel}")]
            found[name] = pd.concat(tables, axis=1)
        return found

    def difference(ours: Features, peer: Features) -> float:
        """Of the objects that lie wholly in the corner, relative to the largest of each feature.

        Threshold adjacency depends on the threshold of the whole image. Of Zernike moments
        cp_measure loses pixels that lie on the circle; see `features/zernike`.
        """
        largest = 0.0
        for name, theirs in peer.items():
            area, part = (np.bincount(each[name].ravel()) for each in (objects, corner))
            inside = [label for label in theirs.index if area[label] == part[label]]
            columns = [
                name for name in theirs.columns if "_TAS-" not in name and "_Zernike-" not in name
            ]
            a = ours[name].loc[inside, columns].to_numpy(float)
            b = theirs.loc[inside, columns].to_numpy(float)
            size = np.nanmax(np.abs(b), axis=0, initial=1e-300)
            largest = max(largest, float(np.nanquantile(np.abs(a - b) / size, 0.999)))
        return largest

    return Contest(
        peer.NAME,
        ours,
        peer=lambda: peer.measure_all(corner, images),
        accuracy=difference,
        accuracy_is="999 of 1000 values differ by less, relative to the largest",
        clock="cpu",
        peer_share=sum(np.count_nonzero(labels) for labels in corner.values()) / pixels,
    )


def _f1(name: str, ours: Any, peer: Any, truth: Labels) -> Contest:
    return Contest(
        name,
        ours,
        peer,
        accuracy=lambda ours, peer: object_f1(truth, ours).f1,
        accuracy_is="F1",
        peer_accuracy=lambda peer: object_f1(truth, peer).f1,
        clock="cpu",
    )


def _features(peer_name: str) -> Contest:
    peer, site = _peer(peer_name), _site()
    intensity = MODULES["measure_intensity"]
    morphology = MODULES["measure_morphology"]

    objects = site.objects

    def ours() -> Features:
        runs._known.clear()  # what is known of labels must be found anew each time
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
            for name, labels in objects.items()
        }

    return Contest(
        peer.NAME,
        ours,
        peer=lambda: peer.measure(objects, site.images),
        accuracy=_largest_relative_difference,
        accuracy_is="largest relative difference",
        clock="cpu",
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
