"""The JSON schema of a pipeline file, so that editors complete and check it while it is typed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from napari_tmaps.model.pipeline import PipelineDescription
from napari_tmaps.modules.describe import describe
from napari_tmaps.modules.spec import Module, ModuleSpec
from napari_tmaps.pipeline.wiring import all_modules


def pipeline_schema(modules: Mapping[str, Module] | None = None) -> dict[str, Any]:
    """The schema (JSON Schema draft 2020-12) of a pipeline file with the modules that there are.

    It knows the names of modules, and for each its inputs, settings with ranges, and outputs.
    What it cannot see is whether wires fit; `check` does.
    """
    specs = [describe(function) for function in all_modules(modules).values()]
    schema = PipelineDescription.model_json_schema()
    call = schema["$defs"]["ModuleCall"]
    call["properties"]["module"] = {
        "title": "Module",
        "oneOf": [{"const": spec.name, "description": spec.summary} for spec in specs],
    }
    call["allOf"] = [
        {
            "if": {"properties": {"module": {"const": spec.name}}},
            "then": {"properties": _parts(spec)},
        }
        for spec in specs
    ]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "title": "Pipeline of napari-tmaps",
    }


def _parts(spec: ModuleSpec) -> dict[str, Any]:
    needed = [each.name for each in spec.inputs if not each.optional]
    return {
        "inputs": {
            "properties": {
                each.name: {"type": "string", "description": f"{each.kind}. {each.help}"}
                for each in spec.inputs
            },
            "required": needed,
            "additionalProperties": False,
        },
        "settings": spec.json_schema(),
        "outputs": {
            "properties": {
                each.name: {"type": "string", "description": str(each.kind)}
                for each in spec.outputs
            },
            "additionalProperties": False,
        },
    }
