"""Hook of mkdocs: the pages of the reference, made from what the program says of itself.

Nothing here is kept in a file, so that it cannot fall behind.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import Enum
from typing import Any

import typer
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from napari_tmaps.modules.spec import ModuleSpec, SettingSpec

PYTHON = {
    "Experiments": ["workflow.door.Experiment", "workflow.door.Workflow", "workflow.convert"],
    "Microscope files": ["vendors.scan", "vendors.preview.preview", "vendors.profile.load_profile"],
    "Pipelines": [
        "pipeline.load_pipeline", "pipeline.ready_pipelines", "pipeline.check",
        "pipeline.run_site", "pipeline.to_script", "workflow.analyse",
    ],
    "Objects": [
        "store.features.FeatureStore", "store.feature_table.FeatureTable",
        "store.results.ResultStore", "store.selections.SelectionStore", "store.gates.GateStore",
        "tools.run.run_tool", "tools.run.open_data",
    ],
    "Images": [
        "streams.saving.save_config_frames", "streams.saving.MetaData",
        "streams.saving.OutputParameters", "streams.create_stream",
        "streams.AcquisitionSettings",
    ],
    "Server": ["client.TmClient"],
    "Errors": ["errors"],
}  # fmt: skip
"""What scripts use: heading → names in the package."""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages of the reference."""
    for name, lines in {
        "cli": command_line(),
        "modules": modules(),
        "steps": steps(),
        "python": python(),
    }.items():
        path = f"reference/{name}.md"
        files.append(File.generated(config, path, content="\n".join(lines) + "\n"))
    return files


def command_line() -> Iterator[str]:
    """Every command with its arguments and options."""
    from napari_tmaps.cli.commands import app
    from napari_tmaps.cli.steps import step_app

    yield "# Command line"
    yield ""
    yield "`--json` prints for other programs ([the keys](../json.md))."
    yield from _command(typer.main.get_command(app), "tmaps", 2)
    yield ""
    yield "## tmaps STEP EXPERIMENT"
    yield ""
    yield "Each step is a program with these verbs, also installed under its own name: `jterator"
    yield "EXPERIMENT init`. The options of `init` are those of [the step](steps.md); here they are"
    yield "those of jterator."
    for name, each in typer.main.get_command(step_app("jterator")).commands.items():
        yield from _command(each, f"tmaps jterator EXPERIMENT {name}", 3)


def _command(command: Any, called: str, depth: int) -> Iterator[str]:
    yield ""
    yield f"{'#' * min(depth, 4)} {called}"
    yield ""
    yield _plain(command.help or "")
    rows = [_option(each) for each in command.params if not getattr(each, "hidden", False)]
    rows = [row for row in rows if row]
    if rows:
        yield ""
        yield "| | |"
        yield "|---|---|"
        yield from rows
    if hasattr(command, "commands"):
        arguments = "".join(
            f" {_metavar(each)}" for each in command.params if each.param_type_name == "argument"
        )
        for name, each in command.commands.items():
            if not each.hidden:
                yield from _command(each, f"{called}{arguments} {name}", depth + 1)


def _metavar(parameter: Any) -> str:
    return str(parameter.metavar or parameter.name.upper())


def _option(parameter: Any) -> str:
    if parameter.name in {"help", "install_completion", "show_completion"}:
        return ""
    if parameter.param_type_name == "argument":
        what = _metavar(parameter)
    else:
        what = ", ".join((*parameter.opts, *parameter.secondary_opts))
    text = (parameter.help or "").strip()
    kind = parameter.type_descriptor.annotation
    if isinstance(kind, type) and issubclass(kind, Enum):
        text += " One of " + ", ".join(f"`{each.value}`" for each in kind) + "."
    default = getattr(parameter, "default", None)
    if default not in (None, "", False, True, [], ()) and not callable(default):
        text += f" By default `{getattr(default, 'value', default)}`."
    return f"| `{what}` | {_cell(text)} |"


def modules() -> Iterator[str]:
    """Every module by category."""
    from napari_tmaps.modules import CATEGORIES
    from napari_tmaps.modules.describe import describe

    yield "# Modules"
    yield ""
    yield "What can be a step of a [pipeline](../pipelines.md); `tmaps modules NAME` prints it."
    for category, functions in CATEGORIES.items():
        yield ""
        yield f"## {category.capitalize()}"
        for function in functions:
            yield from _module(describe(function, category))


def _module(spec: ModuleSpec) -> Iterator[str]:
    yield ""
    yield f"### {spec.name}"
    yield ""
    yield _plain(spec.summary)
    if spec.help:
        yield ""
        yield _plain(spec.help)
    yield ""
    yield "| | | |"
    yield "|---|---|---|"
    for each in spec.inputs:
        optional = ", may be left out" if each.optional else ""
        yield f"| in | `{each.name}` | {each.kind.value}{optional}. {_cell(each.help)} |"
    for setting in spec.settings:
        yield f"| setting | `{setting.name}` = `{setting.default!r}` | {_setting(setting)} |"
    for output in spec.outputs:
        yield f"| out | `{output.name}` | {output.kind.value} |"


def _setting(setting: SettingSpec) -> str:
    text = _cell(setting.help)
    if setting.choices:
        text += " One of " + ", ".join(f"`{each}`" for each in setting.choices) + "."
    elif setting.minimum is not None or setting.maximum is not None:
        low = "" if setting.minimum is None else f"{setting.minimum:g}"
        high = "" if setting.maximum is None else f"{setting.maximum:g}"
        text += f" {low} … {high}."
    return text


def steps() -> Iterator[str]:
    """Every step of the workflow with its arguments."""
    from napari_tmaps.workflow.description import argument_rows
    from napari_tmaps.workflow.steps import STEPS

    yield "# Steps of the workflow"
    yield ""
    yield "What each step of the [workflow](../workflow.md) may be told (`batch_args`)."
    for step in STEPS:
        yield ""
        yield f"## {step.name}"
        yield ""
        yield _plain((step.__doc__ or "").split("\n\n")[0])
        yield ""
        after = ", ".join(step.requires) or "nothing"
        yield f"Stage `{step.stage}`; after {after}; in {' and '.join(step.workflow_types)}."
        rows = argument_rows(step.Arguments)
        if rows:
            yield ""
            yield "| Argument | Default | |"
            yield "|---|---|---|"
        for row in rows:
            yield f"| `{row['name']}` | `{row['default']!r}` | {_cell(str(row['help']))} |"


def python() -> Iterator[str]:
    """What scripts use, by mkdocstrings."""
    yield "# Python"
    yield ""
    yield "Long work is a generator of progress: loop over it; closing it cancels."
    for heading, names in PYTHON.items():
        yield ""
        yield f"## {heading}"
        for name in names:
            yield ""
            yield f"::: napari_tmaps.{name}"


def _plain(text: str) -> str:
    """Text for a page: neither HTML nor the markup of terminals."""
    text = re.sub(r"\[/?(?:bold|italic|dim)\]", "", text.partition("\f")[0])
    return text.replace("<", "&lt;").strip()


def _cell(text: str) -> str:
    return _plain(text).replace("\n", " ").replace("|", "\\|").replace("[", "\\[")
