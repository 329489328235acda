"""Families of features, each against the fastest library that has it.

Nuclei and cells of one site in both channels; shapes once for each. Ours finds the objects in the
label image too.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_tmaps.measure import gabor as ours_gabor
from napari_tmaps.measure import haralick as ours_haralick
from napari_tmaps.measure import histogram, hull, patterns, radial, runs, shape, weighted, zernike
from napari_tmaps.modules import MODULES
from peers import textures
from rows_site import _site
from timing import Contest

Array = npt.NDArray[Any]
Family = Callable[[Array, Array], Any]

_PARTS = 3


def intensity(folder: Path, full: bool) -> Contest:
    """Sum, mean, deviation and extremes."""
    from peers import library_mix

    return _contest(
        "numpy, pixels sorted by object",
        lambda labels, image: MODULES["measure_intensity"](labels, labels, image),
        lambda labels, image: library_mix.intensities(labels, image),
        per_channel=True,
        compare=lambda a, b: _difference(a[list(b.columns)], b),
        whole=True,
    )


def morphology(folder: Path, full: bool) -> Contest:
    """Size, axes, hull, outline, radii and Feret diameters."""
    from cp_measure.core.numba._feret import get_feret

    from peers import library_mix

    def peer(labels: Array, _: Array) -> pd.DataFrame:
        feret = get_feret(labels)
        return library_mix.morphology(labels).assign(
            Morphology_Maximum_Feret_Diameter=feret["MaxFeretDiameter"],
            Morphology_Minimum_Feret_Diameter=feret["MinFeretDiameter"],
        )

    return _contest(
        "scikit-image, OpenCV, and cp_measure with numba",
        lambda labels, _: MODULES["measure_morphology"](labels, labels),
        peer,
        per_channel=False,
        compare=lambda a, b: _difference(a[list(b.columns)], b),
        whole=True,
    )


def zernike_shape(folder: Path, full: bool) -> Contest:
    """Zernike moments of the shape, to degree 12."""
    from cp_measure.core.measureobjectsizeshape import get_zernike

    def ours(labels: Array, _: Array) -> Array:
        found = runs.find_runs(labels)
        circles = hull.enclosing_circles(hull.find_hulls(found))
        boxes = runs.find_boxes(found)
        return zernike.zernike_of_shape(found, boxes, circles, zernike.polynomials())

    return _contest(
        "cp_measure",
        ours,
        lambda labels, _: np.transpose(list(get_zernike(labels, None, 12).values())),
        per_channel=False,
        # Not the largest: rounding makes cp_measure lose pixels that lie on the circle.
        compare=_median_difference,
        accuracy_is="median relative difference",
    )


def zernike_intensity(folder: Path, full: bool) -> Contest:
    """Zernike moments of the intensities; ours to degree 12, cp_measure to 9."""
    from cp_measure.core.measureobjectintensitydistribution import get_radial_zernikes

    def ours(labels: Array, image: Array) -> Array:
        found = runs.find_runs(labels)
        boxes, circles = runs.find_boxes(found), hull.enclosing_circles(hull.find_hulls(found))
        return zernike.zernike_of_stain(found, boxes, circles, image, zernike.polynomials())

    def peer(labels: Array, image: Array) -> Array:
        found = get_radial_zernikes(labels, image.astype(float))
        return np.transpose([value for name, value in found.items() if "Magnitude" in name])

    return _contest(
        "cp_measure (to degree 9)",
        ours,
        peer,
        per_channel=True,
        compare=lambda a, b: _median_difference(a[:, : b.shape[1]], b),
        accuracy_is="median relative difference",
    )


def haralick(folder: Path, full: bool) -> Contest:
    """Haralick's statistics; time against cp_measure's numba, values against mahotas."""
    from cp_measure.core.numba.measuretexture import get_texture

    def judge(labels: Array, image: Array) -> Array:
        few = np.where(labels <= 40, labels, 0)
        return textures.haralick(few, image)

    def compare(ours: Array, _: Array) -> float:
        labels, image = _pieces(True)[0]
        return _difference(ours[:40], judge(labels, image))

    return _contest(
        "cp_measure with numba (other levels; values against mahotas)",
        _haralick,
        lambda labels, image: get_texture(labels, image / np.float64(image.max()), scale=1),
        per_channel=True,
        compare=compare,
        whole=True,
    )


def cp_measure(folder: Path, full: bool) -> Contest:
    """Intensity, shape, Zernike and Haralick together, against cp_measure."""
    return _together("cp_measure", "")


def cp_measure_numba(folder: Path, full: bool) -> Contest:
    """The same against cp_measure with its kernels in numba."""
    return _together("cp_measure with numba", "numba.")


def _together(name: str, kernels: str) -> Contest:
    """Shape is measured anew for each channel by both."""
    from cp_measure.core.measureobjectsizeshape import get_sizeshape, get_zernike

    intensity, texture = (
        import_module(f"cp_measure.core.{kernels}{module}")
        for module in ("measureobjectintensity", "measuretexture")
    )

    def ours(labels: Array, image: Array) -> Array:
        MODULES["measure_morphology"](labels, labels, measure_zernike=True)
        _haralick(labels, image)
        table = MODULES["measure_intensity"](
            labels, labels, image, measure_quantiles=True, measure_edge=True, measure_location=True
        )
        return table["Intensity_mean"].to_numpy(float) / float(image.max())

    def peer(labels: Array, image: Array) -> Array:
        values = image / np.float64(image.max())
        get_sizeshape(labels, None)
        get_zernike(labels, None)
        texture.get_texture(labels, values, scale=1)
        mean: Array = np.asarray(intensity.get_intensity(labels, values)["Intensity_MeanIntensity"])
        return mean

    return _contest(
        name,
        ours,
        peer,
        per_channel=True,
        compare=_difference,
        accuracy_is="largest difference of a mean intensity, relative to the largest",
    )


def gabor(folder: Path, full: bool) -> Contest:
    """CellProfiler's Gabor responses of three wavelengths, against its own library."""
    import centrosome.filter  # noqa: F401  # left out where it is not installed

    return _contest(
        "centrosome, all objects at once, as CellProfiler does",
        _gabor,
        textures.gabor_of_centrosome,
        per_channel=True,
        compare=_difference,
    )


