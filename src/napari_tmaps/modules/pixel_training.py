"""The training of a classifier of pixels from strokes that a person has painted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from napari_tmaps.errors import InputError
from napari_tmaps.measure.forest import Forest
from napari_tmaps.measure.pixel_features import KINDS, pixel_features
from napari_tmaps.modules.images import check_plane, check_same_shape
from napari_tmaps.modules.pixel_model import AboutModel, PixelModel, array_digest

Image = npt.NDArray[Any]
DTYPES = ("uint8", "uint16", "float32")


def train_pixels(
    images: Sequence[Sequence[Image]],
    strokes: Sequence[Image],
    *,
    channels: Sequence[str] = (),
    classes: Sequence[str] = (),
    sigmas: Sequence[float] = (1.0, 2.0, 4.0, 8.0),
    trees: int = 30,
    max_depth: int = 12,
    seed: int = 0,
) -> PixelModel:
    """Train a classifier of pixels: a random forest on features at several scales.

    Parameters
    ----------
    images
        For each training image its channels, one to three planes (y, x) of uint8, uint16 or
        float32, in the same order everywhere.
    strokes
        For each training image whole numbers (y, x): 0 where nothing was painted, else the number
        of the class, from 1.
    channels
        Names of the channels; "channel 1" … if not given.
    classes
        Names of the classes; "class 1" … if not given.
    sigmas
        Scales of the features, in pixels: from the finest detail that matters to about the size
        of the objects.
    trees, max_depth
        Number and largest depth of the trees. More take longer and, from some number on, change
        little.
    seed
        Start of the random numbers: the same strokes and seed give the same classifier.

    Raises
    ------
    InputError
        Images and strokes that do not fit each other, an image without strokes, strokes of less
        than two classes or of a class without a name.
    """
    channels = tuple(channels) or tuple(f"channel {n + 1}" for n in range(len(images[0])))
    _check(images, strokes, channels)
    painted = np.concatenate([stroke[stroke > 0] for stroke in strokes]).astype(np.int64)
    classes = _classes(painted, tuple(classes))
    samples = np.concatenate(
        [_samples(planes, stroke, sigmas) for planes, stroke in zip(images, strokes, strict=True)]
    )
    import sklearn
    from sklearn.ensemble import RandomForestClassifier

    trained = RandomForestClassifier(
        trees,
        max_depth=max_depth,
        class_weight="balanced",  # who paints more background means no more of it
        bootstrap=True,
        random_state=seed,
        n_jobs=1,
    ).fit(samples, painted)
    return PixelModel(
        AboutModel(
            channels=channels,
            dtype=cast(Any, images[0][0].dtype.name),  # checked above
            classes=classes,
            sigmas=tuple(float(sigma) for sigma in sigmas),
            features=KINDS,
            trees=trees,
            max_depth=max_depth,
            seed=seed,
            strokes=tuple(int(n) for n in np.bincount(painted, minlength=len(classes) + 1)[1:]),
            accuracy=_accuracy(trained, samples, painted),
            training=tuple(
                {
                    "strokes": array_digest(stroke),
                    **{
                        name: array_digest(plane)
                        for name, plane in zip(channels, planes, strict=True)
                    },
                }
                for planes, stroke in zip(images, strokes, strict=True)
            ),
            versions={"scikit-learn": sklearn.__version__, "numpy": np.__version__},
        ),
        forest_of(trained),
    )


def forest_of(trained: Any) -> Forest:
    """The trees of a scikit-learn forest as arrays; they give the same probabilities."""
    parts = [_nodes(estimator.tree_) for estimator in trained.estimators_]
    first = np.cumsum([0, *(part[0].size for part in parts)])
    left, feature, threshold, values = (
        np.concatenate(arrays) for arrays in zip(*parts, strict=True)
    )
    left = left + np.repeat(first[:-1], np.diff(first))
    return Forest(
        first.astype(np.uint32),
        left.astype(np.uint32),
        feature.astype(np.uint32),
        threshold.astype(np.float32),
        np.ascontiguousarray(values, np.float64),
    )


def _nodes(tree: Any) -> tuple[npt.NDArray[Any], ...]:
    """Arrays of one tree, renumbered so that the two children of a node are neighbours."""
    order: list[int] = [0]
    left: list[int] = []
    for node in order:  # which grows on the way
        leaf = tree.children_left[node] < 0
        left.append(len(left) if leaf else len(order))
        if not leaf:
            order += [tree.children_left[node], tree.children_right[node]]
    leaves = tree.children_left[order] < 0
    # Features are 32 bit: the largest such number up to the threshold parts them alike.
    threshold = tree.threshold[order].astype(np.float32)
    above = threshold > tree.threshold[order]
    threshold[above] = np.nextafter(threshold[above], np.float32(-np.inf))
    threshold[leaves] = np.inf
    feature = np.where(leaves, 0, tree.feature[order])
    return np.array(left), feature, threshold, tree.value[order, 0, :]


def _samples(planes: Sequence[Image], stroke: Image, sigmas: Sequence[float]) -> Image:
    """Features of the painted pixels, (pixels, features)."""
    there = stroke > 0
    parts = [pixel_features(plane, sigmas)[:, there] for plane in planes]
    return np.ascontiguousarray(np.concatenate(parts).T)


def _accuracy(trained: Any, samples: Image, painted: Image) -> float:
    """Share of samples that the trees classify rightly which were trained without them."""
    votes = np.zeros((painted.size, trained.classes_.size))
    for tree, seen in zip(trained.estimators_, trained.estimators_samples_, strict=True):
        unseen = np.ones(painted.size, bool)
        unseen[seen] = False
        votes[unseen] += tree.predict_proba(samples[unseen]) if unseen.any() else 0
    judged = votes.any(axis=1)
    right = trained.classes_[votes.argmax(axis=1)] == painted
    return float(right[judged].mean()) if judged.any() else 0.0


def _check(
    images: Sequence[Sequence[Image]], strokes: Sequence[Image], channels: Sequence[str]
) -> None:
    if len(images) != len(strokes):
        raise InputError(
            f"There are {len(images)} training images, but strokes for {len(strokes)}. Each image "
            "needs its own strokes."
        )
    if not 1 <= len(channels) <= 3 or len(set(channels)) < len(channels):
        raise InputError(
            f"The channels are {list(channels)}, but must be one to three with different names."
        )
    dtype = images[0][0].dtype
    for number, (planes, stroke) in enumerate(zip(images, strokes, strict=True), start=1):
        if len(planes) != len(channels):
            raise InputError(
                f"Training image {number} has {len(planes)} channels, but there are "
                f"{len(channels)} names: {', '.join(channels)}."
            )
        for name, plane in zip(channels, planes, strict=True):
            check_plane(f"channel '{name}' of training image {number}", plane)
            if plane.dtype != dtype or dtype.name not in DTYPES:
                raise InputError(
                    f"The channel '{name}' of training image {number} has pixels of type "
                    f"{plane.dtype}. All must be of one type: uint8, uint16 or float32."
                )
            if plane.dtype.kind == "f" and not np.isfinite(plane).all():
                raise InputError(
                    f"The channel '{name}' of training image {number} has pixels that are NaN or "
                    "infinite. Replace them first."
                )
            check_same_shape(**{f"channel {name}": plane, f"strokes {number}": stroke})
        if stroke.dtype.kind not in "ui" or stroke.min() < 0:
            raise InputError(
                f"The strokes of training image {number} have the type {stroke.dtype} and begin at "
                f"{stroke.min()}. They must be whole numbers: 0 where nothing was painted, else "
                "the number of the class."
            )
        if not stroke.any():
            raise InputError(
                f"Training image {number} has no strokes. Paint some pixels of each class, or "
                "leave the image out."
            )


def _classes(painted: npt.NDArray[np.int64], names: tuple[str, ...]) -> tuple[str, ...]:
    """The names of all classes; refuses strokes that no classifier can be trained with."""
    numbers = np.unique(painted)
    if numbers.size < 2:
        raise InputError(
            f"All strokes are of class {numbers[0]}. Paint at least two classes, e.g. 1 for the "
            "background and 2 for the objects."
        )
    names = names or tuple(f"class {n}" for n in range(1, int(numbers[-1]) + 1))
    if numbers.size != numbers[-1] or numbers.size != len(names) or len(set(names)) < len(names):
        raise InputError(
            f"There are strokes of the classes {', '.join(map(str, numbers))}, and the names "
            f"{', '.join(names)}. Number the classes 1, 2, 3 … without gaps, paint each, and give "
            "each a name of its own."
        )
    return names
