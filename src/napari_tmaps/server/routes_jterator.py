"""The jterator project of an experiment, and what its interface asks for (`/jtui`).

There is one project: the pipeline `jtproject` of the experiment, else its first one.
"""

from __future__ import annotations

import inspect
import tempfile
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from napari_tmaps.errors import InputError, unknown
from napari_tmaps.model.pipeline import PipelineDescription
from napari_tmaps.modules import MODULES, known_categories
from napari_tmaps.modules.describe import describe
from napari_tmaps.pipeline.check import check
from napari_tmaps.pipeline.files import load_pipeline
from napari_tmaps.pipeline.jterator_project import load_project
from napari_tmaps.pipeline.jterator_project_export import project_files
from napari_tmaps.pipeline.shelf import Shelf
from napari_tmaps.server.access import Caller, Reading, Writing
from napari_tmaps.streams.atomic import disk_errors, remove

router = APIRouter(tags=["jterator"])

PROJECT = "jtproject"
"""Name of the pipeline that a jterator project becomes."""
_API = "/api/experiments/{experiment_id}/workflow/jtproject"
_UI = "/jtui/experiments/{experiment_id}"


class Project(BaseModel):
    """A jterator project: text of pipeline.yaml, and of the handles by the name of their file.

    Or a pipeline of ours in `pipeline`, without handles.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    pipeline: str = Field(max_length=1_000_000)
    handles: dict[str, str] = Field(default={}, max_length=500)


@router.get(_API)
@router.get(_UI + "/project")
def get_project(experiment: Reading) -> dict[str, Any]:
    """The pipeline of the experiment as a jterator project."""
    files, _ = project_files(load_pipeline(_path(experiment)))
    handles = {Path(path).name: text for path, text in files.items() if path != "pipeline.yaml"}
    return {"data": {"pipeline": files["pipeline.yaml"], "handles": handles}}


def _path(experiment: Reading) -> Path:
    shelf = Shelf(experiment.path / "pipelines")
    names = shelf.names()
    return shelf.path(PROJECT if PROJECT in names else next(iter(names), PROJECT))


@router.put(_API)
@router.post(_UI + "/project")
def set_project(experiment: Writing, project: Project) -> dict[str, Any]:
    """Replace the jterator project; the pipeline is checked before anything is written."""
    pipeline, notes = _read(project)
    Shelf(experiment.path / "pipelines").save(PROJECT, pipeline)
    return {"message": "ok", "notes": notes}


@router.delete(_UI + "/project")
def delete_project(experiment: Writing) -> dict[str, str]:
    """Remove the project that was sent; what it made stays."""
    path = Shelf(experiment.path / "pipelines").path(PROJECT)
    if not path.is_file():
        raise unknown("project", PROJECT, [])
    remove(path)
    return {"message": "ok"}


@router.post(_UI + "/project/check")
def check_project(experiment: Reading, project: Project) -> dict[str, Any]:
    """Whether a project could run on the experiment; nothing is written."""
    pipeline, notes = _read(project)
    channels = experiment.catalogue.channel_names()
    check(pipeline, channels, list(experiment.catalogue.object_types()["name"]))
    return {"message": "ok", "notes": notes}


def _read(project: Project) -> tuple[PipelineDescription, list[str]]:
    """The pipeline of a project, and what became different."""
    with tempfile.TemporaryDirectory() as text, disk_errors(Path(text)):
        folder = Path(text)
        (folder / "handles").mkdir()
        (folder / "pipeline.yaml").write_text(project.pipeline, "utf-8", "surrogatepass")
        for name, content in project.handles.items():
            if (
                Path(name).name != name
                or not name.endswith(".yaml")
                or "\\" in name
                or "\0" in name
            ):
                raise InputError(f"'{name}' is no name of a file of handles, like a.handles.yaml.")
            (folder / "handles" / name).write_text(content, "utf-8", "surrogatepass")
        if project.handles or "handles:" in project.pipeline:
            imported = load_project(folder / "pipeline.yaml")
            return imported.pipeline, [str(note) for note in imported.notes]
        return load_pipeline(folder / "pipeline.yaml"), []


@router.get("/jtui/available_modules")
def get_available_modules(user: Caller) -> dict[str, Any]:
    """The modules of pipelines: inputs, settings and outputs of each."""
    found = []
    for category, functions in known_categories().items():
        for function in functions:
            spec = describe(function, category)
            inputs = [
                {"name": each.name, "type": str(each.kind), "help": each.help}
                for each in spec.inputs
            ]
            settings = [
                {"name": each.name, "type": each.type.__name__, "help": each.help}
                for each in spec.settings
            ]
            outputs = [{"name": each.name, "type": str(each.kind)} for each in spec.outputs]
            found.append(
                {
                    "name": function.__name__,
                    "category": category,
                    "description": spec.summary,
                    "input": inputs,
                    "settings": settings,
                    "output": outputs,
                }
            )
    return {"data": found}


@router.get("/jtui/module_source_code")
def get_module_source_code(
    user: Caller, module_name: Annotated[str, Query(max_length=100)]
) -> dict[str, Any]:
    """The code of one of our modules; modules of the server's owner stay his own."""
    name = module_name.removesuffix(".py")
    if name not in MODULES:
        raise unknown("module", name, MODULES)
    return {"data": inspect.getsource(MODULES[name])}


@router.get(_UI + "/available_channels")
def get_available_channels(experiment: Reading) -> dict[str, Any]:
    """Names of the channels that a pipeline may read."""
    return {"data": experiment.catalogue.channel_names()}


@router.get(_UI + "/joblist")
def get_joblist(experiment: Reading) -> dict[str, Any]:
    """The sites, each under the number that a job of its own would have."""
    rows = experiment.catalogue.sites()[["plate", "well", "y", "x"]]
    return {
        "data": [
            {"id": number, "plate": plate, "well": well, "y": y, "x": x}
            for number, (plate, well, y, x) in enumerate(rows.itertuples(index=False), 1)
        ]
    }
