"""What a module says of itself, read from its signature and its docstring.

A module is a plain function. Its signature and its docstring are the only source of the form in
the window, of the check of a pipeline, of the JSON schema and of the help.
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Iterator
from functools import cache
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model
from pydantic.fields import FieldInfo

from napari_tmaps.errors import InputError
from napari_tmaps.model.kinds import Depth, Kind, Needs
from napari_tmaps.model.pixelsize import PixelSize
from napari_tmaps.modules.docstring import parameter_texts, prose, sections_of
from napari_tmaps.modules.faults import sentence
from napari_tmaps.modules.spec import (
    ASSIGN,
    EXTRACT,
    InputSpec,
    Module,
    ModuleSpec,
    OutputSpec,
    SettingSpec,
)

_T = TypeVar("_T")


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
    sections = sections_of(inspect.getdoc(function) or "")
    if not sections[""]:
        raise _broken(name, "it needs a docstring whose first line says what it is for")
    texts = parameter_texts(sections.get("Parameters", []))
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
        help=prose(sections[""][1:] + sections.get("Notes", [])),
        category=category,
        inputs=tuple(inputs),
        settings=settings_of(model),
        outputs=outputs,
        function=function,
        model=model,
        needs=_said(returned, Needs),
        depth=_said(returned, Depth),
        pixel_size=pixel_size,
    )


def _said(hint: Any, what: type[_T]) -> _T | None:
    """The value of a type in the metadata of a hint; None where there is none."""
    return next(
        (part for part in getattr(hint, "__metadata__", ()) if isinstance(part, what)), None
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
        raise _broken(module, f"the default of {sentence(detail, []).rstrip('.')}") from error
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


def _help(module: str, name: str, texts: dict[str, str], hint: Any) -> str:
    described = [part.description for part in _field_infos(hint) if part.description]
    text = texts.get(name) or next(iter(described), "")
    if not text:
        raise _broken(module, f"'{name}' has no text under 'Parameters' of the docstring")
    return text


def _field_infos(hint: Any) -> Iterator[FieldInfo]:
    return (part for part in getattr(hint, "__metadata__", ()) if isinstance(part, FieldInfo))
