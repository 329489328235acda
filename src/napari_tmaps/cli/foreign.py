"""`tmaps import-objects`: objects of another program."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_tmaps.cli import show
from napari_tmaps.cli.experiments import ExperimentPath
from napari_tmaps.cli.options import Verbose


def import_objects(
    experiment: ExperimentPath,
    object_type: Annotated[str, typer.Argument(metavar="TYPE", help="Name of the objects.")],
    labels: Annotated[
        Path | None,
        typer.Option(
            help="CSV with well, site, labels (TIFF or PNG files); plate and t if needed."
        ),
    ] = None,
    features: Annotated[
        Path | None,
        typer.Option(help="CSV with well, site, label, and a column for each feature."),
    ] = None,
    verbose: Verbose = False,
) -> None:
    """Take objects that another program found: label images, and what it measured.

    They are objects like all others. A pipeline may start from them; none replaces them.
    """
    with show.plain_errors(verbose):
        from napari_tmaps.errors import InputError
        from napari_tmaps.pipeline.foreign_files import import_labels, import_values
        from napari_tmaps.store.experiment import Experiment
        from napari_tmaps.workflow.lock import coordinating

        if labels is None and features is None:
            raise InputError("Say what to import: --labels FILE.csv, --features FILE.csv, or both.")
        failed = 0
        with Experiment.open(experiment) as opened, coordinating(opened.path, "import-objects"):
            for table, take in ((labels, import_labels), (features, import_values)):
                if table is not None:
                    failed += show.follow(take(opened, object_type, table))[0]
            number = opened.features.count(object_type)
        typer.echo(f"There are {number} objects of type '{object_type}' now.")
        if failed:
            raise typer.Exit(1)
