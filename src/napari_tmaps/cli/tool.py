"""`tmaps tool`, `tmaps results`, `tmaps plate-map`: answers from tables of objects."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from napari_tmaps.cli import show
from napari_tmaps.cli.experiments import ExperimentPath, resolve
from napari_tmaps.cli.options import AsJson, Verbose
from napari_tmaps.errors import InputError


def tool(
    experiment: Annotated[
        str | None,
        typer.Argument(
            metavar="EXPERIMENT", help="Folder, name or number; nothing lists the tools."
        ),
    ] = None,
    object_type: Annotated[
        str | None, typer.Argument(metavar="TYPE", help="Object type, e.g. Nuclei.")
    ] = None,
    name: Annotated[str | None, typer.Argument(metavar="TOOL", help="E.g. cluster.")] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set", "-s", help="A setting, e.g. -s clusters=4; lists with commas or as JSON."
        ),
    ] = None,
    result: Annotated[str, typer.Option(help="Name of the result.")] = "",
    model: Annotated[
        Path | None, typer.Option(help="A stored classifier (.npz) to classify with, no training.")
    ] = None,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Run a tool on the objects of an experiment: classify, cluster, embed, assay …"""
    with show.plain_errors(verbose):
        if experiment is None:
            _list()
            return
        if object_type is None or (name is None and model is None):
            raise InputError(
                "Say which objects and which tool: tmaps tool EXPERIMENT TYPE TOOL. For the tools: "
                "tmaps tool."
            )
        from napari_tmaps.store.experiment import Experiment
        from napari_tmaps.tools.run import apply_classifier, results_of, run_tool

        with Experiment.open(resolve(experiment)) as opened:
            if model is not None:
                about = apply_classifier(opened, model, object_type, name=result)
            else:
                values = _settings(str(name), settings or [])
                about = run_tool(opened, str(name), object_type, values, name=result)
            wells = results_of(opened).wells(object_type, about.name)
        if as_json:
            typer.echo(about.model_dump_json(indent=2))
            return
        typer.echo(f"Result '{about.name}' of {about.objects} objects '{object_type}'.")
        for column in about.columns:
            typer.echo(f"  {column}")
        if wells is not None:
            typer.echo(wells.to_string(index=False, max_rows=20))
        if about.report:
            show.as_json(about.report)
        if about.notes:
            show.oddities(about.notes)


def results(
    experiment: ExperimentPath,
    object_type: Annotated[str, typer.Argument(metavar="TYPE", help="Object type, e.g. Nuclei.")],
    rename: Annotated[
        tuple[str, str] | None, typer.Option(metavar="OLD NEW", help="Give a result a new name.")
    ] = None,
    delete: Annotated[str, typer.Option(help="Delete the result of this name.")] = "",
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """List the results of tools; rename or delete one."""
    with show.plain_errors(verbose):
        from napari_tmaps.store.experiment import Experiment
        from napari_tmaps.tools.run import results_of

        with Experiment.open(experiment) as opened:
            store = results_of(opened)
            if rename is not None:
                store.rename(object_type, *rename)
            if delete:
                store.remove(object_type, delete)
            found = [store.about(object_type, name) for name in store.names(object_type)]
        if as_json:
            listed = [about.model_dump(mode="json") for about in found]
            show.as_json(listed)
            return
        for about in found:
            typer.echo(f"{about.name}: {about.tool}, {', '.join(about.columns) or 'wells'}")
        if not found:
            typer.echo(f"There are no results of '{object_type}'.")


def plate_map(
    experiment: ExperimentPath,
    file: Annotated[
        Path,
        typer.Argument(
            help="CSV with well (and plate), then treatment, dose, replicate, control …"
        ),
    ],
    verbose: Verbose = False,
) -> None:
    """Say what is in which well: treatment, dose, controls."""
    with show.plain_errors(verbose):
        from napari_tmaps.store.experiment import Experiment
        from napari_tmaps.store.plate_map import read_plate_map, save_plate_map

        with Experiment.open(experiment) as opened:
            read = read_plate_map(file, opened.plate_names())
            changed = save_plate_map(read, opened.path, opened.plate_names())
        typer.echo(
            f"{len(read.wells)} wells with {', '.join(read.columns) or 'no columns'}; "
            f"{changed} values are new."
        )


def _list() -> None:
    from napari_tmaps.tools import TOOLS

    for spec in TOOLS.values():
        typer.echo(f"{spec.name}: {spec.summary}")
        for setting in spec.settings:
            typer.echo(f"    {setting.name} = {setting.default!r}: {setting.help}")


def _settings(name: str, texts: list[str]) -> dict[str, Any]:
    """Settings from texts, each as the type that the tool wants."""
    from napari_tmaps.tools import TOOLS

    kinds = {s.name: s.type for s in TOOLS[name].settings} if name in TOOLS else {}
    found: dict[str, Any] = {}
    for text in texts:
        key, sign, value = text.partition("=")
        if not sign:
            raise InputError(f"The setting '{text}' should be NAME=VALUE, e.g. clusters=4.")
        kind = kinds.get(key.strip(), str)
        if kind is str:
            found[key.strip()] = value
            continue
        try:
            found[key.strip()] = json.loads(value.lower() if kind is bool else value)
        except ValueError:
            parts = [part.strip() for part in value.split(",")]
            found[key.strip()] = parts if kind is tuple else value
    return found
