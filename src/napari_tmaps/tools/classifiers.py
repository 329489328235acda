"""Classifiers of objects: trained by scikit-learn, kept as plain arrays, predicted from these.

Predictions from the arrays are those of scikit-learn. A classifier of arrays can be stored without
pickle, read by any version and program, and runs no foreign code.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from scipy.special import expit, softmax

from napari_tmaps.measure.forest import Forest
from napari_tmaps.measure.forest import predict as walk
from napari_tmaps.modules.pixel_model import forest_fault
from napari_tmaps.modules.pixel_training import forest_of
from napari_tmaps.tools.preparing import Floats32

Method = Literal["random_forest", "svm", "logistic_regression", "gradient_boosting"]
Arrays = Mapping[str, npt.NDArray[Any]]
Probabilities = npt.NDArray[np.float64]


def train(method: Method, samples: Floats32, codes: npt.NDArray[np.int64], seed: int) -> Arrays:
    """Train a classifier.

    Parameters
    ----------
    samples
        (features, objects), ready for learning.
    codes
        (objects,) class of each, 0 … classes - 1, each with an object at least.
    """
    x = np.ascontiguousarray(samples.T)
    match method:
        case "random_forest":
            return _train_forest(x, codes, seed)
        case "gradient_boosting":
            return _train_boosting(x, codes, seed)
        case "logistic_regression":
            return _train_logistic(x, codes)
        case "svm":
            return _train_svm(x, codes, seed)


def predict(method: Method, arrays: Arrays, samples: Floats32) -> Probabilities:
    """Probabilities of the classes, (objects, classes).

    Parameters
    ----------
    samples
        (features, objects), float32, contiguous along the objects.
    """
    match method:
        case "random_forest":
            return walk(_forest(arrays), samples)
        case "gradient_boosting":
            # The walk gives the mean over the trees, where the sum is meant.
            raw = walk(_forest(arrays), samples) * (arrays["first"].size - 1) + arrays["start"]
            return _binary(expit(raw[:, 0])) if raw.shape[1] == 1 else softmax(raw, axis=1)
        case "logistic_regression":
            linear = (arrays["weights"] @ samples).T + arrays["intercept"]
            return _binary(expit(linear[:, 0])) if linear.shape[1] == 1 else softmax(linear, axis=1)
        case "svm":
            return _predict_svm(arrays, samples)


def fault(method: Method, arrays: Arrays, classes: int, features: int) -> str:
    """What is wrong with arrays that were read from a file; empty if they can be used."""
    columns = 1 if classes == 2 else classes
    shapes: dict[str, tuple[int, ...]]
    if method in ("random_forest", "gradient_boosting"):
        if not set(Forest._fields) <= set(arrays):
            return "its trees are not whole"
        columns = classes if method == "random_forest" else columns
        found = forest_fault(_forest(arrays), columns, features)
        if found or method == "random_forest":
            return found
        shapes = {"start": (columns,)}
    elif method == "logistic_regression":
        shapes = {"weights": (columns, features), "intercept": (columns,)}
    else:
        vectors = arrays["vectors"].shape[:1] if "vectors" in arrays else (0,)
        pairs = classes * (classes - 1) // 2
        shapes = {
            "vectors": (*vectors, features),
            "weights": (classes - 1, *vectors),
            "intercept": (pairs,),
            "counts": (classes,),
            "gamma": (),
            "slope": (columns,),
            "shift": (columns,),
        }
    for name, shape in shapes.items():
        if name not in arrays or arrays[name].shape != shape:
            return f"its '{name}' should have the shape {shape}"
        if arrays[name].dtype.kind not in "fi" or not np.isfinite(arrays[name]).all():
            return f"its '{name}' holds no numbers"
    if method == "svm" and (
        arrays["counts"].min() < 0 or arrays["counts"].sum() != arrays["vectors"].shape[0]
    ):
        return "its vectors do not fit its classes"
    return ""


def _binary(second: npt.NDArray[np.float64]) -> Probabilities:
    return np.column_stack([1 - second, second])


def _forest(arrays: Arrays) -> Forest:
    return Forest(*(arrays[name] for name in Forest._fields))


def _train_forest(x: Floats32, codes: npt.NDArray[np.int64], seed: int) -> Arrays:
    from sklearn.ensemble import RandomForestClassifier

    trained = RandomForestClassifier(100, class_weight="balanced", random_state=seed, n_jobs=1).fit(
        x, codes
    )
    return forest_of(trained)._asdict()


def _train_boosting(x: Floats32, codes: npt.NDArray[np.int64], seed: int) -> Arrays:
    from sklearn.ensemble import GradientBoostingClassifier

    trained = GradientBoostingClassifier(random_state=seed).fit(x, codes)
    trees = forest_of(SimpleNamespace(estimators_=trained.estimators_.ravel()))
    columns = trained.estimators_.shape[1]
    # Stage by stage, in each a tree for each class: each adds to the column of its class alone.
    of_tree = np.arange(trees.first.size - 1) % columns
    of_node = np.repeat(of_tree, trees.first[1:] - trees.first[:-1])
    values = np.zeros((trees.left.size, columns))
    values[np.arange(of_node.size), of_node] = trees.values[:, 0] * trained.learning_rate
    prior = np.bincount(codes) / codes.size
    start = np.log(prior) if columns > 1 else np.log(prior[1:] / prior[:1])
    return {**trees._replace(values=values)._asdict(), "start": start}


def _train_logistic(x: Floats32, codes: npt.NDArray[np.int64]) -> Arrays:
    from sklearn.linear_model import LogisticRegression

    trained = LogisticRegression(max_iter=2000, class_weight="balanced").fit(
        x.astype(np.float64), codes
    )
    return {"weights": trained.coef_, "intercept": trained.intercept_}


def _train_svm(x: Floats32, codes: npt.NDArray[np.int64], seed: int) -> Arrays:
    """Radial kernel; its distances become probabilities by sigmoids (Platt, 1999)."""
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.model_selection import StratifiedKFold
    from sklearn.svm import SVC

    plain = SVC(class_weight="balanced", gamma="scale")
    wide = x.astype(np.float64)
    counts = np.bincount(codes)
    columns = 1 if counts.size == 2 else counts.size
    slope, shift = np.full(columns, -1.0), np.zeros(columns)
    folds = min(5, int(counts.min()))
    if folds >= 2:
        cut = StratifiedKFold(folds, shuffle=True, random_state=seed)
        whole = CalibratedClassifierCV(plain, method="sigmoid", cv=cut, ensemble=False)
        part = whole.fit(wide, codes).calibrated_classifiers_[0]
        trained = part.estimator
        slope = np.array([curve.a_ for curve in part.calibrators])
        shift = np.array([curve.b_ for curve in part.calibrators])
    else:
        trained = plain.fit(wide, codes)
    return {
        "vectors": trained.support_vectors_,
        "weights": trained.dual_coef_,
        # With two classes scikit-learn turns the signs, so that the second class is the positive.
        "intercept": trained.intercept_,
        "counts": trained.n_support_.astype(np.int64),
        "gamma": np.array(trained._gamma),
        "slope": slope,
        "shift": shift,
    }


def _predict_svm(arrays: Arrays, samples: Floats32) -> Probabilities:
    vectors = arrays["vectors"].astype(np.float32)
    squares = np.einsum("fn,fn->n", samples, samples)
    distances = np.maximum(
        squares + np.einsum("vf,vf->v", vectors, vectors)[:, None] - 2 * (vectors @ samples), 0
    )
    near = np.exp(-np.float32(arrays["gamma"]) * distances)  # (vectors, objects)
    classes = arrays["counts"].size
    ends = np.cumsum(arrays["counts"])
    of = [
        slice(int(end - count), int(end)) for end, count in zip(ends, arrays["counts"], strict=True)
    ]
    weights = arrays["weights"].astype(np.float32)
    pairs = [
        # Row b - 1 of the weights holds, for the vectors of class a < b, the one against b; row a
        # holds for those of b the one against a.
        weights[b - 1, of[a]] @ near[of[a]] + weights[a, of[b]] @ near[of[b]] + intercept
        for (a, b), intercept in zip(_pairs(classes), arrays["intercept"], strict=True)
    ]
    if classes == 2:
        return _binary(expit(-(arrays["slope"][0] * pairs[0] + arrays["shift"][0])))
    votes = np.zeros((samples.shape[1], classes))
    sure = np.zeros_like(votes)
    for (a, b), decision in zip(_pairs(classes), pairs, strict=True):
        votes[:, a] += decision > 0
        votes[:, b] += decision <= 0
        sure[:, a] += decision
        sure[:, b] -= decision
    # Votes, and within a tie how sure they are; squeezed so that no tie outweighs a vote.
    decided = votes + sure / (3 * (np.abs(sure) + 1))
    found = expit(-(arrays["slope"] * decided + arrays["shift"]))
    sums = found.sum(axis=1, keepdims=True)
    shares: Probabilities = np.full_like(found, 1 / classes)
    np.divide(found, sums, out=shares, where=sums > 0)
    return shares


def _pairs(classes: int) -> list[tuple[int, int]]:
    return [(a, b) for a in range(classes) for b in range(a + 1, classes)]
