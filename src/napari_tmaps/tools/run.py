"""A tool on an experiment: its objects in, a saved result out."""

from __future__ import annotations

import json
import math
from collections.abc import Generator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from napari_tmaps.errors import unknown
from napari_tmaps.model.progress import Progress, finish
from napari_tmaps.model.version import __version__
from napari_tmaps.store.experiment import Experiment
from napari_tmaps.store.feature_table import Categories, FeatureTable
from napari_tmaps.store.gates import GateStore
from napari_tmaps.store.plate_map import load_plate_map
from napari_tmaps.store.results import AboutResult, ResultStore
from napari_tmaps.store.selections import SelectionStore
from napari_tmaps.tools import TOOLS
from napari_tmaps.tools.classify import apply_model
from napari_tmaps.tools.object_model import load_model, save_model
from napari_tmaps.tools.values import ToolData, ToolResult

MODEL = "model.npz"


def open_data(experiment: Experiment, object_type: str) -> ToolData:
    """The objects of a type with results, plate map, selections and gates of the experiment.

    Raises
    ------
    NotFoundError
        There are no such objects.
    """
    table = FeatureTable(experiment.features, object_type)
    plate_map = load_plate_map(experiment.path, experiment.plate_names())
    if plate_map is not None:
        plate_map.attach(table)
    results_of(experiment).attach(table)
    return ToolData(
        table,
        SelectionStore(experiment.path / "selections").load(object_type),
        GateStore(experiment.path / "gates").load(object_type),
    )


def results_of(experiment: Experiment) -> ResultStore:
    """The results of an experiment."""
    if experiment.mirror is not None:
        from napari_tmaps.tools.far import FarResults

        return FarResults(experiment.path / "results", experiment.mirror)
    return ResultStore(experiment.path / "results")


def run_tool(
    experiment: Experiment,
    tool: str,
    object_type: str,
    settings: Mapping[str, Any],
    *,
    name: str = "",
) -> AboutResult:
    """Run a tool and keep its result.

    Parameters
    ----------
    name
        Of the result; "<tool> 1", "<tool> 2" … if not given.

    Raises
    ------
    NotFoundError
        There is no such tool or object type.
    InputError
        Settings, classes or features that do not fit.
    """
    return finish(iter_tool(experiment, tool, object_type, settings, name=name))


def iter_tool(
    experiment: Experiment,
    tool: str,
    object_type: str,
    settings: Mapping[str, Any],
    *,
    name: str = "",
) -> Generator[Progress, None, AboutResult]:
    """`run_tool` in steps; nothing is kept if the generator is closed before its end."""
    if tool not in TOOLS:
        raise unknown("tool", tool, TOOLS)
    spec = TOOLS[tool]
    checked = spec.validate(settings)
    if experiment.mirror is not None:
        from napari_tmaps.tools.far import ask_for_tool

        return (yield from ask_for_tool(experiment, tool, object_type, settings, name))
    yield Progress("opening the objects", 0, 3)
    data = open_data(experiment, object_type)
    yield Progress(f"working on {len(data.table):,} objects", 1, 3)
    result: ToolResult = spec.function(data, **checked)
    yield Progress("keeping the result", 2, 3)
    return keep_result(experiment, data, result, tool, checked, name)


def apply_classifier(
    experiment: Experiment, model: Path, object_type: str, *, name: str = ""
) -> AboutResult:
    """Classify the objects of an experiment by a classifier that was trained before.

    Raises
    ------
    NotFoundError, FormatError
        There is no such file, or it is no classifier.
    InputError
        The objects lack features that it needs.
    """
    loaded = load_model(model)
    data = open_data(experiment, object_type)
    settings = {"model": model.name, "trained": loaded.about.model_dump(mode="json")}
    return keep_result(experiment, data, apply_model(loaded, data), "classify", settings, name)


def keep_result(
    experiment: Experiment,
    data: ToolData,
    result: ToolResult,
    tool: str,
    settings: Mapping[str, Any],
    name: str = "",
) -> AboutResult:
    """Save a result of a tool, with how it was made.

    On a server the tool is run once more, with the same settings.
    """
    if experiment.mirror is not None:
        from napari_tmaps.tools.far import run_there

        return run_there(experiment, tool, data.table.object_type, settings, name)
    store = results_of(experiment)
    object_type = data.table.object_type
    taken = set(store.names(object_type))
    free = (f"{tool} {number}" for number in range(1, len(taken) + 2))
    about = AboutResult(
        name=name or next(text for text in free if text not in taken),
        tool=tool,
        object_type=object_type,
        columns=tuple(result.columns),
        classes={
            column: value.names
            for column, value in result.columns.items()
            if isinstance(value, Categories)
        },
        colors=dict(result.colors),
        settings=json.loads(json.dumps(dict(settings))),
        report=_plain(result.report),
        notes=result.notes,
        objects=len(data.table),
        versions={"napari-tmaps": __version__, "code": TOOLS[tool].version},
        created=datetime.now(UTC).isoformat(timespec="microseconds"),
    )
    store.save(about, data.table, result.columns, result.wells)
    if result.model is not None:
        save_model(result.model, model_of(experiment, object_type, about.name))
    return about


def model_of(experiment: Experiment, object_type: str, name: str) -> Path:
    """Where the classifier of a result lies."""
    return results_of(experiment).root / object_type / name / MODEL


def _plain(value: Any) -> Any:
    """JSON knows no NaN."""
    if isinstance(value, Mapping):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