def gabor_numpy(folder: Path, full: bool) -> Contest:
    """The same against what we wrote with numpy for this table, which no library offers."""
    return _contest(
        "numpy, pixels sorted by object, written for this table",
        _gabor,
        textures.gabor_at_once,
        per_channel=True,
        compare=_difference,
    )


def _gabor(labels: Array, image: Array) -> Array:
    found = runs.find_runs(labels)
    boxes = runs.find_boxes(found)
    waves = np.array(textures.WAVELENGTHS, float)
    return ours_gabor.gabor(found, boxes, shape.moments(found, boxes), image, waves)


def lbp(folder: Path, full: bool) -> Contest:
    """Local binary patterns of three radii."""

    def ours(labels: Array, image: Array) -> Array:
        found = runs.find_runs(labels)
        shares = patterns.local_binary_patterns(
            found, runs.find_boxes(found), image, np.array(textures.RADII), patterns.lbp_bins()
        )
        return shares.reshape(len(shares), -1)

    return _contest(
        "scikit-image",
        ours,
        textures.patterns,
        per_channel=True,
        compare=lambda a, b: float(np.abs(a - b).max()),
        accuracy_is="largest difference of a share",
    )


def tas(folder: Path, full: bool) -> Contest:
    """Threshold adjacency statistics."""

    def ours(labels: Array, image: Array) -> Array:
        found = runs.find_runs(labels)
        threshold = histogram.otsu(histogram.histogram(image))
        shares = patterns.threshold_adjacency(found, runs.find_boxes(found), image, threshold)
        return shares.reshape(len(shares), -1)

    return _contest(
        "mahotas",
        ours,
        textures.adjacency,
        per_channel=True,
        compare=lambda a, b: float(np.nanmedian(np.abs(a - b))),
        accuracy_is="median difference of a share",
    )


