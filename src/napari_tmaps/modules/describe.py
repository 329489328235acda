"""What a module says of itself: its inputs, settings and outputs, read from its signature.

A module is a plain function. Its signature and its docstring are the only source of the form in
the window, of the check of a pipeline, of the JSON schema and of the help.
"""

from __future__ import annotations

import inspect
import re
import reprlib
import types
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model
from pydantic.fields import FieldInfo

from napari_tmaps.errors import InputError
from napari_tmaps.model.kinds import Kind, Needs
from napari_tmaps.model.pixelsize import PixelSize
from napari_tmaps.modules.version import code_version

Module = Callable[..., Any]

# Where a measuring module says whose objects get its values.
ASSIGN = "assign_objects"
EXTRACT = "extract_objects"
# Inputs whose items stand at the end of the names of the features that come from them.
SOURCES = ("intensity_image", "other_image", "parent_objects")


@dataclass(frozen=True, slots=True)
class InputSpec:
    """An image that a module takes."""

    name: str
    kind: Kind
    optional: bool
    help: str


@dataclass(frozen=True, slots=True)
class SettingSpec:
    """A value that the user may set.

    Attributes
    ----------
    type
        int, float, bool or str; tuple for a list of values.
    minimum, maximum
        Smallest and largest number that a form offers; None where there is no limit.
    step
        By how much a form changes the number; None for anything that is no number.
    choices
        The values to choose from; empty where the value is free.
    """

    name: str
    type: type
    default: Any
    minimum: float | None
    maximum: float | None
    step: float | None
    choices: tuple[Any, ...]
    help: str


