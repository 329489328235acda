"""Pipelines as YAML files, and the ready ones that come with napari-tmaps."""

from __future__ import annotations

import re
import reprlib
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import PydanticSerializationError

from napari_tmaps.errors import NotFoundError, PipelineError, StorageError
from napari_tmaps.model.pipeline import (
    ChannelInput,
    ModuleCall,
    ObjectInput,
    ObjectOutput,
    PipelineDescription,
    PipelineInput,
    PipelineOutput,
)
from napari_tmaps.streams.atomic import write_text

# What stands in which section of the file.
_SECTIONS: dict[str, type[BaseModel]] = {
    "": PipelineDescription,
    "input": PipelineInput,
    "input channels": ChannelInput,
    "input objects": ObjectInput,
    "pipeline": ModuleCall,
    "output": PipelineOutput,
    "output objects": ObjectOutput,
}


def load_pipeline(path_or_text: str | Path) -> PipelineDescription:
    """Read a pipeline.

    Parameters
    ----------
    path_or_text
        A file, or the YAML itself: a text of more than one line is YAML.

    Raises
    ------
    NotFoundError
        There is no such file.
    StorageError
        The file cannot be read.
    PipelineError
        The text is no pipeline; the message names the line and the field.
    """
    if isinstance(path_or_text, str) and "\n" in path_or_text:
        return _parse(path_or_text, "The pipeline")
    path = Path(path_or_text)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise NotFoundError(f"There is no pipeline file '{path}'.") from error
    except UnicodeDecodeError as error:
        raise PipelineError(f"'{path}' is no text file (UTF-8), so it is no pipeline.") from error
    except OSError as error:
        raise StorageError(f"Could not read '{path}': {error.strerror or error}.") from error
    return _parse(text, f"'{path}'")


def save_pipeline(pipeline: PipelineDescription, path: str | Path) -> None:
    """Write a pipeline; the file appears whole or not at all.

    Raises
    ------
    PipelineError
        A setting that YAML cannot hold.
    StorageError
        The disk refused.
    """
    write_text(Path(path), dump_pipeline(pipeline))


def dump_pipeline(pipeline: PipelineDescription) -> str:
    """The YAML of a pipeline: one line a value, in the order of the fields, defaults left out.

    Raises
    ------
    PipelineError
        A setting that YAML cannot hold.
    """
    try:
        data = {"name": pipeline.name, **pipeline.model_dump(mode="json", exclude_defaults=True)}
    except PydanticSerializationError as error:
        raise PipelineError(
            f"The pipeline '{pipeline.name}' holds a setting that cannot be written: {error}. "
            "Use plain numbers, texts, true, false and lists of these."
        ) from error
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)


def ready_pipelines() -> dict[str, PipelineDescription]:
    """The pipelines that come with napari-tmaps, by name."""
    return {pipeline.name: pipeline for pipeline in _ready()}


@cache
def _ready() -> tuple[PipelineDescription, ...]:
    folder = files("napari_tmaps").joinpath("pipelines")
    texts = sorted(
        (item.name, item.read_text(encoding="utf-8"))
        for item in folder.iterdir()
        if item.name.endswith(".yaml")
    )
    return tuple(_parse(text, f"'{name}'") for name, text in texts)


# --- YAML ----------------------------------------------------------------------------------


