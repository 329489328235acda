"""What is known of a module: its inputs, settings and outputs, as values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

from napari_tmaps.errors import InputError
from napari_tmaps.model.kinds import Depth, Kind, Needs
from napari_tmaps.modules.faults import sentence
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
    depth
        Whether it takes planes or stacks; None for a module that does not say.
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
    depth: Depth | None = None
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
        values, problems = self.read(settings)
        if problems:
            raise InputError(f"Module '{self.name}': {next(iter(problems.values()))}")
        return values

    def problems(self, settings: Mapping[str, Any]) -> dict[str, str]:
        """What is wrong with which setting, as sentences; empty if all fit."""
        return self.read(settings)[1]

    def read(self, settings: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
        """What `validate` gives, {} where something is wrong, and `problems`; once through."""
        try:
            return self.model.model_validate(_tuples(settings)).model_dump(), {}
        except ValidationError as error:
            names = [setting.name for setting in self.settings]
            return {}, {
                str(detail["loc"][0]): sentence(dict(detail), names) for detail in error.errors()
            }

    def json_schema(self) -> dict[str, Any]:
        """The settings as a JSON schema (draft 2020-12), for forms outside Python."""
        return self.model.model_json_schema()


def _tuples(settings: Mapping[str, Any]) -> dict[str, Any]:
    """YAML and JSON know lists only."""
    return {
        name: tuple(value) if isinstance(value, list) else value for name, value in settings.items()
    }
