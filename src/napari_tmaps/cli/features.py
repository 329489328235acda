"""`tmaps features`: tables of features, and what the features are."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from napari_tmaps.cli import show
from napari_tmaps.cli.experiments import resolve
from napari_tmaps.cli.options import Verbose
from napari_tmaps.errors import InputError


class Names(StrEnum):
    """Whose names the columns of a table have."""

    TMAPS = "tmaps"
    CELLPROFILER = "cellprofiler"


def features(
    experiment: Annotated[
        str | None,
        typer.Argument(
            metavar="EXPERIMENT",
            help="Folder of the experiment (….tmaps), or its name or number; with --explain the "
            "name of a feature, or nothing.",
        ),
    ] = None,
    object_type: Annotated[
        str | None, typer.Argument(metavar="TYPE", help="Object type, e.g. Nuclei.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="File to write: .csv or .parquet.")] = None,
    columns: Annotated[
        str | None, typer.Option(help="Only these features, separated by commas.")
    ] = None,
    names: Annotated[
        Names,
        typer.Option(help="cellprofiler: CellProfiler's names for features that mean the same."),
    ] = Names.TMAPS,
    explain: Annotated[
        bool,
        typer.Option(
            "--explain",
            help="Say what a feature is: formula, unit, range, source. Without a name all.",
        ),
    ] = False,
    verbose: Verbose = False,
) -> None:
    """Write the features of all objects of a type into one table, or say what features are."""
    with show.plain_errors(verbose):
        if explain:
            _explain(experiment)
            return
        if experiment is None or object_type is None or out is None:
            raise InputError(
                "Say of which experiment and objects to write the features, and where to: tmaps "
                "features EXPERIMENT TYPE --out FILE. For what features are: tmaps features "
                "--explain."
            )
        _write(resolve(experiment), object_type, out, columns, names)


def _explain(name: str | None) -> None:
    from napari_tmaps.model import features as dictionary

    wanted = [name] if name else [feature.name for feature in dictionary.FEATURES]
    typer.echo("\n\n".join(dictionary.explain(each) for each in wanted))


def _write(
    experiment: Path, object_type: str, out: Path, columns: str | None, names: Names
) -> None:
    from napari_tmaps.model.features import cellprofiler_names
    from napari_tmaps.store.experiment import Experiment
    from napari_tmaps.store.tables import write_table

    with Experiment.open(experiment) as opened:
        chosen = None if columns is None else [name.strip() for name in columns.split(",")]
        renamed = {}
        if names is Names.CELLPROFILER:
            renamed = cellprofiler_names(chosen or opened.features.columns(object_type))
        rows = write_table(opened.features, object_type, out, columns=chosen, renamed=renamed)
    typer.echo(f"Wrote {rows} objects of type '{object_type}' to '{out}'.")
    if names is Names.CELLPROFILER:
        typer.echo(f"{len(renamed)} columns have CellProfiler's names.")