class _Loader(yaml.SafeLoader):
    """Safe, and without YAML's traps: `no` and `12:30` stay texts, 1e-3 is a number."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """A mapping; a key that stands twice is an error, not a silent choice."""
        seen: set[str] = set()
        for key, _ in node.value:
            name = str(key.value)
            if name in seen and name != "<<":
                raise yaml.constructor.ConstructorError(
                    None, None, f"'{name}' stands there twice", key.start_mark
                )
            seen.add(name)
        return super().construct_mapping(node, deep=deep)


class _Dumper(yaml.SafeDumper):
    """Writes what `_Loader` reads back as the same value."""


_FLOAT = r"[-+]?(\.\d+|\d+\.\d*|\d+(?=[eE]))([eE][-+]?\d+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"
_RESOLVERS = {
    "bool": (r"true|True|TRUE|false|False|FALSE", "tTfF"),
    "int": (r"[-+]?[0-9]+", "-+0123456789"),
    "float": (_FLOAT, "-+0123456789."),
    "null": (r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    "merge": (r"<<", "<"),
}


def _resolve(yaml_class: type[_Loader | _Dumper], tag: str) -> None:
    pattern, first = _RESOLVERS[tag]
    yaml_class.add_implicit_resolver(
        f"tag:yaml.org,2002:{tag}", re.compile(f"^(?:{pattern})$"), list(first)
    )


_Loader.yaml_implicit_resolvers = {}
for _tag in _RESOLVERS:
    _resolve(_Loader, _tag)
# The other rules of YAML 1.1 stay: text that they would misread is put in quotes for them.
_resolve(_Dumper, "float")


def _int(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> int:
    # Decimal always: YAML 1.1 reads 010 as eight.
    return int(str(loader.construct_scalar(node)))


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    style = "|" if "\n" in value else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Loader.add_constructor("tag:yaml.org,2002:int", _int)
_Dumper.add_representer(str, _text)


def _parse(text: str, source: str) -> PipelineDescription:
    try:
        loader = _Loader(text)
    except yaml.YAMLError as error:  # signs that no text file has
        raise PipelineError(f"{source} cannot be read as YAML: {error}.") from error
    try:
        root = loader.get_single_node()
        data = None if root is None else loader.construct_document(root)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f", line {mark.line + 1}" if mark else ""
        raise PipelineError(f"{source}{line}: {error.problem or error.context}.") from error
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise PipelineError(f"{source} cannot be read as YAML: {error}.") from error
    finally:
        loader.dispose()
    if root is None or not isinstance(data, dict):
        raise PipelineError(
            f"{source} is no pipeline. A pipeline has the sections 'input', 'pipeline' and "
            "'output'."
        )
    try:
        return PipelineDescription.model_validate(data)
    except ValidationError as error:
        problems = _problems(error, root)
    if len(problems) == 1:
        raise PipelineError(f"{source}, {problems[0]}")
    listed = "\n".join(f"- {problem}" for problem in problems)
    raise PipelineError(f"{source} has {len(problems)} problems:\n{listed}")


def _line(node: yaml.Node, place: tuple[int | str, ...]) -> int:
    """Line of the deepest part of the place that the file has."""
    line = node.start_mark.line
    for key in place:
        if isinstance(node, yaml.MappingNode):
            found = next((pair for pair in node.value if pair[0].value == str(key)), None)
            if found is None:
                break
            line, node = found[0].start_mark.line, found[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(key, int):
            node = node.value[key]
            line = node.start_mark.line
    return line + 1


def _problems(error: ValidationError, root: yaml.Node) -> list[str]:
    """What pydantic found, in the user's words and with the line."""
    findings: list[dict[str, Any]] = [dict(detail) for detail in error.errors()]
    misspelt = {
        (*detail["loc"][:-1], _near(detail["loc"]))
        for detail in findings
        if detail["type"] == "extra_forbidden"
    }
    return [
        f"line {_line(root, detail['loc'])}: {_sentence(detail)}"
        for detail in findings
        if detail["type"] != "missing" or detail["loc"] not in misspelt
    ]


_WANTED = {
    "string_type": "a text; put it in quotes if it is meant as one",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "tuple_type": "a list, whose lines begin with '-'",
    "dict_type": "pairs of 'name: value'",
    "model_type": "pairs of 'name: value'",
    "string_too_short": "a text that is not empty",
    "string_too_long": "a text of at most {max_length} characters",
}


def _sentence(detail: dict[str, Any]) -> str:
    place = detail["loc"]
    where, key = _where(place), place[-1]
    if detail["type"] == "extra_forbidden":
        near = _near(place)
        known = ", ".join(f"'{name}'" for name in _fields_beside(place))
        return f"{where}: '{key}' is not known; " + (
            f"did you mean '{near}'?" if near else f"known are {known}."
        )
    if detail["type"] == "missing":
        return f"{where}: '{key}' is missing."
    named = f"'{key}'" if isinstance(key, str) else f"entry {key + 1}"
    value = "empty" if detail["input"] is None else reprlib.repr(detail["input"])
    if detail["type"] == "string_pattern_mismatch":
        return (
            f"{where}: {named} is {value}, but such a name begins with a letter and has only "
            "letters, digits, _ and -."
        )
    wanted = _WANTED.get(detail["type"])
    if wanted is None:
        return f"{where}: {named} is {value}, which does not fit: {detail['msg']}."
    return f"{where}: {named} is {value}, but must be {wanted.format(**detail.get('ctx', {}))}."


def _where(place: tuple[int | str, ...]) -> str:
    """The section in words: "pipeline step 3", "input channels 1", "top of the file"."""
    words: list[str] = []
    for key in place[:-1]:
        if isinstance(key, int):
            words.append(f"step {key + 1}" if words == ["pipeline"] else str(key + 1))
        else:
            words.append(key)
    return " ".join(words) or "top of the file"


def _fields_beside(place: tuple[int | str, ...]) -> list[str]:
    """Fields that may stand where the place is."""
    section = " ".join(key for key in place[:-1] if isinstance(key, str))
    return list(_SECTIONS[section].model_fields)


def _near(place: tuple[int | str, ...]) -> str | None:
    """The field that a misspelt one is meant to be."""
    return next(iter(get_close_matches(str(place[-1]), _fields_beside(place), n=1)), None)