@dataclass(frozen=True, slots=True)
class OutputSpec:
    """An image or table that a module returns."""

    name: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class ModuleSpec:
    """All that a pipeline, a form and the help need to know of a module.

    Attributes
    ----------
    summary
        First line of the docstring.
    help
        The prose of the docstring: what stands above its sections, and its notes.
    model
        The settings as a pydantic model, with their defaults.
    needs
        What must be there beside the inputs; None for a module that needs nothing.
    pixel_size
        Name of the argument that takes the site's `PixelSize`; empty if none does. It is no
        setting: nobody types it.
    """

    name: str
    summary: str
    help: str
    category: str
    inputs: tuple[InputSpec, ...]
    settings: tuple[SettingSpec, ...]
    outputs: tuple[OutputSpec, ...]
    function: Module
    model: type[BaseModel]
    needs: Needs | None = None
    pixel_size: str = ""

    @property
    def version(self) -> str:
        """Hash of the code: the function's file and all that it uses; see `code_version`."""
        return code_version(self.function)

    def recipe(self, settings: Mapping[str, Any]) -> str:
        """The version, and the contents of the files that the settings name, as one text.

        Results of the same recipe, settings and inputs are the same.
        """
        contents = self.needs.contents(settings) if self.needs else ""
        return f"{self.version} {contents}".strip()

    def missing(self, settings: Mapping[str, Any]) -> dict[str, str]:
        """What the module needs and does not find: sentences, by setting; see `Needs`."""
        return dict(self.needs.problems(settings)) if self.needs else {}

    @property
    def measures(self) -> bool:
        """Whether the module returns a table of features."""
        return any(output.kind is Kind.MEASUREMENT for output in self.outputs)

    def validate(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """All settings of the module: the given ones, checked, and the defaults of the others.

        Raises
        ------
        InputError
            A setting that does not exist, or a value that does not fit; the first of them.
        """
        problems = self.problems(settings)
        if problems:
            raise InputError(f"Module '{self.name}': {next(iter(problems.values()))}")
        return self.model.model_validate(_tuples(settings)).model_dump()

    def problems(self, settings: Mapping[str, Any]) -> dict[str, str]:
        """What is wrong with which setting, as sentences; empty if all fit."""
        try:
            self.model.model_validate(_tuples(settings))
        except ValidationError as error:
            names = [setting.name for setting in self.settings]
            return {
                str(detail["loc"][0]): _sentence(dict(detail), names) for detail in error.errors()
            }
        return {}

    def json_schema(self) -> dict[str, Any]:
        """The settings as a JSON schema (draft 2020-12), for forms outside Python."""
        return self.model.model_json_schema()


@cache
def describe(function: Module, category: str = "") -> ModuleSpec:
    """Read what a module says of itself.

    Parameters
    ----------
    function
        Images first, typed with the kinds of `model.kinds`; settings keyword-only, each with a
        default; the return type `Annotated[Kind, "name"]` or a NamedTuple of kinds; a docstring
        in the numpydoc form that has an entry for each parameter.
    category
        Heading under which the module is offered.

    Raises
    ------
    InputError
        The function breaks one of these rules; the message says which.
    """
    name = function.__name__
    hints = get_type_hints(function, include_extras=True)
    sections = _sections(inspect.getdoc(function) or "")
    if not sections[""]:
        raise _broken(name, "it needs a docstring whose first line says what it is for")
    texts = _parameter_texts(sections.get("Parameters", []))
    inputs: list[InputSpec] = []
    fields: dict[str, Any] = {}
    pixel_size = ""
    for parameter in inspect.signature(function).parameters.values():
        if parameter.name not in hints:
            raise _broken(name, f"'{parameter.name}' needs a type")
        hint = hints[parameter.name]
        if parameter.kind is parameter.POSITIONAL_OR_KEYWORD:
            text = _help(name, parameter.name, texts, hint)
            inputs.append(_input(name, parameter, hint, text))
        elif hint == PixelSize:
            _help(name, parameter.name, texts, hint)
            pixel_size = parameter.name
        elif parameter.kind is parameter.KEYWORD_ONLY:
            text = _help(name, parameter.name, texts, hint)
            fields[parameter.name] = _field(name, parameter, hint, text)
        else:
            raise _broken(name, f"'{parameter.name}' must be a plain argument")
    model = _model(name, sections[""][0], fields)
    returned = hints.get("return")
    outputs = _outputs(name, returned)
    wired = {spec.name for spec in inputs}
    measured = any(output.kind is Kind.MEASUREMENT for output in outputs)
    if measured and not {EXTRACT, ASSIGN} <= wired:
        raise _broken(name, f"it measures, so it needs the inputs '{EXTRACT}' and '{ASSIGN}'")
    return ModuleSpec(
        name=name,
        summary=sections[""][0],
        help=_prose(sections[""][1:] + sections.get("Notes", [])),
        category=category,
        inputs=tuple(inputs),
        settings=settings_of(model),
        outputs=outputs,
        function=function,
        model=model,
        needs=next(
            (part for part in getattr(returned, "__metadata__", ()) if isinstance(part, Needs)),
            None,
        ),
        pixel_size=pixel_size,
    )


def _broken(module: str, rule: str) -> InputError:
    return InputError(f"Module '{module}' cannot be used: {rule}.")


def _input(module: str, parameter: inspect.Parameter, hint: Any, text: str) -> InputSpec:
    optional = parameter.default is None
    if optional and get_origin(hint) in (Union, types.UnionType):
        hint = next(part for part in get_args(hint) if part is not type(None))
    kind = _kind(hint)
    if kind is None:
        raise _broken(
            module,
            f"'{parameter.name}' comes before the settings, so its type must be a kind of image; "
            "settings stand after the *",
        )
    if not optional and parameter.default is not parameter.empty:
        raise _broken(module, f"the image '{parameter.name}' can have no default but None")
    return InputSpec(parameter.name, kind, optional, text)


def _kind(hint: Any) -> Kind | None:
    return next(
        (part for part in getattr(hint, "__metadata__", ()) if isinstance(part, Kind)), None
    )


def _field(module: str, parameter: inspect.Parameter, hint: Any, text: str) -> Any:
    """The setting as pydantic wants it, after a look at what pydantic would let pass."""
    name = parameter.name
    if parameter.default is parameter.empty:
        raise _broken(module, f"the setting '{name}' needs a default")
    if name.startswith("_") or hasattr(BaseModel, name):
        raise _broken(module, f"a setting cannot be called '{name}'; choose another name")
    if not _is_plain(_bare(hint)):
        raise _broken(
            module,
            f"the setting '{name}' must be int, float, bool, str, a Literal or a tuple of these, "
            "and never optional: choose a number or text that means 'not used'",
        )
    return (hint, Field(default=parameter.default, description=text))


def _bare(hint: Any) -> Any:
    return get_args(hint)[0] if get_origin(hint) is Annotated else hint


def _is_plain(hint: Any) -> bool:
    if get_origin(hint) is tuple:
        return all(part is Ellipsis or _is_plain(_bare(part)) for part in get_args(hint))
    return hint in (int, float, bool, str) or get_origin(hint) is Literal


def _model(module: str, summary: str, fields: dict[str, Any]) -> type[BaseModel]:
    # Strict: "3" is no number and True is no 1; who writes that meant something else.
    config = ConfigDict(
        extra="forbid",
        strict=True,
        frozen=True,
        allow_inf_nan=False,
        validate_default=True,
        protected_namespaces=(),
    )
    model: type[BaseModel] = create_model(module, __config__=config, __doc__=summary, **fields)
    try:
        model()
    except ValidationError as error:
        detail = dict(error.errors()[0])
        raise _broken(module, f"the default of {_sentence(detail, []).rstrip('.')}") from error
    return model


def settings_of(model: type[BaseModel]) -> tuple[SettingSpec, ...]:
    """The fields of a pydantic model as settings, from which a form is made.

    Raises
    ------
    InputError
        A number with a default that its form would show as 0.
    """
    return tuple(_setting(model.__name__, key, field) for key, field in model.model_fields.items())


def _setting(module: str, name: str, field: FieldInfo) -> SettingSpec:
    hint: Any = field.annotation
    default = field.get_default()
    choices = get_args(hint) if get_origin(hint) is Literal else ()
    kind = get_origin(hint) or hint
    if choices:
        kind = type(choices[0])
    if kind not in (int, float):
        return SettingSpec(name, kind, default, None, None, None, choices, field.description or "")
    extra = field.json_schema_extra
    step = extra.get("step") if isinstance(extra, dict) else None
    step = float(str(step)) if step is not None else 1.0 if kind is int else 0.01
    if 0 < abs(default) < step:
        raise _broken(
            module,
            f"the setting '{name}' has the default {default:g}, which a form would show as 0: "
            'give it json_schema_extra={"step": …}',
        )
    minimum = maximum = None
    for limit in field.metadata:
        match limit:
            case Ge(ge=value):
                minimum = float(str(value))
            case Gt(gt=value):
                minimum = float(str(value)) + step
            case Le(le=value):
                maximum = float(str(value))
            case Lt(lt=value):
                maximum = float(str(value)) - step
    text = field.description or ""
    # A form takes the kind of number from the value, so 0 for a float must be 0.0.
    return SettingSpec(name, kind, kind(default), minimum, maximum, step, choices, text)


def _outputs(module: str, hint: Any) -> tuple[OutputSpec, ...]:
    bare = _bare(hint)
    if isinstance(bare, type) and issubclass(bare, tuple):
        hint = bare  # what it needs may stand around a NamedTuple
    if isinstance(hint, type) and issubclass(hint, tuple) and hasattr(hint, "_fields"):
        kinds = {
            field: _kind(part) for field, part in get_type_hints(hint, include_extras=True).items()
        }
        if len(kinds) < 2:
            raise _broken(module, "a NamedTuple is for several outputs; it has but one")
    else:
        names = [part for part in getattr(hint, "__metadata__", ()) if isinstance(part, str)]
        # Kinds are texts too; the name of the output is the text that is no kind.
        names = [part for part in names if not isinstance(part, Kind)]
        kinds = {names[0]: _kind(hint)} if names else {}
    found = tuple(OutputSpec(name, kind) for name, kind in kinds.items() if kind is not None)
    if not found or len(found) < len(kinds):
        raise _broken(
            module,
            'its return type must be Annotated[Kind, "name of the output"] or a NamedTuple whose '
            "fields are all kinds",
        )
    return found


# --- texts ---------------------------------------------------------------------------------


def _sections(text: str) -> dict[str, list[str]]:
    """Lines of a numpydoc text by section; those above the first section under ""."""
    lines = text.splitlines()
    found: dict[str, list[str]] = {"": []}
    current = found[""]
    for number, line in enumerate(lines):
        below = lines[number + 1] if number + 1 < len(lines) else ""
        if line and re.fullmatch(r"-{3,}", below):
            current = found.setdefault(line.strip(), [])
        elif not re.fullmatch(r"-{3,}", line):
            current.append(line)
    return found


def _parameter_texts(lines: list[str]) -> dict[str, str]:
    """Text of each parameter; several may share one, as in "min_area, max_area"."""
    blocks: list[tuple[str, list[str]]] = []
    for line in lines:
        if line and not line[0].isspace():
            blocks.append((line.split(":")[0], []))
        elif blocks:
            blocks[-1][1].append(line)
    return {name.strip(): _prose(block) for names, block in blocks for name in names.split(",")}


def _prose(lines: list[str]) -> str:
    paragraphs = re.split(r"\n\s*\n", "\n".join(lines).strip())
    return "\n\n".join(re.sub(r"\s+", " ", paragraph).strip() for paragraph in paragraphs)


def _help(module: str, name: str, texts: dict[str, str], hint: Any) -> str:
    described = [part.description for part in _field_infos(hint) if part.description]
    text = texts.get(name) or next(iter(described), "")
    if not text:
        raise _broken(module, f"'{name}' has no text under 'Parameters' of the docstring")
    return text


def _field_infos(hint: Any) -> Iterator[FieldInfo]:
    return (part for part in getattr(hint, "__metadata__", ()) if isinstance(part, FieldInfo))


# --- values --------------------------------------------------------------------------------


def _tuples(settings: Mapping[str, Any]) -> dict[str, Any]:
    """YAML and JSON know lists only."""
    return {
        name: tuple(value) if isinstance(value, list) else value for name, value in settings.items()
    }


_WANTED = {
    "greater_than_equal": "at least {ge}",
    "greater_than": "more than {gt}",
    "less_than_equal": "at most {le}",
    "less_than": "less than {lt}",
    "multiple_of": "a multiple of {multiple_of}",
    "int_type": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "string_type": "a text",
    "literal_error": "one of {expected}",
    "tuple_type": "a list",
}


def _sentence(detail: dict[str, Any], known: list[str]) -> str:
    """A finding of pydantic in the user's words."""
    name, *place = detail["loc"]
    if detail["type"] == "extra_forbidden":
        near = get_close_matches(str(name), known, n=1)
        hint = f" Did you mean '{near[0]}'?" if near else ""
        shown = ", ".join(f"'{item}'" for item in known) or "none"
        return f"there is no setting '{name}'.{hint} Settings: {shown}."
    where = f"value {place[0] + 1} of {name}" if place else str(name)
    value = reprlib.repr(detail["input"])
    wanted = _WANTED.get(detail["type"])
    if wanted is None:
        return f"{where} is {value}, which does not fit: {detail['msg']}."
    context = {
        key: f"{limit:g}" if isinstance(limit, float) else limit
        for key, limit in detail.get("ctx", {}).items()
    }
    sentence = f"{where} is {value}, but must be {wanted.format(**context)}."
    if detail["type"] == "literal_error" and isinstance(detail["input"], str):
        near = get_close_matches(
            detail["input"], re.findall(r"'([^']*)'", wanted.format(**context))
        )
        sentence += f" Did you mean '{near[0]}'?" if near else ""
    return sentence
