"""Classifiers trained while somebody clicks: what is trained with, and what came of it; no Qt."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_tmaps.errors import TmapsError
from napari_tmaps.model.progress import Progress
from napari_tmaps.store.feature_table import Categories, FeatureTable
from napari_tmaps.store.selections import Selection
from napari_tmaps.tools import TOOLS
from napari_tmaps.tools.classify import apply_model, most_uncertain
from napari_tmaps.tools.object_model import load_model
from napari_tmaps.tools.population import Population, members
from napari_tmaps.tools.values import ToolData, ToolResult

TOOL = "classify"
SHOWN = ("method", "missing", "scaling", "folds", "seed")
"""Settings of the tool that have a field of their own."""
LIVE_OBJECTS = 300_000
"""More objects are classified when asked for, not at each click."""
_MOST_OF_A_GATE = 1000
_UNCERTAIN = 500


@dataclass(frozen=True)
class TrainingChoice:
    """What is trained with.

    Attributes
    ----------
    classes
        The populations that are the classes: selections and gates.
    features
        Names; all measured ones if none is named.
    """

    classes: tuple[Population, ...] = ()
    features: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Trained:
    """What came of it.

    Attributes
    ----------
    settings
        Of the tool, as they are kept with the result.
    uncertain
        Rows of the objects whose classes are least sure, the least sure first.
    """

    data: ToolData
    result: ToolResult
    settings: Mapping[str, Any]
    uncertain: npt.NDArray[np.int64]

    @property
    def codes(self) -> npt.NDArray[np.float32]:
        """Number of the class of each object; NaN where it has none."""
        column = self.result.columns["class"]
        assert isinstance(column, Categories), "classes are names"
        return np.where(column.codes < 0, np.nan, column.codes).astype(np.float32)

    @property
    def classes(self) -> tuple[tuple[str, str], ...]:
        """(name, colour) of each class."""
        return tuple(self.result.colors.items())


def readiness(data: ToolData, choice: TrainingChoice) -> str:
    """What is lacking before a classifier can be trained; "" if nothing is."""
    if len(choice.classes) < 2:
        return (
            "Make a selection for each class, at least two, and add objects to them by clicking on "
            "the map or in the gallery."
        )
    for population in choice.classes:
        if population.kind == "selection":
            try:
                count = len(data.selections[population.name].rows(data.table)[0])
            except TmapsError as error:
                return str(error)
            if count < 2:
                more = "one more object" if count else "objects"
                return f"Add {more} to “{population.name}”: a class needs at least 2, better 20."
    return ""


def train(
    data: ToolData, choice: TrainingChoice, colors: Mapping[str, str]
) -> Generator[Progress, None, Trained]:
    """Train, judge and apply a classifier (value of the generator).

    Parameters
    ----------
    colors
        Of the gates, by name.

    Raises
    ------
    TmapsError
        Classes or features that do not fit.
    """
    yield Progress("training", 0, 0)
    settings = TOOLS[TOOL].validate(
        {
            **choice.settings,
            "classes": tuple(population.name for population in choice.classes),
            "features": choice.features,
        }
    )
    with_gates, notes = _as_selections(data, choice.classes, colors)
    result: ToolResult = TOOLS[TOOL].function(with_gates, **settings)
    result = replace(result, notes=(*notes, *result.notes))
    return Trained(data, result, settings, most_uncertain(result, _UNCERTAIN))


def apply_file(data: ToolData, path: Path) -> Generator[Progress, None, Trained]:
    """Classify by a classifier from a file (value of the generator).

    Raises
    ------
    TmapsError
        It is no classifier, or the objects lack features that it needs.
    """
    yield Progress("classifying", 0, 0)
    model = load_model(path)
    result = apply_model(model, data)
    settings = {"model": path.name, "trained": model.about.model_dump(mode="json")}
    report = {"accuracy": model.about.accuracy, "classes": list(model.about.classes)}
    result = replace(result, model=model, report=report)
    return Trained(data, result, settings, most_uncertain(result, _UNCERTAIN))


def _as_selections(
    data: ToolData, classes: Sequence[Population], colors: Mapping[str, str]
) -> tuple[ToolData, list[str]]:
    """Gates as selections of at most some thousand of their objects."""
    selections, notes = dict(data.selections), []
    for population in classes:
        if population.kind != "gate":
            continue
        rows = np.flatnonzero(members(population, data))
        if len(rows) > _MOST_OF_A_GATE:
            notes.append(
                f"{_MOST_OF_A_GATE:,} of the {len(rows):,} objects of the gate "
                f"'{population.name}', drawn at random, are examples."
            )
            chosen = np.random.default_rng(0).choice(len(rows), _MOST_OF_A_GATE, replace=False)
            rows = rows[np.sort(chosen)]
        selections[population.name] = Selection(data.table.index(rows), colors[population.name])
    return replace(data, selections=selections), notes


@dataclass(frozen=True)
class ClassRow:
    """How well one class was told from the others, in examples that were left out.

    Attributes
    ----------
    called
        How many examples were called by each class, in the order of the classes.
    f1
        Harmonic mean of precision and recall; None where nothing was called so.
    """

    name: str
    called: tuple[int, ...]
    f1: float | None


def class_rows(report: Mapping[str, Any]) -> list[ClassRow]:
    """The confusion matrix of a report, with F1; empty if it has none."""
    if "confusion" not in report:
        return []
    found = []
    parts = (report["classes"], report["confusion"], report["precision"], report["recall"])
    for name, called, precision, recall in zip(*parts, strict=True):
        both = None if precision is None else precision + recall
        f1 = None if both is None else (2 * precision * recall / both if both else 0.0)
        found.append(ClassRow(name, tuple(called), f1))
    return found


def sentence(trained: Trained) -> str:
    """What came of it, in words."""
    report = trained.result.report
    sizes = np.bincount(
        np.nan_to_num(trained.codes, nan=len(trained.classes)).astype(np.int64),
        minlength=len(trained.classes),
    )
    shares = ", ".join(
        f"{name} {int(size):,}" for (name, _), size in zip(trained.classes, sizes, strict=False)
    )
    right = f"{report['accuracy']:.0%} of the examples that were left out are right"
    folds = f" ({report['folds']} folds)" if "folds" in report else ""
    return "\n".join([f"{right}{folds}. Objects: {shares}.", *trained.result.notes])


def importances(report: Mapping[str, Any], most: int = 8) -> list[tuple[str, float]]:
    """The features that tell most, and by how much the probability falls without them."""
    found = list(report.get("importance", {}).items())[:most]
    return [(name, float(value)) for name, value in found if value > 0]


def can_be_live(table: FeatureTable) -> bool:
    """Whether all objects can be classified while one clicks."""
    return len(table) <= LIVE_OBJECTS


def free_name(names: Sequence[str]) -> str:
    """A name for a result."""
    return next(f"{TOOL} {n}" for n in range(1, len(names) + 2) if f"{TOOL} {n}" not in names)
