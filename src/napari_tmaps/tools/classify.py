"""Classes from examples: a person names some objects, a classifier names all others alike."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
from pydantic import Field

from napari_tmaps.errors import InputError, unknown
from napari_tmaps.model.words import counted
from napari_tmaps.store.feature_table import FeatureTable, Values
from napari_tmaps.tools.classifiers import Method, predict, train
from napari_tmaps.tools.object_model import AboutObjects, ObjectModel
from napari_tmaps.tools.preparing import Floats32, Missing, Scaling, prepare
from napari_tmaps.tools.values import (
    ObjectTable,
    Result,
    ToolData,
    ToolResult,
    categories,
    chosen_features,
)

Codes = npt.NDArray[np.int64]
_MOST_JUDGED = 2000
"""Objects of a fold that the importance of features is judged by."""


def classify(
    data: ObjectTable,
    *,
    classes: tuple[str, ...] = (),
    features: tuple[str, ...] = (),
    method: Method = "random_forest",
    missing: Missing = "median",
    scaling: Scaling = "standard",
    folds: Annotated[int, Field(ge=2, le=20)] = 5,
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)] = 0,
) -> Result:
    """Give every object a class, learnt from selections.

    Parameters
    ----------
    data
        The objects, with selections.
    classes
        Names of the selections that are the classes; all if none is named.
    features
        What the classifier may use; if none is named, all but those that say where an
        object lies.
    method
        random_forest: 100 trees (Breiman, 2001). svm: radial kernel, probabilities by sigmoids
        (Platt, 1999). logistic_regression: with L2 penalty. gradient_boosting: 100 small trees for
        each class (Friedman, 2001).
    missing
        median: the median of the examples stands for a missing value. leave_out_objects: objects
        that lack a value get no class. leave_out_features: features that an example lacks are not
        used.
    scaling
        standard: mean 0 and deviation 1 in the examples. robust: median 0 and quartiles 1 apart.
    folds
        Into how many parts the examples are cut to judge the classifier: each part by a
        classifier that was trained with the others.
    seed
        Start of the random numbers: the same examples and seed give the same classes.

    Notes
    -----
    Columns: class, probability (of that class), and the probability of each class. The report has
    the confusion matrix, precision, recall, and for each feature its importance: by how much the
    probability of the right class falls for objects left out, when the feature is shuffled among
    them. An object that is in two classes is no example. Classes count alike, however many
    examples they have (but for gradient_boosting).
    """
    names, rows, codes, notes = _examples(data, classes)
    chosen = chosen_features(data.table, features)
    samples = gather(data.table, chosen, rows)
    if missing == "leave_out_objects":
        kept = np.isfinite(samples).all(axis=0)
        if not kept.all():
            notes.append(
                f"{np.count_nonzero(~kept)} of {kept.size} examples lack a feature and were left "
                "out."
            )
        rows, samples, codes = rows[kept], samples[:, kept], codes[kept]
        _check_counts(names, codes, notes)
    preparation, unused = prepare(chosen, samples, missing, scaling)
    used = [chosen.index(name) for name in preparation.features]
    ready, _ = preparation.apply(samples[used])
    report = cross_validate(method, ready, codes, names, preparation.features, folds, seed)
    about = AboutObjects(
        method=method,
        object_type=data.table.object_type,
        features=preparation.features,
        classes=names,
        colors=tuple(data.selections[name].color for name in names),
        training=tuple(np.bincount(codes).tolist()),
        plates=tuple(sorted(data.table.index(rows)["plate"].unique())),
        settings={
            "missing": missing,
            "scaling": scaling,
            "folds": folds,
            "seed": seed,
            "features": list(features),
        },
        accuracy=report["accuracy"],
        versions=_versions(),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    model = ObjectModel(about, preparation, train(method, ready, codes, seed))
    found = apply_model(model, data)
    return ToolResult(
        found.columns,
        found.colors,
        report={**report, "training": dict(zip(names, about.training, strict=True))},
        notes=(*notes, *unused, *found.notes),
        model=model,
    )


def apply_model(model: ObjectModel, data: ToolData) -> ToolResult:
    """The classes of all objects by a classifier that was trained before, perhaps elsewhere.

    Raises
    ------
    InputError
        The objects lack features that the classifier needs.
    """
    table, about = data.table, model.about
    lost = [name for name in about.features if name not in table.columns]
    if lost:
        shown = ", ".join(f"'{name}'" for name in lost[:5])
        more = f" and {len(lost) - 5} more" if len(lost) > 5 else ""
        raise InputError(
            f"The classifier needs {len(about.features)} features; the objects "
            f"'{table.object_type}' lack {len(lost)} of them: {shown}{more}. Measure them with the "
            "pipeline that it was trained with, or train a classifier for these objects."
        )
    codes = np.full(len(table), -1, np.int32)
    probabilities = np.full((len(about.classes), len(table)), np.nan, np.float32)
    for rows, block in table.blocks(about.features):
        found, whole = model.predict(block)
        codes[rows] = np.where(whole, found.argmax(axis=1), -1)
        probabilities[:, rows] = np.where(whole[:, np.newaxis], found, np.nan).T
    without = int(np.count_nonzero(codes < 0))
    notes = []
    if about.object_type != table.object_type:
        notes.append(f"It was trained with {about.object_type}; these are {table.object_type}.")
    if without:
        notes.append(f"{without} objects lack a feature and have no class.")
    columns: dict[str, Any] = {
        "class": categories(codes, about.classes),
        "probability": probabilities.max(axis=0),
    }
    columns |= {
        f"probability {name}": row for name, row in zip(about.classes, probabilities, strict=True)
    }
    colors = dict(zip(about.classes, about.colors, strict=True))
    return ToolResult(columns, colors, notes=tuple(notes))


def most_uncertain(result: ToolResult, number: int) -> npt.NDArray[np.int64]:
    """Rows of the objects whose two likeliest classes are closest: worth a person's look."""
    columns = [
        np.asarray(value)
        for name, value in result.columns.items()
        if name.startswith("probability ")
    ]
    best = np.sort(np.stack(columns), axis=0)
    margin = best[-1] - best[-2]
    margin[np.isnan(margin)] = np.inf
    order = np.argsort(margin, kind="stable")[:number]
    found: npt.NDArray[np.int64] = order[np.isfinite(margin[order])].astype(np.int64)
    return found


