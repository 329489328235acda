"""Projects of TissueMAPS' jterator, written."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from napari_tmaps.errors import ExistsError
from napari_tmaps.model.kinds import Kind
from napari_tmaps.model.pipeline import ModuleCall, PipelineDescription
from napari_tmaps.modules.spec import ASSIGN, EXTRACT, Module, ModuleSpec
from napari_tmaps.pipeline.check import check
from napari_tmaps.pipeline.imported import Note, State
from napari_tmaps.pipeline.jterator_project import DEFAULT, TITLE
from napari_tmaps.pipeline.jterator_project_names import (
    FIGURES_ONLY,
    MATLAB,
    SETTINGS,
    VERSIONS,
    WITHOUT_FIGURE,
)
from napari_tmaps.pipeline.wiring import item_of, spec_of
from napari_tmaps.streams.atomic import write_text


def save_project(
    description: PipelineDescription,
    folder: str | Path,
    *,
    modules: Mapping[str, Module] | None = None,
) -> tuple[Note, ...]:
    """Write a pipeline as a jterator project of TissueMAPS.

    Returns
    -------
    tuple[Note, ...]
        What TissueMAPS does not have.

    Raises
    ------
    PipelineError
        The pipeline cannot run; see `check`.
    ExistsError
        There is a project in the folder.
    StorageError
        The disk refused.
    """
    files, notes = project_files(description, modules=modules)
    folder = Path(folder)
    if (folder / "pipeline.yaml").exists() or (folder / "handles").exists():
        raise ExistsError(f"'{folder}' has a project already. Choose a new folder.")
    for name, text in sorted(files.items(), reverse=True):  # pipeline.yaml last: then it is whole
        write_text(folder / name, text)
    return notes


def project_files(
    description: PipelineDescription, *, modules: Mapping[str, Module] | None = None
) -> tuple[dict[str, str], tuple[Note, ...]]:
    """The files of a jterator project, by their path in it; and what TissueMAPS does not have.

    Raises
    ------
    PipelineError
        The pipeline cannot run; see `check`.
    """
    check(description, modules=modules)
    notes: list[Note] = []
    files: dict[str, str] = {}
    entries: list[dict[str, Any]] = []
    for call in description.pipeline:
        path = f"handles/{call.name}.handles.yaml"
        suffix = ".m" if call.module in MATLAB else ".py"
        entries.append({"source": f"{call.module}{suffix}", "handles": path, "active": call.active})
        spec = spec_of(call.module, modules)
        files[path] = _yaml(_handles(call, spec, description, notes))
    project: dict[str, Any] = {}
    if description.description:
        project["description"] = description.description
    given, kept = description.input, description.output
    project["input"] = {
        "channels": [{"name": each.name, "correct": each.correct} for each in given.channels],
        "objects": [{"name": each.name} for each in given.objects],
    }
    project["output"] = {
        "objects": [{"name": each.name, "as_polygons": True} for each in kept.objects]
    }
    project["pipeline"] = entries
    files["pipeline.yaml"] = f"{TITLE}{' '.join(description.name.split())}\n{_yaml(project)}"
    return files, tuple(notes)


def _handles(
    call: ModuleCall,
    spec: ModuleSpec | None,
    description: PipelineDescription,
    notes: list[Note],
) -> dict[str, Any]:
    where = f"{call.name} ({call.module})"
    if call.module not in VERSIONS:
        notes.append(Note(where, State.LEFT_OUT, f"TissueMAPS has no module '{call.module}'."))
    kinds = {each.name: each.kind for each in spec.inputs} if spec else {}
    inputs: list[dict[str, Any]] = [
        {"name": name, "type": str(kinds.get(name, "Image")), "key": item}
        for name, item in call.inputs.items()
    ]
    inputs += _constants(call, spec, where, notes)
    inputs += _figure_inputs(call, description)
    figure = call.module in VERSIONS and call.module not in WITHOUT_FIGURE
    if figure:
        inputs.append({"name": "plot", "type": "Plot", "value": False})
    outputs: list[dict[str, Any]] = []
    for output in spec.outputs if spec else ():
        if output.kind is Kind.MEASUREMENT:
            handle: dict[str, Any] = {"name": output.name, "type": "Measurement"}
            handle |= {"objects": ASSIGN, "objects_ref": EXTRACT}
            if "intensity_image" in call.inputs:
                handle["channel_ref"] = "intensity_image"
        else:
            item = item_of(call, output.name)
            handle = {"name": output.name, "type": str(output.kind), "key": item}
        outputs.append(handle)
    if spec is None:  # an inactive step may be of a module that is not here
        outputs = [{"name": n, "type": "Image", "key": k} for n, k in call.outputs.items()]
    if figure:
        outputs.append({"name": "figure", "type": "Figure"})
    version = VERSIONS.get(call.module, "0.0.1")
    return {"version": version, "input": inputs, "output": outputs}


def _constants(
    call: ModuleCall, spec: ModuleSpec | None, where: str, notes: list[Note]
) -> list[dict[str, Any]]:
    choices = {each.name: each.choices for each in spec.settings} if spec else {}
    values = dict(call.settings)
    for setting in spec.settings if spec else ():
        # TissueMAPS calls a module with what stands in its handles, and has no defaults.
        wanted = SETTINGS.get(call.module)
        if setting.name not in values and (wanted is None or setting.name in wanted):
            values[setting.name] = setting.default
    handles = []
    for name, value in values.items():
        known = SETTINGS.get(call.module)
        if known is not None and name not in known:
            text = f"TissueMAPS has no setting '{name}'."
            notes.append(Note(where, State.LEFT_OUT, text))
        handle: dict[str, Any] = {"name": name, "type": _type(value), "value": _plain(value)}
        if choices.get(name):
            handle["options"] = list(choices[name])
        if name not in call.settings:
            handle["help"] = DEFAULT
        handles.append(handle)
    return handles


def _figure_inputs(call: ModuleCall, description: PipelineDescription) -> list[dict[str, Any]]:
    """What a module of TissueMAPS wants for its figure only."""
    if "intensity_image" in FIGURES_ONLY.get(call.module, ()) and description.input.channels:
        key = description.input.channels[0].name
        return [{"name": "intensity_image", "type": "IntensityImage", "key": key}]
    return []


def _type(value: Any) -> str:
    if isinstance(value, bool):
        return "Boolean"
    if isinstance(value, (int, float)):
        return "Numeric"
    return "Character" if isinstance(value, str) else "Sequence"


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _yaml(data: Any) -> str:
    return yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=100)