def hu(folder: Path, full: bool) -> Contest:
    """Hu moments of the intensities."""
    return _contest(
        "OpenCV, object by object",
        _hu,
        textures.hu_opencv,
        per_channel=True,
        compare=_difference,
        whole=True,
    )


def hu_skimage(folder: Path, full: bool) -> Contest:
    """The same against scikit-image, which has them for a label image."""
    return _contest(
        "scikit-image", _hu, textures.hu, per_channel=True, compare=_difference, whole=True
    )


def _hu(labels: Array, image: Array) -> Array:
    found = runs.find_runs(labels)
    moments = weighted.weighted_moments(found, runs.find_boxes(found), image)
    return weighted.hu(moments.central)


def radial_distribution(folder: Path, full: bool) -> Contest:
    """Intensities in four rings; compared are the shares of the rings."""
    from cp_measure.core.measureobjectintensitydistribution import get_radial_distribution

    def ours(labels: Array, image: Array) -> Array:
        found = runs.find_runs(labels)
        return radial.radial_distribution(found, runs.find_boxes(found), image, 4).fraction

    def peer(labels: Array, image: Array) -> Array:
        found = get_radial_distribution(labels, image.astype(float), scaled=True, bin_count=4)
        return np.transpose([value for name, value in found.items() if "FracAtD" in name])

    return _contest(
        "cp_measure",
        ours,
        peer,
        per_channel=True,
        compare=lambda a, b: float(np.median(np.abs(a - b))),
        accuracy_is="median difference of a share",
    )


def _haralick(labels: Array, image: Array) -> Array:
    found = runs.find_runs(labels)
    ceiling = histogram.percentile(histogram.histogram(image), 99.999)
    return ours_haralick.haralick(
        found, runs.find_boxes(found), image, ceiling, np.array([1])
    ).reshape(-1, 13)


def _pieces(whole: bool) -> list[tuple[Array, Array]]:
    """Labels and images of the site, or of its upper left piece with labels from 1 on."""
    site = _site()
    end = None if whole else site.nuclei.shape[0] // _PARTS
    found = []
    for labels in (site.nuclei, site.cells):
        piece = np.ascontiguousarray(labels[:end, :end])
        _, numbered = np.unique(piece, return_inverse=True)
        # As in a pipeline: all channels have the same labels, which nobody can change.
        piece = numbered.reshape(piece.shape).astype(np.int32)
        piece.flags.writeable = False
        for image in site.images.values():
            found.append((piece, np.ascontiguousarray(image[:end, :end])))
    return found


def _contest(
    peer_name: str,
    ours: Family,
    peer: Family,
    *,
    per_channel: bool,
    compare: Callable[[Any, Any], float],
    whole: bool = False,
    accuracy_is: str = "largest difference, relative to the largest value",
) -> Contest:
    """All objects and channels; the peer has a ninth of the site where all takes too long."""
    step = 1 if per_channel else 2
    all_, piece = _pieces(True)[::step], _pieces(whole)[::step]
    judged = [ours(*pair) for pair in piece]
    pixels = [sum(np.count_nonzero(labels) for labels, _ in pairs) for pairs in (piece, all_)]

    def measure() -> list[Any]:
        runs._known.clear()  # what is known of labels must be found anew each time
        return [ours(*pair) for pair in all_]

    return Contest(
        peer_name,
        ours=measure,
        peer=lambda: [peer(*pair) for pair in piece],
        accuracy=lambda _, theirs: compare(judged[0], theirs[0]),
        accuracy_is=accuracy_is,
        peer_share=pixels[0] / pixels[1],
        clock="cpu",
    )


def _difference(ours: Array | pd.DataFrame, theirs: Array | pd.DataFrame) -> float:
    a, b = np.asarray(ours, float), np.asarray(theirs, float)
    size = np.nanmax(np.abs(b), axis=0, initial=1e-300)
    return float(np.nanmax(np.abs(a - b) / size))


def _median_difference(ours: Array, theirs: Array) -> float:
    return float(np.nanmedian(np.abs(ours - theirs) / np.maximum(np.abs(theirs), 1e-300)))