def gather(table: FeatureTable, names: Sequence[str], rows: Values) -> Floats32:
    """Some features of some objects, float32 (features, objects)."""
    found = np.empty((len(names), len(rows)), np.float32)
    order = np.argsort(rows)
    ordered = rows[order]
    for place, block in table.blocks(names):
        first, last = np.searchsorted(ordered, (place.start, place.stop))
        found[:, order[first:last]] = block[:, ordered[first:last] - place.start]
    return found


def cross_validate(
    method: Method,
    samples: Floats32,
    codes: Codes,
    names: Sequence[str],
    features: Sequence[str],
    folds: int,
    seed: int,
) -> dict[str, Any]:
    """How well a classifier does on objects that it has not seen; plain JSON values.

    Folds are drawn at random, each with its share of every class; there are no more of them than
    the smallest class has objects.
    """
    from sklearn.model_selection import StratifiedKFold

    folds = min(folds, int(np.bincount(codes).min()))
    found = np.empty_like(codes)
    drops = np.zeros(len(features))
    random = np.random.default_rng(seed)
    cut = StratifiedKFold(folds, shuffle=True, random_state=seed)
    for learn, judge in cut.split(codes, codes):
        arrays = train(method, np.ascontiguousarray(samples[:, learn]), codes[learn], seed)
        unseen = np.ascontiguousarray(samples[:, judge])
        found[judge] = predict(method, arrays, unseen).argmax(axis=1)
        some = np.ascontiguousarray(unseen[:, :_MOST_JUDGED])
        right = codes[judge][:_MOST_JUDGED]
        before = predict(method, arrays, some)[np.arange(right.size), right]
        for n in range(len(features)):
            shuffled = some.copy()
            shuffled[n] = random.permutation(some[n])
            after = predict(method, arrays, shuffled)[np.arange(right.size), right]
            drops[n] += float((before - after).sum()) / codes.size
    confusion = np.zeros((len(names), len(names)), np.int64)
    np.add.at(confusion, (codes, found), 1)
    right = np.diag(confusion)
    called = confusion.sum(axis=0)
    return {
        "accuracy": float(right.sum() / codes.size),
        "folds": folds,
        "classes": list(names),
        "confusion": confusion.tolist(),  # row: what it is; column: what it was called
        "recall": (right / confusion.sum(axis=1)).tolist(),
        "precision": [float(r / c) if c else None for r, c in zip(right, called, strict=True)],
        "importance": {features[n]: float(drops[n]) for n in np.argsort(-drops, kind="stable")},
    }


def _examples(
    data: ToolData, classes: Sequence[str]
) -> tuple[tuple[str, ...], Values, Codes, list[str]]:
    """Names of the classes, rows of the examples, their classes, and what to tell."""
    names = tuple(classes) or tuple(data.selections)
    if len(set(names)) < len(names) or len(names) < 2:
        raise InputError(
            f"A classifier needs at least two different classes, not {len(set(names))}. Make a "
            "selection of some objects for each."
        )
    notes: list[str] = []
    all_rows, all_codes = [], []
    for code, name in enumerate(names):
        if name not in data.selections:
            raise unknown("selection", name, data.selections)
        rows, gone = data.selections[name].rows(data.table)
        if len(gone):
            notes.append(
                f"{len(gone)} of {len(data.selections[name].objects)} objects of the selection "
                f"'{name}' are gone since an analysis and were left out."
            )
        all_rows.append(rows)
        all_codes.append(np.full(rows.size, code, np.int64))
    rows, codes = np.concatenate(all_rows), np.concatenate(all_codes)
    unique, counts = np.unique(rows, return_counts=True)
    both = np.isin(rows, unique[counts > 1])
    if both.any():
        several = counted(int(np.count_nonzero(counts > 1)), "object")
        notes.append(f"Left out, as they are in more than one class: {several}.")
    rows, codes = rows[~both], codes[~both]
    _check_counts(names, codes, notes)
    return names, rows, codes, notes


def _check_counts(names: Sequence[str], codes: Codes, notes: Sequence[str]) -> None:
    """Refuse classes of fewer than two examples; notes tell why there are so few."""
    for name, count in zip(names, np.bincount(codes, minlength=len(names)), strict=True):
        if count < 2:
            few = (
                f"The class '{name}' has {counted(int(count), 'object')} to learn from; "
                "it needs at least 2, better 20. Add more to its selection."
            )
            raise InputError(" ".join([few, *notes]))


def _versions() -> dict[str, str]:
    import sklearn

    from napari_tmaps.model.version import __version__

    return {
        "napari-tmaps": __version__,
        "scikit-learn": sklearn.__version__,
        "numpy": np.__version__,
    }
