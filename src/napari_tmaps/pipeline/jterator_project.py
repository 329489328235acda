"""Projects of TissueMAPS' jterator, read: `pipeline.yaml` with `handles/*.handles.yaml`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from napari_tmaps.errors import NotFoundError, PipelineError, StorageError
from napari_tmaps.model.kinds import Kind
from napari_tmaps.model.pipeline import ModuleCall, PipelineDescription
from napari_tmaps.modules.spec import ASSIGN, EXTRACT, Module, ModuleSpec
from napari_tmaps.pipeline.imported import Imported, Note, State
from napari_tmaps.pipeline.jterator_project_names import FIGURE_TYPES, FIGURES_ONLY, MODULES
from napari_tmaps.pipeline.wiring import spec_of

TITLE = "# name: "
"""How our projects begin: TissueMAPS has no place for the name of a pipeline."""

DEFAULT = "Default of the module."
"""What our projects say of a constant that the pipeline leaves to the module."""

_IMAGES = ("Image", "IntensityImage", "MaskImage", "LabelImage", "BinaryImage", "SegmentedObjects")
_CONSTANTS = ("Numeric", "Character", "Boolean", "Scalar", "Sequence", "Set", "Plot")
_OUTPUTS = (*_IMAGES, "Measurement", "Figure")


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


Part = TypeVar("Part", bound=_Part)


class _Channel(_Part):
    name: str
    correct: bool = True


class _ObjectType(_Part):
    name: str
    as_polygons: bool = True


class _Inputs(_Part):
    channels: tuple[_Channel, ...] | None = ()
    objects: tuple[_ObjectType, ...] | None = ()


class _Outputs(_Part):
    objects: tuple[_ObjectType, ...] | None = ()


class _Handle(_Part):
    name: str
    type: str
    help: str | None = None
    mode: str | None = None
    key: str | None = None
    value: Any = None
    options: list[Any] | None = None
    objects: str | None = None
    objects_ref: str | None = None
    channel_ref: str | None = None


class _Handles(_Part):
    version: Annotated[str, Field(pattern=r"^\d+\.\d+\.\d+$")] | None = None
    input: tuple[_Handle, ...] | None = ()
    output: tuple[_Handle, ...] | None = ()


class _Entry(_Part):
    handles: str | _Handles
    source: str
    active: bool = True


class _Project(_Part):
    description: str | None = None
    input: _Inputs | None = None
    output: _Outputs | None = None
    pipeline: tuple[_Entry, ...] = ()


def load_project(path: str | Path, *, modules: Mapping[str, Module] | None = None) -> Imported:
    """Read a jterator project of TissueMAPS.

    Parameters
    ----------
    path
        The folder with `pipeline.yaml`, or the file itself; also an older `*.pipe.yaml`, in which
        the handles of a module may stand in the place of the name of their file.

    Returns
    -------
    Imported
        Constants have become settings and keys wires. Steps of modules that do not exist here
        stay in the pipeline under their names: `check` names them, and nothing is guessed.

    Raises
    ------
    NotFoundError
        There is no such project, or a file of handles is missing.
    PipelineError
        The project is damaged; the message names the file and the field.
    """
    file = _project_file(Path(path))
    text = _text(file)
    project = _read(_Project, text, file)
    notes: list[Note] = []
    given, kept = project.input or _Inputs(), project.output or _Outputs()
    for kept_type in kept.objects or ():
        if not kept_type.as_polygons:
            notes.append(
                Note(
                    f"output objects ({kept_type.name})",
                    State.APPROXIMATED,
                    "TissueMAPS kept their centres only; here their labels are kept.",
                )
            )
    reader = _Reader(file, modules, notes)
    calls = [reader.call(entry) for entry in project.pipeline]
    if reader.figures:
        notes.append(
            Note(
                "figures",
                State.LEFT_OUT,
                "Modules draw no figures here: see each step in the window, or with "
                "'tmaps pipeline debug'.",
            )
        )
    data = {
        "name": _name(text, file),
        "description": project.description or "",
        "input": {
            "channels": [{"name": c.name, "correct": c.correct} for c in given.channels or ()],
            "objects": [{"name": each.name} for each in given.objects or ()],
        },
        "pipeline": calls,
        "output": {"objects": [{"name": each.name} for each in kept.objects or ()]},
    }
    try:
        return Imported(PipelineDescription.model_validate(data), tuple(notes))
    except ValidationError as error:
        raise PipelineError(f"'{file}', {_sentence(error)}") from error


class _Reader:
    """Goes through the modules of a project, in order, and knows where each key comes from."""

    def __init__(self, file: Path, modules: Mapping[str, Module] | None, notes: list[Note]) -> None:
        self.file = file
        self.modules = modules
        self.notes = notes
        self.items: dict[str, str] = {}  # keys that are called otherwise here
        self.names: set[str] = set()
        self.figures = False

    def call(self, entry: _Entry) -> ModuleCall:
        source = PurePosixPath(entry.source.replace("\\", "/")).stem
        module = MODULES.get(source, source)
        if isinstance(entry.handles, _Handles):
            name, file, handles = self._free(source), self.file, entry.handles
        else:
            file = self.file.parent / entry.handles
            name = re.sub(r"(\.handles)?\.ya?ml$|\.handles$", "", file.name)
            handles = _read(_Handles, _text(file), file)
        self.names.add(name)
        spec = spec_of(module, self.modules)
        where = f"{name} ({entry.source})"
        if spec is None:
            self.notes.append(
                Note(where, State.LEFT_OUT, f"There is no module '{module}'; replace the step.")
            )
        elif module != source:
            self.notes.append(Note(where, State.TRANSLATED, f"It is called '{module}' now."))
        inputs, settings = self._inputs(handles, spec, module, file, where)
        outputs = self._outputs(handles, spec, name, inputs, file)
        try:
            return ModuleCall(
                name=name,
                module=module,
                active=entry.active,
                inputs=inputs,
                settings=settings,
                outputs=outputs,
            )
        except ValidationError as error:
            raise PipelineError(f"'{file}', {_sentence(error)}") from error

    def _free(self, source: str) -> str:
        names = (source, *(f"{source}_{number}" for number in range(1, len(self.names) + 1)))
        return next(name for name in names if name not in self.names)

    def _inputs(
        self, handles: _Handles, spec: ModuleSpec | None, module: str, file: Path, where: str
    ) -> tuple[dict[str, str], dict[str, Any]]:
        inputs: dict[str, str] = {}
        settings: dict[str, Any] = {}
        for handle in _unique(handles.input or (), "input", file):
            field = f"'{file}', input '{handle.name}'"
            if handle.type in FIGURE_TYPES:
                self.figures = True
            elif handle.name in FIGURES_ONLY.get(module, ()):
                text = f"'{handle.name}' only changed the figure."
                self.notes.append(Note(where, State.LEFT_OUT, text))
            elif handle.type in _IMAGES:
                if handle.key:
                    inputs[handle.name] = self.items.get(handle.key, handle.key)
            elif handle.type not in _CONSTANTS:
                raise PipelineError(f"{field}: {_type_fault(handle, (*_IMAGES, *_CONSTANTS))}")
            elif handle.value is None:
                if spec is not None:
                    text = f"'{handle.name}' was empty; the default of the module holds."
                    self.notes.append(Note(where, State.APPROXIMATED, text))
            else:
                if handle.options and handle.value not in handle.options:
                    raise PipelineError(
                        f"{field}: 'value' is {handle.value!r}, but must be one of "
                        f"{', '.join(map(repr, handle.options))}."
                    )
                value = _fitting(handle, spec)
                if handle.help != DEFAULT or _default(handle.name, spec) != value:
                    settings[handle.name] = value
        return inputs, settings

    def _outputs(
        self,
        handles: _Handles,
        spec: ModuleSpec | None,
        name: str,
        inputs: dict[str, str],
        file: Path,
    ) -> dict[str, str]:
        outputs: dict[str, str] = {}
        kinds = {} if spec is None else {each.name: each.kind for each in spec.outputs}
        for handle in _unique(handles.output or (), "output", file):
            field = f"'{file}', output '{handle.name}'"
            if handle.type not in _OUTPUTS:
                raise PipelineError(f"{field}: {_type_fault(handle, _OUTPUTS)}")
            if handle.type == "Figure":
                self.figures = True
            elif handle.type == "Measurement":
                for key, ours in (("objects", ASSIGN), ("objects_ref", EXTRACT)):
                    wire = getattr(handle, key)
                    if wire is not None and wire not in inputs:
                        raise PipelineError(
                            f"{field}: '{key}' is '{wire}', but must name an input of the module: "
                            f"{', '.join(inputs) or 'it has none'}."
                        )
                    if wire is not None and wire != ours:
                        inputs[ours] = inputs[wire]
            elif not handle.key:
                raise PipelineError(f"{field}: 'key' is missing.")
            elif handle.key != (item := f"{name}.{handle.name}"):
                named = re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]*", handle.key)
                if named or kinds.get(handle.name) is Kind.SEGMENTED_OBJECTS:
                    outputs[handle.name] = handle.key
                    item = handle.key
                self.items[handle.key] = item
        return outputs


# --- values --------------------------------------------------------------------------------


def _fitting(handle: _Handle, spec: ModuleSpec | None) -> Any:
    """The value in the type of the setting, where that is the same value."""
    wanted = next((s for s in (spec.settings if spec else ()) if s.name == handle.name), None)
    value = handle.value
    if wanted is None or isinstance(value, bool):
        return value
    if wanted.type is int and isinstance(value, float) and value.is_integer():
        return int(value)
    if wanted.type in (int, float) and isinstance(value, str):
        try:
            return wanted.type(float(value))  # YAML 1.1 takes 1e-3 for a text
        except ValueError:
            return value
    if handle.type == "Set" and isinstance(value, list):
        return list(dict.fromkeys(value))
    return value


def _default(name: str, spec: ModuleSpec | None) -> Any:
    found = next((s.default for s in (spec.settings if spec else ()) if s.name == name), None)
    return list(found) if isinstance(found, tuple) else found


def _type_fault(handle: _Handle, known: tuple[str, ...]) -> str:
    return f"'type' is '{handle.type}', but must be one of {', '.join(known)}."


def _unique(handles: tuple[_Handle, ...], mode: str, file: Path) -> tuple[_Handle, ...]:
    names = [handle.name for handle in handles]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise PipelineError(f"'{file}': the {mode} '{twice}' stands there twice.")
    return handles


# --- files ---------------------------------------------------------------------------------


def _project_file(path: Path) -> Path:
    if path.is_file():
        return path
    if not path.is_dir():
        raise NotFoundError(f"There is no jterator project at '{path}': no such file or folder.")
    found = [path / "pipeline.yaml"] if (path / "pipeline.yaml").is_file() else []
    found = found or sorted([*path.glob("*.pipe.yaml"), *path.glob("*.pipe")])
    if not found:
        raise NotFoundError(
            f"'{path}' is no jterator project: there is no 'pipeline.yaml' and no '*.pipe.yaml'."
        )
    if len(found) > 1:
        names = ", ".join(f"'{each.name}'" for each in found)
        raise PipelineError(f"'{path}' has several projects; choose one of the files {names}.")
    return found[0]


def _name(text: str, file: Path) -> str:
    if text.startswith(TITLE):
        return text.split("\n", 1)[0].removeprefix(TITLE)
    if file.name != "pipeline.yaml":
        return re.sub(r"\.pipe(\.ya?ml)?$|\.ya?ml$", "", file.name) or "pipeline"
    return file.absolute().parent.name or "pipeline"


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise NotFoundError(f"The project lacks the file '{file}'.") from error
    except UnicodeDecodeError as error:
        raise PipelineError(f"'{file}' is no text file (UTF-8).") from error
    except OSError as error:
        raise StorageError(f"Could not read '{file}': {error.strerror or error}.") from error


def _read(model: type[Part], text: str, file: Path) -> Part:
    try:
        data = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        raise PipelineError(f"'{file}'{line} cannot be read as YAML.") from error
    if not isinstance(data, dict):
        raise PipelineError(f"'{file}' is no part of a project: it should be 'name: value' pairs.")
    steps = data.get("pipeline")
    if isinstance(steps, list) and any(isinstance(s, dict) and "module" in s for s in steps):
        raise PipelineError(
            f"'{file}' is no jterator project, but a pipeline of napari-tmaps already: there is "
            "nothing to translate. Use it as it is."
        )
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise PipelineError(f"'{file}', {_sentence(error)}") from error


def _sentence(error: ValidationError) -> str:
    """The first finding of pydantic: where, and what is wrong."""
    detail = error.errors()[0]
    place = [f"{part + 1}" if isinstance(part, int) else str(part) for part in detail["loc"]]
    named = " ".join(part for part in place if part not in ("str", "_Handles"))
    if detail["type"] == "missing":
        return f"'{named}' is missing."
    if detail["type"] == "extra_forbidden":
        return f"'{named}' is not known."
    return f"'{named}' is {detail['input']!r}, which does not fit: {detail['msg']}."
