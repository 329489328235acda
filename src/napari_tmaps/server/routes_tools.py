"""Tools: what there is, requests that run in the background, and their results."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from napari_tmaps.client.ids import decode, decode_number, encode
from napari_tmaps.errors import InputError, NotFoundError
from napari_tmaps.server.access import Caller, Reading, Writing
from napari_tmaps.store.feature_table import FeatureTable
from napari_tmaps.store.results import AboutResult
from napari_tmaps.store.selections import Selection, SelectionStore
from napari_tmaps.tools import TOOLS
from napari_tmaps.tools.run import results_of
from napari_tmaps.workflow.tool_jobs import ToolJob, submit_tool, tool_jobs, tool_log

router = APIRouter(prefix="/api", tags=["tools"])
_OF_ONE = "/experiments/{experiment_id}/tools"
_METHODS = {"randomforest": "random_forest", "logisticregression": "logistic_regression"}


class Class(BaseModel):
    """A class by its examples, as TissueMAPS has it: ids are those of the tables."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: str = Field(min_length=1, max_length=100)
    object_ids: list[int] = Field(max_length=1_000_000)
    color: str = Field("#ffb000", max_length=20)


class Payload(BaseModel):
    """Our form (object_type, settings, result), or that of TissueMAPS (the others)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    object_type: str = Field("", max_length=100)
    settings: dict[str, Any] = Field(default={}, max_length=100)
    result: str = Field("", max_length=100)
    chosen_object_type: str = Field("", max_length=100)
    selected_features: list[str] = Field(default=[], max_length=10_000)
    selected_feature: str = Field("", max_length=300)
    training_classes: list[Class] = Field(default=[], max_length=100)
    options: dict[str, Any] = Field(default={}, max_length=20)


class ToolRequest(BaseModel):
    """A tool by its name, or by that of TissueMAPS: Classification, Clustering, Heatmap."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(max_length=100)
    payload: Payload


class NewResultName(BaseModel):
    """What a result shall be called."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1, max_length=100)


@router.get("/tools")
def get_tools(user: Caller) -> dict[str, Any]:
    """The tools, with a JSON schema of the settings of each."""
    return {
        "data": [
            {"name": name, "description": spec.summary, "settings": spec.json_schema()}
            for name, spec in TOOLS.items()
        ]
    }


@router.post(f"{_OF_ONE}/request")
def request_tool(experiment: Writing, request: ToolRequest) -> dict[str, Any]:
    """Run a tool in the background; `jobs` tells how it stands, `results` has its answer."""
    tool, object_type, settings = _asked(experiment, request)
    job = submit_tool(experiment, tool, object_type, settings, name=request.payload.result)
    return {"message": "ok", "submission_id": job.number}


def _asked(experiment: Writing, request: ToolRequest) -> tuple[str, str, Mapping[str, Any]]:
    """Tool, object type and settings."""
    payload = request.payload
    object_type = payload.object_type or payload.chosen_object_type
    features, options = payload.selected_features, dict(payload.options)
    if request.name == "Classification":
        method = str(options.get("method", "randomforest"))
        settings: dict[str, Any] = {
            "classes": _keep_classes(experiment, object_type, payload.training_classes),
            "features": features,
            "method": _METHODS.get(method, method),
        }
        if "n_fold_cv" in options:
            settings["folds"] = options["n_fold_cv"]
        return "classify", object_type, settings
    if request.name == "Clustering":
        return (
            "cluster",
            object_type,
            {
                "features": features,
                "method": options.get("method", "kmeans"),
                "clusters": options.get("k", 5),
            },
        )
    if request.name == "Heatmap":
        return "heatmap", object_type, {"feature": payload.selected_feature}
    return request.name, object_type, payload.settings


def _keep_classes(experiment: Writing, object_type: str, classes: list[Class]) -> list[str]:
    """Store the examples of each class as a selection of its name."""
    table = FeatureTable(experiment.features, object_type)
    made: dict[str, Selection] = {}
    for each in classes:
        rows = np.unique(np.asarray(each.object_ids, np.int64)) - 1
        wrong = rows[(rows < 0) | (rows >= len(table))]
        if len(wrong):
            raise InputError(f"There is no object with the id {wrong[0] + 1}.")
        color = each.color if len(each.color) == 7 else "#ffb000"
        made[each.name] = Selection(table.index(rows), color)
    store = SelectionStore(experiment.path / "selections")
    store.save(object_type, {**store.load(object_type), **made})
    return [each.name for each in classes]


# -- results ------------------------------------------------------------------------------------


@router.get(f"{_OF_ONE}/results")
def get_results(experiment: Reading) -> dict[str, Any]:
    """Results of all object types, the oldest first."""
    store = results_of(experiment)
    found = [
        store.about(object_type, name)
        for object_type in experiment.features.object_types()
        for name in store.names(object_type)
    ]
    return {"data": [_result(about) for about in sorted(found, key=lambda each: each.created)]}


def _result(about: AboutResult) -> dict[str, Any]:
    return {"id": encode(about.object_type, about.name), **about.model_dump(mode="json")}


@router.get(_OF_ONE + "/results/{result_id}")
def get_result(experiment: Reading, result_id: str) -> dict[str, Any]:
    """One result: settings, report, classes and colours."""
    return {"data": _result(results_of(experiment).about(*_names(result_id)))}


@router.put(_OF_ONE + "/results/{result_id}")
def rename_result(experiment: Writing, result_id: str, new: NewResultName) -> dict[str, str]:
    """Give a result another name."""
    object_type, name = _names(result_id)
    results_of(experiment).rename(object_type, name, new.name)
    return {"message": "ok"}


@router.delete(_OF_ONE + "/results/{result_id}")
def delete_result(experiment: Writing, result_id: str) -> dict[str, str]:
    """Delete a result."""
    results_of(experiment).remove(*_names(result_id))
    return {"message": "ok"}


def _names(result_id: str) -> tuple[str, str]:
    object_type, name = decode(result_id, 2)
    if any(sign in text for text in (object_type, name) for sign in "/\\\0") or ".." in (
        object_type,
        name,
    ):
        raise NotFoundError(f"Nothing of that kind has the id '{result_id}'.")
    return object_type, name


# -- jobs ---------------------------------------------------------------------------------------


@router.get(f"{_OF_ONE}/jobs")
def get_tool_jobs(experiment: Reading) -> dict[str, Any]:
    """What was asked for, and how it stands."""
    return {"data": [_job(job) for job in tool_jobs(experiment.path)]}


def _job(job: ToolJob) -> dict[str, Any]:
    row = job.model_dump(mode="json", exclude={"pid", "started"})
    return {"id": encode(job.number), "submission_id": job.number, **row}


@router.get(_OF_ONE + "/jobs/{job_id}/log")
def get_tool_log(experiment: Reading, job_id: str) -> dict[str, Any]:
    """What a job said."""
    text = tool_log(experiment.path, decode_number(job_id))
    return {"data": {"stdout": text, "stderr": ""}}
